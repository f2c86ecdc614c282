import { z } from "zod";
import { DAYS_OF_WEEK } from "../lifecycle/days.ts";
import { LIFECYCLE_LIMITS } from "./lifecycle-settings.ts";

const DAY_MS = 86_400_000;
const { leastMs, ttlDays, dormancyDays, weeks } = LIFECYCLE_LIMITS;
const nameRule = "must be 1 to 32 letters, digits and single hyphens between them";

/** Text of at most `max` characters that PostgreSQL gives back unchanged; may be empty. */
const text = (max: number) =>
  z
    .string({ error: "must be text" })
    .max(max, { error: `must have at most ${max} characters` })
    .refine((given) => given.isWellFormed(), { error: "must be well-formed Unicode text" });

const flag = z.boolean({ error: "must be true or false" });

/** Milliseconds from 0 on, which means `off`. */
const upTo = (days: number, off: string) => {
  const error = `must be a whole number of milliseconds from 0 (${off}) to ${days * DAY_MS} (${days} days)`;
  return z
    .number({ error })
    .int({ error })
    .min(0, { error })
    .max(days * DAY_MS, { error });
};

/** Milliseconds from a minute on, or 0, which means never. */
const minutesUpTo = (days: number) => {
  const error = `must be 0 (never) or a whole number of milliseconds from ${leastMs} (a minute) to ${days * DAY_MS} (${days} days)`;
  return z
    .number({ error })
    .int({ error })
    .refine((ms) => ms === 0 || (ms >= leastMs && ms <= days * DAY_MS), { error });
};

const daysRule = `must be a list of days, none of them twice, out of ${DAYS_OF_WEEK.join(", ")}`;

const daysOfWeek = z
  .array(z.enum(DAYS_OF_WEEK, { error: `must be one of ${DAYS_OF_WEEK.join(", ")}` }), { error: daysRule })
  .refine((days) => new Set(days).size === days.length, { error: daysRule });

const weeksRule = `must be a whole number from 1 to ${weeks}`;

/** What changes a template; what is absent stays as it is. The limits are those of the apply file. */
export const updateTemplateBody = z.strictObject({
  name: z
    .string({ error: nameRule })
    .max(32, { error: nameRule })
    .regex(/^[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$/, { error: nameRule })
    .optional(),
  display_name: text(64).optional(),
  description: text(2_048).optional(),
  icon: text(256).optional(),
  default_ttl_ms: upTo(ttlDays, "for ever")
    .optional()
    .describe("after how long workspaces stop whose owners have not chosen; 0: never"),
  max_ttl_ms: upTo(ttlDays, "as long as they like")
    .optional()
    .describe("how long workspaces run at most, whatever their owners choose; 0: as long as they like"),
  activity_bump_ms: upTo(ttlDays, "not at all")
    .optional()
    .describe("how long workspaces have left at least when they are used; 0: use does not prolong them"),
  failure_ttl_ms: minutesUpTo(ttlDays)
    .optional()
    .describe("how long after a failed build workspaces are stopped; 0: never"),
  time_til_dormant_ms: minutesUpTo(dormancyDays)
    .optional()
    .describe("after how long without use workspaces become dormant; 0: never"),
  time_til_dormant_autodelete_ms: minutesUpTo(dormancyDays)
    .optional()
    .describe("how long workspaces are dormant before they are deleted; 0: for ever"),
  allow_user_autostart: flag.optional().describe("whether people choose when theirs start"),
  allow_user_autostop: flag.optional().describe("whether people choose when theirs stop"),
  autostop_requirement: z
    .strictObject({
      days_of_week: daysOfWeek,
      weeks: z
        .number({ error: weeksRule })
        .int({ error: weeksRule })
        .min(1, { error: weeksRule })
        .max(weeks, { error: weeksRule })
        .default(1),
    })
    .optional()
    .describe("on which days, in every how many weeks, workspaces must stop in their owners' quiet hours"),
  autostart_requirement: z
    .strictObject({ days_of_week: daysOfWeek })
    .optional()
    .describe("on which days workspaces may start by themselves"),
  require_active_version: flag.optional().describe("whether workspaces are started from the active version only"),
  deprecation_message: text(1_024)
    .optional()
    .describe("why nobody should use it any more; empty: it is not deprecated"),
});
export type UpdateTemplate = z.infer<typeof updateTemplateBody>;

/** What makes another version the active one. */
export const activateVersionBody = z.strictObject({ id: z.guid({ error: "must be the id of a template version" }) });
