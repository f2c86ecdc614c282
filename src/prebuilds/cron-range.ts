/** The minutes that a cron expression stands for when it is read as a range of time and not as a list of instants. */
export type CronRange = {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: Days;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly daysOfWeek: Days;
};

/** The days of one field; `any` when it is `*`, which leaves the choice to the other field of days. */
type Days = { readonly any: boolean; readonly days: ReadonlySet<number> };

/** A minute as a clock on a wall shows it; the month counts from 1, the weekday from Sunday, which is 0. */
export type LocalMinute = {
  readonly minute: number;
  readonly hour: number;
  readonly dayOfMonth: number;
  readonly month: number;
  readonly dayOfWeek: number;
};

type Field = {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  readonly hint?: string;
};

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS = {
  minute: { name: "a minute", min: 0, max: 59 },
  hour: { name: "an hour", min: 0, max: 23 },
  dayOfMonth: { name: "a day of the month", min: 1, max: 31 },
  month: { name: "a month", min: 1, max: 12, names: MONTHS },
  dayOfWeek: { name: "a weekday", min: 0, max: 6, names: WEEKDAYS, hint: "; Sunday is 0" },
} satisfies Record<string, Field>;

/** The last day of each month; a leap year's, because such a day does come. */
const LAST_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads a cron expression of five fields: numbers, names of months and weekdays, `*`, ranges, lists and steps.
 * @returns the range, or what the expression does wrong: "has an hour above 23"
 */
export function parseCronRange(expression: string): CronRange | string {
  const fields = expression.trim().split(/\s+/);
  const [minute = "", hour = "", dayOfMonth = "", month = "", dayOfWeek = ""] = fields;
  if (fields.length !== 5 || minute === "") {
    return "must be a cron expression of five fields, such as * 8-18 * * 1-5";
  }
  const minutes = parseField(minute, FIELDS.minute);
  const hours = parseField(hour, FIELDS.hour);
  const days = parseField(dayOfMonth, FIELDS.dayOfMonth);
  const months = parseField(month, FIELDS.month);
  const weekdays = parseField(dayOfWeek, FIELDS.dayOfWeek);
  for (const field of [minutes, hours, days, months, weekdays]) if (typeof field === "string") return field;
  const range = {
    minutes: minutes as ReadonlySet<number>,
    hours: hours as ReadonlySet<number>,
    daysOfMonth: { any: dayOfMonth === "*", days: days as ReadonlySet<number> },
    months: months as ReadonlySet<number>,
    daysOfWeek: { any: dayOfWeek === "*", days: weekdays as ReadonlySet<number> },
  };
  return everComes(range) ? range : "never comes: there is no such day";
}

/**
 * The numbers that one field stands for (specification 11, the range parser).
 * @returns the numbers, or what the field does wrong
 */
export function parseField(text: string, field: Field): ReadonlySet<number> | string {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^(?:(\*)|([a-z]+|\d{1,4})(?:-([a-z]+|\d{1,4}))?)(?:\/(\d{1,4}))?$/i.exec(part);
    const [, star, first = "", last, stepText] = match ?? [];
    if (!match || (stepText !== undefined && !star && last === undefined)) return unreadable(part, field);
    const from = star ? field.min : numberOf(first, field);
    const to = star ? field.max : last === undefined ? from : numberOf(last, field);
    const step = stepText === undefined ? 1 : Number(stepText);
    if (from === undefined || to === undefined || step === 0) return unreadable(part, field);
    if (to > field.max) return `has ${field.name} above ${field.max}${field.hint ?? ""}`;
    if (from < field.min) return `has ${field.name} below ${field.min}`;
    if (from > to) return `has a range that ends before it begins: ${part}`;
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

/** Whether the range contains a minute. Two restricted fields of days mean either of them, as cron has it. */
export function contains(range: CronRange, at: LocalMinute): boolean {
  return (
    range.minutes.has(at.minute) &&
    range.hours.has(at.hour) &&
    range.months.has(at.month) &&
    (range.daysOfMonth.any || range.daysOfWeek.any
      ? range.daysOfMonth.days.has(at.dayOfMonth) && range.daysOfWeek.days.has(at.dayOfWeek)
      : range.daysOfMonth.days.has(at.dayOfMonth) || range.daysOfWeek.days.has(at.dayOfWeek))
  );
}

/**
 * Whether two ranges are taken to overlap (specification 11, with minutes added): days of the month count only where
 * both expressions restrict them, and so do weekdays. Dates are not looked at, so the 1st and a Thursday, which may
 * fall on the same day, do not overlap with the 2nd and a Monday.
 */
export function overlaps(a: CronRange, b: CronRange): boolean {
  return meet(a.minutes, b.minutes) && meet(a.hours, b.hours) && meet(a.months, b.months) && daysOverlap(a, b);
}

function daysOverlap(a: CronRange, b: CronRange): boolean {
  const weekdays = meet(a.daysOfWeek.days, b.daysOfWeek.days);
  const days = meet(a.daysOfMonth.days, b.daysOfMonth.days);
  if (a.daysOfMonth.any || b.daysOfMonth.any) return weekdays;
  if (a.daysOfWeek.any || b.daysOfWeek.any) return days;
  return days || weekdays;
}

const meet = (a: ReadonlySet<number>, b: ReadonlySet<number>): boolean => !a.isDisjointFrom(b);

/** With a weekday there is always a day; without one, some month must be long enough. */
function everComes({ months, daysOfMonth, daysOfWeek }: CronRange): boolean {
  if (daysOfMonth.any || !daysOfWeek.any) return true;
  const first = Math.min(...daysOfMonth.days);
  return [...months].some((month) => first <= (LAST_DAYS[month - 1] ?? 0));
}

function numberOf(text: string, { names, min }: Field): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const index = names?.indexOf(text.toLowerCase()) ?? -1;
  return index < 0 ? undefined : index + min;
}

function unreadable(part: string, { name }: Field): string {
  return `has ${name} that cannot be read: ${JSON.stringify(part)}`;
}
