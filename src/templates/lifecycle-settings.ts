import { ALL_DAYS, type DayOfWeek, daysOf } from "../lifecycle/days.ts";
import type { TemplateLifecycle } from "../lifecycle/facts.ts";

/** How far a template's settings go, in the API and in the apply file. What may be 0 for "off" is not below `leastMs` else. */
export const LIFECYCLE_LIMITS = { leastMs: 60_000, ttlDays: 30, dormancyDays: 3_650, weeks: 16 } as const;

/** What a new template says of the lifecycle of its workspaces, unless it is told otherwise. */
export const NEW_TEMPLATE_LIFECYCLE: TemplateLifecycle = {
  defaultTtlMs: 0,
  maxTtlMs: 0,
  activityBumpMs: 3_600_000,
  failureTtlMs: 0,
  timeTilDormantMs: 0,
  timeTilDormantAutodeleteMs: 0,
  allowUserAutostart: true,
  allowUserAutostop: true,
  autostartDays: ALL_DAYS,
  autostopRequirement: { days: 0, weeks: 1 },
  requireActiveVersion: false,
};

/** The settings as the API and the audit log show them; days from Monday on. */
export type LifecycleView = {
  readonly default_ttl_ms: number;
  readonly max_ttl_ms: number;
  readonly activity_bump_ms: number;
  readonly failure_ttl_ms: number;
  readonly time_til_dormant_ms: number;
  readonly time_til_dormant_autodelete_ms: number;
  readonly allow_user_autostart: boolean;
  readonly allow_user_autostop: boolean;
  readonly autostop_requirement: { readonly days_of_week: DayOfWeek[]; readonly weeks: number };
  readonly autostart_requirement: { readonly days_of_week: DayOfWeek[] };
  readonly require_active_version: boolean;
};

/** Turns a template's settings into what the API shows. */
export function lifecycleView(lifecycle: TemplateLifecycle): LifecycleView {
  const { days, weeks } = lifecycle.autostopRequirement;
  return {
    default_ttl_ms: lifecycle.defaultTtlMs,
    max_ttl_ms: lifecycle.maxTtlMs,
    activity_bump_ms: lifecycle.activityBumpMs,
    failure_ttl_ms: lifecycle.failureTtlMs,
    time_til_dormant_ms: lifecycle.timeTilDormantMs,
    time_til_dormant_autodelete_ms: lifecycle.timeTilDormantAutodeleteMs,
    allow_user_autostart: lifecycle.allowUserAutostart,
    allow_user_autostop: lifecycle.allowUserAutostop,
    autostop_requirement: { days_of_week: daysOf(days), weeks },
    autostart_requirement: { days_of_week: daysOf(lifecycle.autostartDays) },
    require_active_version: lifecycle.requireActiveVersion,
  };
}

/** What the two times to live are called, and how one of them is written, where they are set. */
type TtlWords = { readonly default: string; readonly max: string; readonly value: (ms: number) => string };

/** Why a template's default and longest time to live cannot be true together; undefined when they can. */
export function ttlProblem(
  { defaultTtlMs, maxTtlMs }: Pick<TemplateLifecycle, "defaultTtlMs" | "maxTtlMs">,
  words: TtlWords,
): string | undefined {
  if (maxTtlMs === 0 || (defaultTtlMs > 0 && defaultTtlMs <= maxTtlMs)) return undefined;
  const most = words.value(maxTtlMs);
  return defaultTtlMs === 0
    ? `${words.default} is 0, so workspaces run for ever, but ${words.max} is ${most}: set ${words.default} to at most ${most}, or ${words.max} to 0`
    : `${words.default} is ${words.value(defaultTtlMs)}, which is longer than ${words.max}, ${most}: lower ${words.default} or raise ${words.max}`;
}
