import { z } from "zod";
import { localText, offsetAt } from "./local-time.ts";
import { clockChanges, scheduledSize, schedulingProblem, sizeChanges } from "./schedule.ts";
import type { Scheduling } from "./snapshot.ts";

const DAY_MS = 86_400_000;

const size = { instances: z.number(), cron: z.string().nullable().describe("the open window; null while none is") };

/** A pool's sizes to come, as the API shows them. */
export const schedulePreviewSchema = z.object({
  preset_id: z.guid(),
  timezone: z.string(),
  base: z.number(),
  problem: z.string().nullable().describe("why the schedule is not used, so that the pool keeps its base size"),
  now: z.object(size),
  changes: z.array(
    z.object({
      at: z.iso.datetime(),
      local: z.string().describe("the same on a clock in the time zone, such as 2025-03-30 03:00"),
      ...size,
    }),
  ),
  clock_changes: z.array(
    z.object({
      at: z.iso.datetime(),
      local_date: z.string().describe("the day that becomes shorter or longer"),
      minutes: z.number().describe("how far the clocks are set forward; negative when they are set back"),
    }),
  ),
});

export type SchedulePreview = z.infer<typeof schedulePreviewSchema>;

/** What decides a pool's size: its preset, the size without a schedule, and the schedule, whose windows may be none. */
export type Previewed = Scheduling & { readonly presetId: string; readonly base: number };

/** The sizes that a pool will have within so many days from `now`, and when the clocks of its zone are changed. */
export function previewSchedule(pool: Previewed, now: Date, days: number): SchedulePreview {
  const { presetId, base, timezone, schedule } = pool;
  const scheduling = schedule.length > 0 ? { timezone, schedule } : null;
  const end = new Date(now.getTime() + days * DAY_MS);
  return {
    preset_id: presetId,
    timezone,
    base,
    problem: (scheduling && schedulingProblem(scheduling)) ?? null,
    now: scheduledSize(base, scheduling, now),
    changes: Array.from(sizeChanges(base, scheduling, now, end), ({ at, instances, cron }) => {
      return { at: at.toISOString(), local: localAt(timezone, at), instances, cron };
    }),
    clock_changes: clockChanges(timezone, now, end).map(({ at, minutes }) => {
      return { at: at.toISOString(), local_date: localAt(timezone, at).slice(0, "2025-03-30".length), minutes };
    }),
  };
}

const localAt = (timezone: string, at: Date): string => localText(at.getTime(), offsetAt(timezone, at.getTime()));
