/** The days of the week, Monday first, as the API and the apply file name them. */
export const DAYS_OF_WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

export type DayOfWeek = (typeof DAYS_OF_WEEK)[number];

/** Every day of the week, as bits. */
export const ALL_DAYS = 127;

/** The days that are set in `bits` (Monday is 1, Tuesday 2, Sunday 64), Monday first. */
export function daysOf(bits: number): DayOfWeek[] {
  return DAYS_OF_WEEK.filter((_, index) => (bits & (1 << index)) !== 0);
}

/** Days as bits, whatever their order and however often each is named. */
export function bitsOf(days: readonly DayOfWeek[]): number {
  return days.reduce((bits, day) => bits | (1 << DAYS_OF_WEEK.indexOf(day)), 0);
}
