import { ProblemError } from "../errors.ts";
import type { TemplateView } from "../templates/view.ts";
import type { Client } from "./client.ts";

/** A template by the names that a person gives. */
export type TemplateReference = { readonly organization: string; readonly template: string };

/** A preset of a template's active version by the names that a person gives. */
export type PresetReference = TemplateReference & { readonly preset: string };

/** Finds a template; one that is not there, or may not be seen, is a ProblemError. */
export function findTemplate(client: Client, { organization, template }: TemplateReference): Promise<TemplateView> {
  return client.get<TemplateView>(
    `/organizations/${encodeURIComponent(organization)}/templates/${encodeURIComponent(template)}`,
  );
}

/** Finds a preset of the template's active version; when there is none of that name, the error names those there are. */
export async function findPreset(
  client: Client,
  reference: PresetReference,
): Promise<{ readonly templateId: string; readonly presetId: string }> {
  const { template, preset } = reference;
  const found = await findTemplate(client, reference);
  const presets =
    found.active_version_id === null
      ? []
      : await client.get<{ id: string; name: string }[]>(`/templateversions/${found.active_version_id}/presets`);
  const match = presets.find(({ name }) => name === preset);
  if (match === undefined) {
    const names = presets.map(({ name }) => name).join(", ");
    throw new ProblemError(
      "not_found",
      `template ${template} has no preset ${preset}; it has ${names || "none at all"}`,
    );
  }
  return { templateId: found.id, presetId: match.id };
}
