import { z } from "zod";
import { durationText } from "../duration.ts";
import { bitsOf, DAYS_OF_WEEK } from "../lifecycle/days.ts";
import type { TemplateLifecycle } from "../lifecycle/facts.ts";
import { LIFECYCLE_LIMITS, ttlProblem } from "../templates/lifecycle-settings.ts";
import { changedSettings } from "./changes.ts";
import { listOf, rule, seconds, secondsOrNever } from "./fields.ts";

const { ttlDays, dormancyDays, weeks } = LIFECYCLE_LIMITS;

const daysOfWeek = listOf(z.enum(DAYS_OF_WEEK)).refine((days) => new Set(days).size === days.length, {
  error: "must not name a day twice",
});

const weeksField = rule<number>(
  `must be a whole number from 1 to ${weeks}`,
  (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= weeks,
);

/** What a template says of the lifecycle of its workspaces; what is left out is as `wantedLifecycle` has it. */
export const lifecycleFields = {
  default_ttl: seconds(0, ttlDays).optional(),
  max_ttl: seconds(0, ttlDays).optional(),
  activity_bump: seconds(0, ttlDays).optional(),
  failure_ttl: secondsOrNever(ttlDays).optional(),
  time_til_dormant: secondsOrNever(dormancyDays).optional(),
  time_til_dormant_autodelete: secondsOrNever(dormancyDays).optional(),
  allow_user_autostart: z.boolean().optional(),
  allow_user_autostop: z.boolean().optional(),
  autostop_requirement: z.strictObject({ days_of_week: daysOfWeek, weeks: weeksField.default(1) }).optional(),
  autostart_requirement: z.strictObject({ days_of_week: daysOfWeek }).optional(),
  require_active_version: z.boolean().optional(),
};

/** What a document says of one template's lifecycle; durations are seconds. */
export type GivenLifecycle = z.output<z.ZodObject<typeof lifecycleFields>>;

/**
 * A template's lifecycle as the document wants it. What it leaves out the template keeps, except for a default time to
 * live, which is 0 then, unless the template has a longest one, under which it cannot be.
 */
export function wantedLifecycle(given: GivenLifecycle, current: TemplateLifecycle): TemplateLifecycle {
  const { autostop_requirement: stop, autostart_requirement: start } = given;
  const maxTtlMs = milliseconds(given.max_ttl) ?? current.maxTtlMs;
  return {
    defaultTtlMs: milliseconds(given.default_ttl) ?? (maxTtlMs > 0 ? current.defaultTtlMs : 0),
    maxTtlMs,
    activityBumpMs: milliseconds(given.activity_bump) ?? current.activityBumpMs,
    failureTtlMs: milliseconds(given.failure_ttl) ?? current.failureTtlMs,
    timeTilDormantMs: milliseconds(given.time_til_dormant) ?? current.timeTilDormantMs,
    timeTilDormantAutodeleteMs: milliseconds(given.time_til_dormant_autodelete) ?? current.timeTilDormantAutodeleteMs,
    allowUserAutostart: given.allow_user_autostart ?? current.allowUserAutostart,
    allowUserAutostop: given.allow_user_autostop ?? current.allowUserAutostop,
    autostartDays: start ? bitsOf(start.days_of_week) : current.autostartDays,
    autostopRequirement: stop ? { days: bitsOf(stop.days_of_week), weeks: stop.weeks } : current.autostopRequirement,
    requireActiveVersion: given.require_active_version ?? current.requireActiveVersion,
  };
}

/** Why no template can have this lifecycle, in the words of the document; undefined when one can. */
export function lifecycleProblem(wanted: Pick<TemplateLifecycle, "defaultTtlMs" | "maxTtlMs">): string | undefined {
  return ttlProblem(wanted, { default: "default_ttl", max: "max_ttl", value: durationText });
}

/** What of a document cannot be true together, whatever the template is now. */
export function givenProblem({ default_ttl: ttl, max_ttl: max }: GivenLifecycle): string | undefined {
  if (ttl === undefined || max === undefined) return undefined;
  return lifecycleProblem({ defaultTtlMs: ttl * 1_000, maxTtlMs: max * 1_000 });
}

/** The names of the settings in which two lifecycles differ. */
export function changedLifecycle(current: TemplateLifecycle, wanted: TemplateLifecycle): string[] {
  return changedSettings([
    ["default_ttl", current.defaultTtlMs, wanted.defaultTtlMs],
    ["max_ttl", current.maxTtlMs, wanted.maxTtlMs],
    ["activity_bump", current.activityBumpMs, wanted.activityBumpMs],
    ["failure_ttl", current.failureTtlMs, wanted.failureTtlMs],
    ["time_til_dormant", current.timeTilDormantMs, wanted.timeTilDormantMs],
    ["time_til_dormant_autodelete", current.timeTilDormantAutodeleteMs, wanted.timeTilDormantAutodeleteMs],
    ["allow_user_autostart", current.allowUserAutostart, wanted.allowUserAutostart],
    ["allow_user_autostop", current.allowUserAutostop, wanted.allowUserAutostop],
    ["autostop_requirement", current.autostopRequirement, wanted.autostopRequirement],
    ["autostart_requirement", current.autostartDays, wanted.autostartDays],
    ["require_active_version", current.requireActiveVersion, wanted.requireActiveVersion],
  ]);
}

function milliseconds(given: number | undefined): number | undefined {
  return given === undefined ? undefined : given * 1_000;
}
