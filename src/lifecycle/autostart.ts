import { Cron } from "croner";
import { isTimezone } from "../prebuilds/local-time.ts";
import { ALL_DAYS, daysOf } from "./days.ts";
import type { TemplateLifecycle, WorkspaceLifecycle } from "./facts.ts";
import { DAY_MS, dayBitOf, firstInstantOf, startOfDay, wallTimeAt } from "./wall-time.ts";

/** A schedule by which a workspace starts: the time zone's clocks show a time that the cron expression names. */
export type AutostartSchedule = { readonly timezone: string; readonly cron: string };

type AutostartRules = Pick<TemplateLifecycle, "allowUserAutostart" | "autostartDays">;
type Readable = AutostartSchedule & {
  readonly pattern: Cron;
  /** Whether the schedule ever names one of the days (as bits) that are asked for. */
  readonly comesOn: Map<number, boolean>;
};

const MINUTE_MS = 60_000;
/** Thousands of workspaces share a few schedules, and reading one costs more than using it. */
const MAX_REMEMBERED = 5_000;
/** Every date falls on every day of the week within 28 years, and so does 29 February in these. */
const CYCLE = { from: Date.UTC(2000, 0, 1), to: Date.UTC(2028, 0, 1) };
const EXAMPLE = "CRON_TZ=Europe/Berlin 30 9 * * 1-5";

/**
 * Reads an autostart schedule: a cron expression of five fields, with `CRON_TZ=Zone ` in front when it is not UTC.
 * @returns the schedule, or a sentence that says what is wrong with the text
 */
export function parseAutostart(text: string): AutostartSchedule | string {
  const readable = read(text);
  return typeof readable === "string" ? readable : { timezone: readable.timezone, cron: readable.cron };
}

/**
 * The first time strictly after `after` at which the workspace starts by itself: its schedule says so, and the template
 * allows the day, which is the one that it is in the schedule's time zone. Null when it never does.
 *
 * A start at a time that the clocks leave out happens when they have been set forward; one at a time that they show
 * twice happens the first time. That holds for steps and lists too, so starts in an hour that is left out become one.
 */
export function nextStart(
  w: Pick<WorkspaceLifecycle, "autostartSchedule"> & { readonly template: AutostartRules },
  after: Date,
): Date | null {
  if (w.autostartSchedule === null || !w.template.allowUserAutostart) return null;
  const readable = read(w.autostartSchedule);
  return typeof readable === "string" ? null : firstStart(readable, w.template.autostartDays, after.getTime());
}

/**
 * Why a workspace cannot have this schedule under this template, in a sentence about the schedule; undefined when it
 * can.
 */
export function autostartProblem(text: string, template: AutostartRules): string | undefined {
  const readable = read(text);
  if (typeof readable === "string") return readable;
  if (!template.allowUserAutostart) return "cannot be set: the template does not let people choose when theirs start";
  if (comesOn(readable, template.autostartDays)) return undefined;
  const days = daysOf(template.autostartDays).join(", ");
  if (days === "") return "cannot be set: the template allows no day on which workspaces may start by themselves";
  return `never comes true on a day that the template allows: ${days}`;
}

/**
 * Looks for wall times, in which no hour is missing or twice, and says for each when it comes. A day that is not
 * allowed is left at once, for a schedule may name each of its minutes.
 */
function firstStart(schedule: Readable, days: number, after: number): Date | null {
  if (!comesOn(schedule, days)) return null;
  const { timezone } = schedule;
  let wall = wallTimeAt(timezone, after);
  for (;;) {
    const next = nextWallTime(schedule, wall);
    if (next === null) return null;
    wall = next;
    if ((dayBitOf(wall) & days) === 0) {
      wall = startOfDay(wall) + DAY_MS - MINUTE_MS;
      continue;
    }
    const instant = firstInstantOf(timezone, wall);
    if (instant > after && (dayBitOf(wallTimeAt(timezone, instant)) & days) !== 0) return new Date(instant);
  }
}

function comesOn(schedule: Readable, days: number): boolean {
  if ((days & ALL_DAYS) === 0) return false;
  const known = schedule.comesOn.get(days);
  if (known !== undefined) return known;
  const answer = findDay(schedule, days);
  schedule.comesOn.set(days, answer);
  return answer;
}

function findDay(schedule: Readable, days: number): boolean {
  let wall: number | null = CYCLE.from - MINUTE_MS;
  while (wall !== null && wall < CYCLE.to) {
    wall = nextWallTime(schedule, wall);
    if (wall === null) return false;
    if ((dayBitOf(wall) & days) !== 0) return true;
    wall = startOfDay(wall) + DAY_MS - MINUTE_MS;
  }
  return false;
}

/** The first whole minute after a wall time that the expression names; null when there is none. */
function nextWallTime({ pattern }: Readable, wall: number): number | null {
  return pattern.nextRun(new Date(Math.floor(wall / MINUTE_MS) * MINUTE_MS))?.getTime() ?? null;
}

const remembered = new Map<string, Readable | string>();

function read(text: string): Readable | string {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  const readable = parse(text);
  remembered.set(text, readable);
  return readable;
}

function parse(text: string): Readable | string {
  const match = /^(?:CRON_TZ=(\S*)\s+)?(\S.*)$/.exec(text.trim());
  if (!match?.[2] || match[2].startsWith("CRON_TZ=")) return `must be a cron expression such as ${EXAMPLE}`;
  const [timezone, cron] = [match[1] ?? "UTC", match[2]];
  if (timezone === "") return `names no time zone after CRON_TZ=; name one, as in ${EXAMPLE}`;
  if (/^[+-]\d/.test(timezone)) {
    return `names the offset ${timezone}; name a time zone such as Europe/Berlin, which knows daylight saving`;
  }
  if (!isTimezone(timezone)) {
    return `names the time zone ${timezone}, which does not exist; name one such as Europe/Berlin`;
  }
  const fields = cron.split(/\s+/).length;
  if (fields !== 5) {
    const count = fields === 1 ? "one field" : `${fields} fields`;
    return `has the cron expression ${cron}, which has ${count}; it takes five (minute, hour, day of the month, month, day of the week), as in ${EXAMPLE}`;
  }
  const pattern = patternOf(cron);
  if (typeof pattern === "string") return `has the cron expression ${cron}, which cannot be read: ${pattern}`;
  const readable = { timezone, cron, pattern, comesOn: new Map<number, boolean>() };
  return comesOn(readable, ALL_DAYS) ? readable : `has the cron expression ${cron}, which never comes true`;
}

/**
 * The expression as croner reads it, in UTC: the time zone is ours, so that each start happens exactly once.
 * @returns the pattern, or what croner finds wrong: "Invalid value for hour: 24"
 */
function patternOf(cron: string): Cron | string {
  try {
    return new Cron(cron, { timezone: "UTC", mode: "5-part" });
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^\w+: /, "").replace(/\.$/, "") : String(error);
  }
}
