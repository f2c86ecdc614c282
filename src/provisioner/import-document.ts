import { type ApplyDocument, type Path, type Problem, pathText } from "../apply/document.ts";
import type { Validation } from "../errors.ts";
import type { TemplateRow } from "../templates/view.ts";

/** What a version is to have, in the words of the apply file and not checked yet. */
export type Declared = { readonly presets: readonly unknown[]; readonly parameters: readonly unknown[] };

/** The template that a source was pushed for. */
export type PushedTemplate = {
  readonly organizationName: string;
  readonly name: string;
  readonly provisioner: "command" | "terraform";
  readonly sourceHash: string;
};

/** How many problems a message names. */
const MAX_NAMED = 10;
/** Text in base64; whatever it says is never looked at. */
const ANY_ARCHIVE = "AA==";

/**
 * The apply document that a pushed source stands for, not checked yet. The source's archive is not in it: the file of
 * that hash is stored, and is never written twice.
 */
export function importDocument(template: PushedTemplate, { presets, parameters }: Declared): unknown {
  const { organizationName: organization, name, provisioner, sourceHash: hash } = template;
  const source = { hash, archive: ANY_ARCHIVE };
  return { templates: [{ name, organization, provisioner, source, presets, parameters }] };
}

/** The same document with what is said of the template beside its source, so that it stays as it is. */
export function keepingSettings(document: ApplyDocument, current: TemplateRow | undefined): ApplyDocument {
  if (!current) return document;
  const { display_name, description, icon, deprecated, lifecycle } = current;
  const kept = { display_name, description, icon, deprecated, default_ttl: lifecycle.defaultTtlMs / 1_000 };
  return { ...document, templates: document.templates.map((template) => ({ ...template, ...kept })) };
}

/** Why a source cannot become a version, in a sentence that names the presets and parameters that are wrong. */
export function refusalOf(problems: readonly Problem[], declared: Declared): string {
  const named = problems.slice(0, MAX_NAMED).map(({ path, message }) => `${placeOf(path, declared)} ${message}`);
  const more = problems.length > MAX_NAMED ? [`and ${problems.length - MAX_NAMED} more`] : [];
  return `the source makes no version: ${[...named, ...more].join("; ")}`;
}

/** The same for what does not fit this deployment. */
export function conflictText(message: string, validations: readonly Validation[]): string {
  const details = validations.map(({ detail }) => detail).join("; ");
  return details === "" ? message : details;
}

/** `preset "small": prebuilds.instances`: what of a template's first and only description a path leads to. */
function placeOf([, , kind, index, ...rest]: Path, declared: Declared): string {
  if ((kind !== "presets" && kind !== "parameters") || typeof index !== "number") {
    return `the template: ${pathText([kind, index, ...rest].filter((part) => part !== undefined))}`;
  }
  const what = kind === "presets" ? "preset" : "parameter";
  const given = declared[kind][index];
  const name = typeof given === "object" && given !== null && "name" in given ? given.name : undefined;
  const title = typeof name === "string" ? `${what} ${JSON.stringify(name)}` : `${what} number ${index + 1}`;
  return rest.length === 0 ? `${title}:` : `${title}: ${pathText(rest)}`;
}
