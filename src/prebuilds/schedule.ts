import { type CronRange, contains, overlaps, parseCronRange } from "./cron-range.ts";
import { isTimezone, localMinute, offsetAt, steadyOffset } from "./local-time.ts";
import type { Scheduling } from "./snapshot.ts";

const MINUTE_MS = 60_000;
const MINUTES_PER_HOUR = 60;
const HOUR_MS = MINUTES_PER_HOUR * MINUTE_MS;
/** The most prebuilds that one pool may ask for; more is taken for a slip of the finger. */
export const MAX_INSTANCES = 1_000;
/** Schedules are read anew in every pass, and nearly always say what they said before. */
const MAX_REMEMBERED = 5_000;

type Window = { readonly range: CronRange; readonly cron: string; readonly instances: number };
type Compiled = { readonly timezone: string; readonly windows: readonly Window[] };

/** What a pool's size follows from: the expression of the window that is open, or null for the base. */
export type ScheduledSize = { readonly instances: number; readonly cron: string | null };

/** A change of size that a schedule brings. */
export type SizeChange = ScheduledSize & { readonly at: Date };

/** A change of the clocks: at `at` they are set by so many minutes, forward when it is positive. */
export type ClockChange = { readonly at: Date; readonly minutes: number };

/**
 * The size a pool should have at `now`: that of the first window that is open, else `base`. A window is open exactly
 * when the instant's local minute matches its cron expression. A schedule with anything wrong in it counts as none.
 */
export function targetAt(base: number, scheduling: Scheduling | null, now: Date): number {
  return scheduledSize(base, scheduling, now).instances;
}

/** The size a pool should have at `now`, and the window that says so. */
export function scheduledSize(base: number, scheduling: Scheduling | null, now: Date): ScheduledSize {
  const compiled = scheduling && compile(scheduling);
  if (compiled === null || typeof compiled === "string") return { instances: base, cron: null };
  return sizeIn(compiled, base, now.getTime(), offsetAt(compiled.timezone, now.getTime()));
}

/** Why a schedule cannot be used, so that the pool keeps its base size; undefined when it can. */
export function schedulingProblem(scheduling: Scheduling): string | undefined {
  const compiled = compile(scheduling);
  return typeof compiled === "string" ? compiled : undefined;
}

/** The windows of a list that overlap with an earlier one, each with the index of that one. */
export function overlappingWindows(crons: readonly string[]): { readonly index: number; readonly with: number }[] {
  const ranges = crons.map(parseCronRange);
  return ranges.flatMap((range, index) => {
    if (typeof range === "string") return [];
    const other = ranges.findIndex((one, at) => at < index && typeof one !== "string" && overlaps(one, range));
    return other < 0 ? [] : [{ index, with: other }];
  });
}

/** The changes of size after `from` and until `to`, in order. */
export function* sizeChanges(base: number, scheduling: Scheduling | null, from: Date, to: Date): Generator<SizeChange> {
  const compiled = scheduling && compile(scheduling);
  if (compiled === null || typeof compiled === "string") return;
  const { timezone } = compiled;
  let current = sizeIn(compiled, base, from.getTime(), offsetAt(timezone, from.getTime())).instances;
  let at = minuteAfter(from);
  while (at <= to.getTime()) {
    const offset = offsetAt(timezone, at);
    const next = sizeIn(compiled, base, at, offset);
    if (next.instances !== current) yield { at: new Date(at), ...next };
    current = next.instances;
    at += stepFrom(compiled, at, offset);
  }
}

/** When the clocks of a zone are changed after `from` and until `to`. */
export function clockChanges(timezone: string, from: Date, to: Date): ClockChange[] {
  if (!isTimezone(timezone)) return [];
  const changes: ClockChange[] = [];
  let before = offsetAt(timezone, from.getTime());
  let at = minuteAfter(from);
  while (at <= to.getTime()) {
    const offset = offsetAt(timezone, at);
    if (offset !== before) changes.push({ at: new Date(at), minutes: offset - before });
    before = offset;
    at += steadyOffset(timezone, at) === null ? MINUTE_MS : HOUR_MS - (at % HOUR_MS);
  }
  return changes;
}

const minuteAfter = (instant: Date): number => Math.floor(instant.getTime() / MINUTE_MS) * MINUTE_MS + MINUTE_MS;

/**
 * How far it is to the next minute at which the size may be another one: a minute within hours in which a window opens
 * or closes, or the clocks are changed, else the rest of the hour that the clocks show.
 */
function stepFrom({ timezone, windows }: Compiled, at: number, offset: number): number {
  const { minute, hour } = localMinute(at, offset);
  const varies = windows.some(({ range }) => range.minutes.size < MINUTES_PER_HOUR && range.hours.has(hour));
  if (varies || steadyOffset(timezone, at) === null) return MINUTE_MS;
  return Math.min((MINUTES_PER_HOUR - minute) * MINUTE_MS, HOUR_MS - (at % HOUR_MS));
}

const remembered = new Map<string, Compiled | string>();

function compile(scheduling: Scheduling): Compiled | string {
  const key = JSON.stringify(scheduling);
  const known = remembered.get(key);
  if (known !== undefined) return known;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  const compiled = read(scheduling);
  remembered.set(key, compiled);
  return compiled;
}

function read({ timezone, schedule }: Scheduling): Compiled | string {
  if (!isTimezone(timezone)) {
    return timezone === "" ? "it has no time zone" : `there is no time zone ${JSON.stringify(timezone)}`;
  }
  const windows: Window[] = [];
  for (const [index, { cron, instances }] of schedule.entries()) {
    const range = parseCronRange(cron);
    const where = `window ${index + 1} (${cron})`;
    if (typeof range === "string") return `${where} ${range}`;
    if (!Number.isInteger(instances) || instances < 0 || instances > MAX_INSTANCES) {
      return `${where} asks for ${instances} prebuilds, and 0 to ${MAX_INSTANCES} are possible`;
    }
    windows.push({ range, cron, instances });
  }
  const [overlap] = overlappingWindows(windows.map(({ cron }) => cron));
  if (overlap) return `its windows ${overlap.with + 1} and ${overlap.index + 1} overlap`;
  return { timezone, windows };
}

function sizeIn({ windows }: Compiled, base: number, instant: number, offset: number): ScheduledSize {
  const minute = localMinute(instant, offset);
  const open = windows.find(({ range }) => contains(range, minute));
  return open ? { instances: open.instances, cron: open.cron } : { instances: base, cron: null };
}
