/** The days in UTC that a budget is for, as the database has them: the first one is included, and the end is not. */
export type Period = { readonly start: string; readonly end: string; readonly today: string };

/** The calendar month that a moment is in, in UTC (budgets specification, 3.7). */
export function periodOf(now: Date): Period {
  const firstOfMonth = (ahead: number) => dayOf(new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1)));
  return { start: firstOfMonth(0), end: firstOfMonth(1), today: dayOf(now) };
}

/** The moment that a day in UTC begins at, as the API shows it. */
export function startOf(day: string): string {
  return `${day}T00:00:00.000Z`;
}

const dayOf = (moment: Date): string => moment.toISOString().slice(0, "2026-03-15".length);
