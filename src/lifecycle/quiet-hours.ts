import { isTimezone } from "../prebuilds/local-time.ts";
import { DAY_MS, firstInstantOf, startOfDay, wallTimeAt } from "./wall-time.ts";

/** The time of day at which a user's workspaces may be stopped because they must be. */
export type QuietHours = { readonly timezone: string; readonly hour: number; readonly minute: number };

/** The quiet hours of whoever has not chosen any: midnight in UTC. */
export const DEFAULT_QUIET_HOURS = "CRON_TZ=UTC 0 0 * * *";

const DEFAULT: QuietHours = { timezone: "UTC", hour: 0, minute: 0 };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const EXAMPLE = "CRON_TZ=Europe/Berlin 30 2 * * *";

/**
 * Reads quiet hours: a time of each day as a cron expression, `30 2 * * *`, with `CRON_TZ=Zone ` in front when it is
 * not UTC.
 * @returns the quiet hours, or a sentence that says what is wrong with the text
 */
export function parseQuietHours(text: string): QuietHours | string {
  const match = /^(?:CRON_TZ=(\S*)\s+)?(\d{1,2})\s+(\d{1,2})\s+\*\s+\*\s+\*$/.exec(text.trim());
  if (!match) return `must be one time of every day, such as ${EXAMPLE} for half past two at night`;
  const [timezone, minute, hour] = [match[1] ?? "UTC", Number(match[2]), Number(match[3])];
  if (timezone === "") return `names no time zone after CRON_TZ=; name one, as in ${EXAMPLE}`;
  if (/^[+-]\d/.test(timezone)) {
    return `names the offset ${timezone}; name a time zone such as Europe/Berlin, which knows daylight saving`;
  }
  if (!isTimezone(timezone)) {
    return `names the time zone ${timezone}, which does not exist; name one such as Europe/Berlin`;
  }
  if (minute > 59) return `has the minute ${minute}, and the last one is 59`;
  if (hour > 23) return `has the hour ${hour}, and the last one is 23`;
  return { timezone, hour, minute };
}

/** The quiet hours that a user has by what is stored; empty or unreadable text means the default. */
export function quietHoursOf(stored: string): QuietHours {
  const quietHours = parseQuietHours(stored);
  return typeof quietHours === "string" ? DEFAULT : quietHours;
}

/**
 * When quiet hours begin first, strictly after `after`. On a day that leaves their time out they begin when the clocks
 * have been set forward; when the clocks show it twice they begin the first time.
 */
export function nextQuietHours(quietHours: QuietHours, after: Date): Date {
  let day = startOfDay(wallTimeAt(quietHours.timezone, after.getTime()));
  for (;;) {
    const instant = quietHoursOn(quietHours, day);
    if (instant > after.getTime()) return new Date(instant);
    day += DAY_MS;
  }
}

/** The instant at which quiet hours begin on a day, given as the wall time of its beginning. */
export function quietHoursOn({ timezone, hour, minute }: QuietHours, day: number): number {
  return firstInstantOf(timezone, day + hour * HOUR_MS + minute * MINUTE_MS);
}
