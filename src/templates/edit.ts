import type { UpdateTemplate } from "./schema.ts";
import type { TemplateRow } from "./view.ts";

/** The template as it is to be; what a request leaves out stays as it is. */
export function withSettings(template: TemplateRow, change: UpdateTemplate): TemplateRow {
  const { deprecation_message: deprecated = template.deprecated, ...rest } = change;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  return { ...template, ...Object.fromEntries(given), deprecated };
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
    default_ttl_ms: template.default_ttl_ms,
    allow_user_autostart: template.allow_user_autostart,
    allow_user_autostop: template.allow_user_autostop,
    active_version_id: template.active_version_id,
  };
}
