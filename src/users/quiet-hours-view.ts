import { z } from "zod";
import { DEFAULT_QUIET_HOURS, nextQuietHours, quietHoursOf } from "../lifecycle/quiet-hours.ts";

/** What says when a user's quiet hours are. */
export const quietHoursBody = z.strictObject({
  schedule: z
    .string({ error: "must be text" })
    .max(256, { error: "must have at most 256 characters" })
    .describe("a time of every day, such as `CRON_TZ=Europe/Berlin 0 2 * * *`; empty: the default again"),
});

/** A user's quiet hours as the API shows them. */
export const quietHoursSchema = z.object({
  raw_schedule: z.string(),
  user_set: z.boolean().describe("false: it is the default"),
  time: z.string().describe("when they begin, such as `02:00`"),
  timezone: z.string(),
  next: z.iso.datetime().describe("when they begin next"),
});
export type QuietHoursView = z.infer<typeof quietHoursSchema>;

/** Turns what is stored of a user's quiet hours, which is empty for the default, into what the API shows. */
export function quietHoursView(stored: string, now: Date): QuietHoursView {
  const quietHours = quietHoursOf(stored);
  const twoDigits = (number: number) => String(number).padStart(2, "0");
  return {
    raw_schedule: stored || DEFAULT_QUIET_HOURS,
    user_set: stored !== "",
    time: `${twoDigits(quietHours.hour)}:${twoDigits(quietHours.minute)}`,
    timezone: quietHours.timezone,
    next: nextQuietHours(quietHours, now).toISOString(),
  };
}
