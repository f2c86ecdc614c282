import { nextStart } from "./autostart.ts";
import { ALL_DAYS } from "./days.ts";
import type { AutostopRequirement, TemplateLifecycle, WorkspaceLifecycle } from "./facts.ts";
import { type QuietHours, quietHoursOf, quietHoursOn } from "./quiet-hours.ts";
import { DAY_MS, dayBitOf, startOfDay, wallTimeAt } from "./wall-time.ts";

/** What says how long a workspace runs. */
type Ttl = Pick<WorkspaceLifecycle, "ttlMs"> & {
  readonly template: Pick<TemplateLifecycle, "allowUserAutostop" | "defaultTtlMs" | "maxTtlMs">;
};

type Autostart = Parameters<typeof nextStart>[0];
type Facts = Ttl &
  Autostart &
  Pick<WorkspaceLifecycle, "quietHoursSchedule"> & {
    readonly template: Pick<TemplateLifecycle, "autostopRequirement">;
  };

/** When a running workspace is stopped, and until when that can be put off; null means never, and for ever. */
export type Deadlines = { readonly deadline: Date | null; readonly maxDeadline: Date | null };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const WEEK_MS = 7 * DAY_MS;
/** A workspace that starts later than this before its quiet hours is spared until the next. */
const SPARED_MS = HOUR_MS;
/** The Monday from which weeks are counted, so that every second week is the same one for everybody. */
const FIRST_WEEK = Date.UTC(2023, 0, 2);

/** How long a workspace runs before it is stopped, in milliseconds; null means for ever. */
export function ttlOf(w: Ttl): number | null {
  const { allowUserAutostop, defaultTtlMs, maxTtlMs } = w.template;
  const ttl = (allowUserAutostop ? w.ttlMs : defaultTtlMs) ?? 0;
  if (ttl <= 0) return null;
  return maxTtlMs > 0 ? Math.min(ttl, maxTtlMs) : ttl;
}

/**
 * The first time that a workspace running from `after` must stop: its owner's quiet hours of a day that is required, at
 * least an hour later. Days and weeks are those of the quiet hours' time zone. Null when no day is required.
 */
export function nextRequiredStop(requirement: AutostopRequirement, quietHours: QuietHours, after: Date): Date | null {
  if ((requirement.days & ALL_DAYS) === 0) return null;
  const earliest = after.getTime() + SPARED_MS;
  let day = startOfDay(wallTimeAt(quietHours.timezone, earliest));
  for (;;) {
    if (isRequired(requirement, day)) {
      const stop = quietHoursOn(quietHours, day);
      if (stop >= earliest) return new Date(stop);
    }
    day += DAY_MS;
  }
}

function isRequired({ days, weeks }: AutostopRequirement, day: number): boolean {
  return (dayBitOf(day) & days) !== 0 && Math.floor((day - FIRST_WEEK) / WEEK_MS) % Math.max(weeks, 1) === 0;
}

/** The deadlines of a workspace that runs from `startedAt`; the deadline is never after the other. */
export function deadlinesFrom(w: Facts, startedAt: Date): Deadlines {
  const { autostopRequirement, maxTtlMs } = w.template;
  const maxDeadline = earlier(
    nextRequiredStop(autostopRequirement, quietHoursOf(w.quietHoursSchedule), startedAt),
    maxTtlMs > 0 ? new Date(startedAt.getTime() + maxTtlMs) : null,
  );
  const ttl = ttlOf(w);
  const own = ttl === null ? null : pastNextStart(w, startedAt, startedAt.getTime() + ttl);
  return { deadline: earlier(own, maxDeadline), maxDeadline };
}

/**
 * The deadline that a workspace in use from `now` gets when it would be `deadline`: if it is to start by itself before,
 * it would be stopped on the very day for which it is to be there, so it gets its whole ttl from that start. The minute
 * in which the deadline falls belongs to it, because what is due is done at its end.
 */
export function pastNextStart(w: Ttl & Autostart, now: Date, deadline: number): Date {
  const ttl = ttlOf(w);
  const start = ttl === null ? null : nextStart(w, now);
  if (ttl === null || start === null || start.getTime() >= deadline + MINUTE_MS) return new Date(deadline);
  return new Date(Math.max(start.getTime() + ttl, deadline));
}

/** The earlier of two instants of which each may be missing. */
export function earlier(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}
