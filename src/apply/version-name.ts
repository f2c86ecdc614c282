import { createHash } from "node:crypto";
import type { ApplyTemplate } from "./document.ts";

/**
 * The name of the version that a template's description stands for. It depends on everything that determines what
 * gets built (the source, the provisioner, the presets' names and parameters) and on nothing else.
 */
export function versionNameOf(template: ApplyTemplate): string {
  const presets = template.presets.map(({ name, parameters }) => [name, sorted(Object.entries(parameters))] as const);
  const identity = [template.provisioner, template.source.hash, sorted(presets)];
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 12);
}

function sorted<T extends readonly [string, unknown]>(pairs: readonly T[]): T[] {
  return pairs.toSorted(([a], [b]) => (a < b ? -1 : 1));
}
