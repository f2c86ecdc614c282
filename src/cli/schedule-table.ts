import type { SchedulePreview } from "../prebuilds/schedule-preview.ts";
import { formatTable } from "./table.ts";
import { instantText, oneLine } from "./words.ts";

type ClockChange = SchedulePreview["clock_changes"][number];

const HEADINGS = ["LOCAL TIME", "SIZE", "WINDOW"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** A pool's sizes to come, for a person: what is wrong with its schedule, each change, and the changes of the clocks. */
export function scheduleLines(title: string, preview: SchedulePreview, days: number): string[] {
  const { problem, timezone, base, changes, clock_changes: clockChanges } = preview;
  const ahead = days === 1 ? "24 hours" : `${days} days`;
  return [
    ...(problem === null ? [] : [`the schedule of ${title} is not used, because ${oneLine(problem)}`]),
    ...(changes.length === 0
      ? [`${title} holds ${preview.now.instances} for the next ${ahead}`]
      : [`${title} holds ${base} where no window is open; times of ${timezone}, for the next ${ahead}`]),
    ...(changes.length === 0 ? [] : formatTable(headings(clockChanges), rowsOf(preview))),
    ...clockChanges.map(clockLine),
  ];
}

function headings(clockChanges: readonly ClockChange[]): string[] {
  return clockChanges.length === 0 ? HEADINGS : [...HEADINGS, "CLOCKS"];
}

function rowsOf({ now, changes, clock_changes: clockChanges }: SchedulePreview): (string | number)[][] {
  const marks = new Map(clockChanges.map(({ local_date, minutes }) => [local_date, `${direction(minutes)} this day`]));
  return [
    ["now", now.instances, windowText(now.cron), ""],
    ...changes.map(({ local, instances, cron }) => {
      return [`${weekday(local)} ${local}`, instances, windowText(cron), marks.get(dateOf(local)) ?? ""];
    }),
  ];
}

function clockLine({ at, local_date: date, minutes }: ClockChange): string {
  const by = `${Math.abs(minutes)} minutes`;
  return `the clocks go ${direction(minutes)} by ${by} on ${weekday(date)} ${date} (at ${instantText(at)})`;
}

const direction = (minutes: number): string => (minutes > 0 ? "forward" : "back");
const windowText = (cron: string | null): string => cron ?? "none";
const dateOf = (local: string): string => local.slice(0, "2025-03-30".length);
const weekday = (local: string): string => WEEKDAYS[new Date(`${dateOf(local)}T00:00:00Z`).getUTCDay()] ?? "";
