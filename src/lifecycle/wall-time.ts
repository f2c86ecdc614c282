import { offsetAt } from "../prebuilds/local-time.ts";

/**
 * What the clocks on the walls of a time zone show, as the milliseconds at which clocks in UTC show the same. It runs
 * like time itself, but leaves an hour out or has it twice when the clocks are changed.
 */
export type WallTime = number;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const DAYS_PER_WEEK = 7;
/** 1970-01-01, where both begin to count, was a Thursday: the fourth day after a Monday's midnight. */
const DAYS_BEFORE_1970 = 3;
/** No zone is further ahead of UTC, or further behind. */
const MOST_AHEAD_MS = 15 * HOUR_MS;
const MOST_BEHIND_MS = 13 * HOUR_MS;

/** What the clocks of a zone show at an instant. */
export function wallTimeAt(timezone: string, instant: number): WallTime {
  return instant + offsetMs(timezone, instant);
}

/**
 * The first instant at which the clocks of a zone show this time or a later one. A time that they show twice is the
 * first of both; one that they leave out is the end of the gap.
 */
export function firstInstantOf(timezone: string, wall: WallTime): number {
  const [from, to] = [wall - MOST_AHEAD_MS, wall + MOST_BEHIND_MS];
  const [before, after] = [offsetMs(timezone, from), offsetMs(timezone, to)];
  if (offsetMs(timezone, wall - before) === before) return wall - before;
  if (offsetMs(timezone, wall - after) === after) return wall - after;
  return changeBetween(timezone, from, to);
}

/** When the clocks are changed between two instants that have different offsets. */
function changeBetween(timezone: string, from: number, to: number): number {
  const before = offsetMs(timezone, from);
  let [same, changed] = [Math.floor(from / MINUTE_MS), Math.ceil(to / MINUTE_MS)];
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2);
    if (offsetMs(timezone, middle * MINUTE_MS) === before) same = middle;
    else changed = middle;
  }
  return changed * MINUTE_MS;
}

/** The first moment of the day that the clocks show. */
export function startOfDay(wall: WallTime): WallTime {
  return Math.floor(wall / DAY_MS) * DAY_MS;
}

/** The day of the week that the clocks show, as its bit (see days.ts). */
export function dayBitOf(wall: WallTime): number {
  const day = (Math.floor(wall / DAY_MS) + DAYS_BEFORE_1970) % DAYS_PER_WEEK;
  return 1 << ((day + DAYS_PER_WEEK) % DAYS_PER_WEEK);
}

function offsetMs(timezone: string, instant: number): number {
  return offsetAt(timezone, instant) * MINUTE_MS;
}
