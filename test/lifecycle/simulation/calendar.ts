/**
 * What the clocks of the simulated week show, found out in the slowest and simplest way: each minute is asked for. None
 * of the daemon's own functions for dates is used here, for these are what its dates are compared with.
 */
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The Monday from which weeks are counted, in days since 1970. */
const FIRST_MONDAY = Date.UTC(2023, 0, 2) / DAY;

/** A moment at which clocks come to show a time of day, and which day it is where they are: 1 is Monday, 7 Sunday. */
export type DailyMoment = { readonly at: number; readonly weekday: number; readonly week: number };

export type Calendar = {
  /** When clocks show a time of day, or have just left it out, for the first time on each day. */
  daily(zone: string, hour: number, minute: number): readonly DailyMoment[];
};

/** For each day, the first instant at which clocks show each minute of it or a later one. */
type Days = ReadonlyMap<number, readonly number[]>;

/** Makes a calendar that knows the time from one instant until another. */
export function createCalendar(from: number, until: number): Calendar {
  const zones = new Map<string, Days>();
  const moments = new Map<string, readonly DailyMoment[]>();

  function daysIn(zone: string): Days {
    const known = zones.get(zone) ?? readClocks(zone, from, until);
    zones.set(zone, known);
    return known;
  }

  return {
    daily(zone, hour, minute) {
      const key = `${zone} ${hour}:${minute}`;
      const known = moments.get(key) ?? momentsOf(daysIn(zone), hour * 60 + minute);
      moments.set(key, known);
      return known;
    },
  };
}

function readClocks(zone: string, from: number, until: number): Days {
  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  const days = new Map<number, number[]>();
  for (let at = from; at < until; at += MINUTE) {
    const [date = "", time = ""] = clock.format(at).split(" ");
    const [hour = 0, minute = 0] = time.split(":").map(Number);
    const day = Date.parse(date) / DAY;
    const first = days.get(day) ?? [];
    days.set(day, first);
    while (first.length <= hour * 60 + minute) first.push(at);
  }
  days.delete([...days.keys()][0] ?? 0); // it has begun before
  return days;
}

function momentsOf(days: Days, minuteOfDay: number): DailyMoment[] {
  return [...days].flatMap(([day, first]) => {
    const at = first[minuteOfDay];
    // 1970 began on a Thursday.
    return at === undefined ? [] : [{ at, weekday: ((day + 3) % 7) + 1, week: Math.floor((day - FIRST_MONDAY) / 7) }];
  });
}
