import { createHash } from "node:crypto";
import type { ApplyTemplate } from "./document.ts";
import { describedParameter } from "./parameter-fields.ts";

/**
 * The name of the version that a template's description stands for. It depends on everything that determines what
 * gets built (the source, the provisioner, the presets' names and parameters), on the declared parameters, which belong
 * to a version and never change, and on nothing else.
 */
export function versionNameOf(template: ApplyTemplate): string {
  const presets = template.presets.map(({ name, parameters }) => [name, sorted(Object.entries(parameters))] as const);
  const identity: unknown[] = [template.provisioner, template.source.hash, sorted(presets)];
  // Without declarations nothing is added, so that versions from before there were any keep their names.
  if (template.parameters.length > 0) identity.push(template.parameters.map(described));
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 12);
}

/** All of a declaration, in an order of its own, so that neither the document's order nor what it leaves out counts. */
function described(given: ApplyTemplate["parameters"][number]): unknown[] {
  const { name, displayName, description, type, mutable, required, defaultValue, ...rest } = describedParameter(given);
  const options = rest.options.map((option) => [option.name, option.value]);
  const { regex, min, max, error } = rest.validation;
  return [name, displayName, description, type, mutable, required, defaultValue, options, regex, min, max, error];
}

function sorted<T extends readonly [string, unknown]>(pairs: readonly T[]): T[] {
  return pairs.toSorted(([a], [b]) => (a < b ? -1 : 1));
}
