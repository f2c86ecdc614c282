import type { LocalMinute } from "./cron-range.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Asking for an offset takes microseconds, and thousands of pools ask about the same hours of a few zones. */
const MAX_REMEMBERED = 20_000;
const steadyOffsets = new Map<string, number | null>();
const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether this is the IANA name of a time zone; offsets such as +01:00 are none, for they know no daylight saving. */
export function isTimezone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return formatOf(name) !== undefined;
  } catch {
    return false;
  }
}

/**
 * How far the clocks of a zone are ahead of UTC at an instant, in minutes.
 * @throws RangeError when there is no such zone
 */
export function offsetAt(timezone: string, instant: number): number {
  return steadyOffset(timezone, instant) ?? readOffset(timezone, instant);
}

/** The offset of the whole hour of UTC that the instant is in; null when the clocks are changed within that hour. */
export function steadyOffset(timezone: string, instant: number): number | null {
  const hour = Math.floor(instant / HOUR_MS);
  const key = `${timezone} ${hour}`;
  const known = steadyOffsets.get(key);
  if (known !== undefined) return known;
  const [first, last] = [readOffset(timezone, hour * HOUR_MS), readOffset(timezone, (hour + 1) * HOUR_MS - MINUTE_MS)];
  if (steadyOffsets.size >= MAX_REMEMBERED) steadyOffsets.clear();
  const offset = first === last ? first : null;
  steadyOffsets.set(key, offset);
  return offset;
}

function readOffset(timezone: string, instant: number): number {
  const parts = formatOf(timezone).formatToParts(instant);
  const at = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
  const shown = Date.UTC(at["year"] ?? 0, (at["month"] ?? 1) - 1, at["day"], at["hour"], at["minute"]);
  return (shown - Math.floor(instant / MINUTE_MS) * MINUTE_MS) / MINUTE_MS;
}

/** The minute that clocks show which are `offset` minutes ahead of UTC. */
export function localMinute(instant: number, offset: number): LocalMinute {
  const shown = new Date(instant + offset * MINUTE_MS);
  return {
    minute: shown.getUTCMinutes(),
    hour: shown.getUTCHours(),
    dayOfMonth: shown.getUTCDate(),
    month: shown.getUTCMonth() + 1,
    dayOfWeek: shown.getUTCDay(),
  };
}

/** An instant as clocks show it which are `offset` minutes ahead of UTC: `2025-03-30 03:00`. */
export function localText(instant: number, offset: number): string {
  return new Date(instant + offset * MINUTE_MS).toISOString().slice(0, 16).replace("T", " ");
}

/** Making a format costs a hundred times what using it does. */
function formatOf(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone);
  if (known) return known;
  const format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
    timeZone: timezone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  formats.set(timezone, format);
  return format;
}
