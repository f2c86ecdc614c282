import { durationText } from "../duration.ts";
import type { Validation } from "../errors.ts";
import { bitsOf } from "../lifecycle/days.ts";
import type { TemplateLifecycle } from "../lifecycle/facts.ts";
import { lifecycleView, ttlProblem } from "./lifecycle-settings.ts";
import type { UpdateTemplate } from "./schema.ts";
import type { TemplateRow } from "./view.ts";

/** The template as it is to be; what a request leaves out stays as it is. */
export function withSettings(template: TemplateRow, change: UpdateTemplate): TemplateRow {
  return {
    ...template,
    name: change.name ?? template.name,
    display_name: change.display_name ?? template.display_name,
    description: change.description ?? template.description,
    icon: change.icon ?? template.icon,
    deprecated: change.deprecation_message ?? template.deprecated,
    lifecycle: withLifecycle(template.lifecycle, change),
  };
}

function withLifecycle(current: TemplateLifecycle, change: UpdateTemplate): TemplateLifecycle {
  const { autostop_requirement: stop, autostart_requirement: start } = change;
  return {
    defaultTtlMs: change.default_ttl_ms ?? current.defaultTtlMs,
    maxTtlMs: change.max_ttl_ms ?? current.maxTtlMs,
    activityBumpMs: change.activity_bump_ms ?? current.activityBumpMs,
    failureTtlMs: change.failure_ttl_ms ?? current.failureTtlMs,
    timeTilDormantMs: change.time_til_dormant_ms ?? current.timeTilDormantMs,
    timeTilDormantAutodeleteMs: change.time_til_dormant_autodelete_ms ?? current.timeTilDormantAutodeleteMs,
    allowUserAutostart: change.allow_user_autostart ?? current.allowUserAutostart,
    allowUserAutostop: change.allow_user_autostop ?? current.allowUserAutostop,
    autostartDays: start ? bitsOf(start.days_of_week) : current.autostartDays,
    autostopRequirement: stop ? { days: bitsOf(stop.days_of_week), weeks: stop.weeks } : current.autostopRequirement,
    requireActiveVersion: change.require_active_version ?? current.requireActiveVersion,
  };
}

/** Which field of a request makes a template that cannot be, and why; undefined when it can be. */
export function contradictionIn(wanted: TemplateRow, change: UpdateTemplate): Validation | undefined {
  const value = (ms: number) => `${ms} (${durationText(ms)})`;
  const detail = ttlProblem(wanted.lifecycle, { default: "default_ttl_ms", max: "max_ttl_ms", value });
  return detail === undefined
    ? undefined
    : { field: change.default_ttl_ms === undefined ? "max_ttl_ms" : "default_ttl_ms", detail };
}

/** What the audit log shows of a template. */
export function auditedTemplate(template: TemplateRow): Readonly<Record<string, unknown>> {
  return {
    name: template.name,
    display_name: template.display_name,
    description: template.description,
    icon: template.icon,
    provisioner: template.provisioner,
    deprecation_message: template.deprecated,
    ...lifecycleView(template.lifecycle),
    active_version_id: template.active_version_id,
  };
}
