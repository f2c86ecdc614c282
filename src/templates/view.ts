import { z } from "zod";
import { DAYS_OF_WEEK } from "../lifecycle/days.ts";
import type { TemplateLifecycle } from "../lifecycle/facts.ts";
import { lifecycleView } from "./lifecycle-settings.ts";
import { type DescribedParameter, PARAMETER_TYPES } from "./parameters.ts";

export type TemplateRow = {
  readonly id: string;
  readonly organization_id: string;
  readonly organization_name: string;
  readonly name: string;
  readonly display_name: string;
  readonly description: string;
  readonly icon: string;
  readonly provisioner: "command" | "terraform";
  readonly active_version_id: string | null;
  readonly active_version_name: string | null;
  readonly deprecated: string;
  /** What it says of the lifecycle of its workspaces. */
  readonly lifecycle: TemplateLifecycle;
  readonly created_by_id: string;
  readonly created_by_name: string;
  readonly created_at: Date;
  readonly updated_at: Date;
};

export type TemplateVersionRow = {
  readonly id: string;
  readonly template_id: string | null;
  readonly organization_id: string;
  readonly name: string;
  readonly message: string;
  readonly archived: boolean;
  readonly active: boolean;
  readonly created_by_id: string;
  readonly created_by_name: string;
  readonly created_at: Date;
  readonly updated_at: Date;
};

const daysOfWeek = z.array(z.enum(DAYS_OF_WEEK));

/** A template as the API shows it. */
export const templateSchema = z.object({
  id: z.guid(),
  organization_id: z.guid(),
  organization_name: z.string(),
  name: z.string(),
  display_name: z.string(),
  description: z.string(),
  icon: z.string(),
  provisioner: z.enum(["command", "terraform"]),
  active_version_id: z.guid().nullable(),
  active_version_name: z.string().nullable(),
  deprecated: z.boolean(),
  deprecation_message: z.string(),
  default_ttl_ms: z.number(),
  max_ttl_ms: z.number(),
  activity_bump_ms: z.number(),
  failure_ttl_ms: z.number(),
  time_til_dormant_ms: z.number(),
  time_til_dormant_autodelete_ms: z.number(),
  allow_user_autostart: z.boolean(),
  allow_user_autostop: z.boolean(),
  autostop_requirement: z.object({ days_of_week: daysOfWeek, weeks: z.number() }),
  autostart_requirement: z.object({ days_of_week: daysOfWeek }),
  require_active_version: z.boolean(),
  created_by_id: z.guid(),
  created_by_name: z.string(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

export type TemplateView = z.infer<typeof templateSchema>;

/** A template version as the API shows it. */
export const templateVersionSchema = z.object({
  id: z.guid(),
  template_id: z.guid().nullable(),
  organization_id: z.guid(),
  name: z.string(),
  message: z.string(),
  archived: z.boolean(),
  active: z.boolean(),
  created_by: z.object({ id: z.guid(), username: z.string() }),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

export type TemplateVersionView = z.infer<typeof templateVersionSchema>;

/** A preset as the API shows it. */
export const presetSchema = z.object({
  id: z.guid(),
  name: z.string(),
  desired_prebuild_instances: z.number().nullable(),
  default: z.boolean(),
  description: z.string(),
  icon: z.string(),
  parameters: z.array(z.object({ name: z.string(), value: z.string() })),
});

/** A declared parameter as the API shows it. */
export const parameterSchema = z.object({
  name: z.string(),
  display_name: z.string(),
  description: z.string(),
  type: z.enum(PARAMETER_TYPES),
  mutable: z.boolean(),
  default_value: z.string(),
  options: z.array(z.object({ name: z.string(), value: z.string() })),
  validation_regex: z.string(),
  validation_min: z.number().nullable(),
  validation_max: z.number().nullable(),
  validation_error: z.string(),
  required: z.boolean(),
});

/** A preset is stored as it is shown. */
export type PresetRow = z.infer<typeof presetSchema>;

/** Turns a stored template into what the API shows. */
export function templateView(row: TemplateRow): TemplateView {
  const { lifecycle, deprecated, ...rest } = row;
  return {
    ...rest,
    ...lifecycleView(lifecycle),
    deprecated: deprecated !== "",
    deprecation_message: deprecated,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** Turns a stored template version into what the API shows. */
export function templateVersionView(row: TemplateVersionRow): TemplateVersionView {
  const { created_by_id: id, created_by_name: username, ...rest } = row;
  return {
    ...rest,
    created_by: { id, username },
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** Turns a declared parameter into what the API shows. */
export function parameterView(parameter: DescribedParameter): z.infer<typeof parameterSchema> {
  const { name, displayName, description, type, mutable, required, defaultValue, options, validation } = parameter;
  return {
    name,
    display_name: displayName,
    description,
    type,
    mutable,
    default_value: defaultValue,
    options: [...options],
    validation_regex: validation.regex,
    validation_min: validation.min,
    validation_max: validation.max,
    validation_error: validation.error,
    required,
  };
}
