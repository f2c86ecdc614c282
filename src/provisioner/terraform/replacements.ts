import type { Replacements } from "../driver.ts";
import { type PlanJson, type ResourceChange, resourceChanges } from "./plan-json.ts";

/** A place inside a resource's values: keys of maps, positions in lists. */
export type ValuePath = readonly (string | number)[];

/**
 * The resources that a plan replaces because of attributes that cannot change in place, each with the paths of these
 * attributes, as text. What decides is that there are such paths, not the planned actions. Resources of the provider
 * that describes workspaces to us are left out: they are not real ones.
 * @returns null when nothing is replaced for such a reason
 */
export function replacementsOf(plan: PlanJson | null | undefined): Replacements | null {
  const found = new Map<string, string[]>();
  for (const change of resourceChanges(plan)) {
    if (isBookkeeping(change) || isNoOp(change)) continue;
    const paths = forcingPaths(change).map(pathText);
    if (paths.length === 0) continue;
    found.set(change.address, [...new Set([...(found.get(change.address) ?? []), ...paths])]);
  }
  return found.size === 0 ? null : Object.fromEntries(found);
}

/** The attributes that force a resource to be replaced; what cannot be read as a path is left out. */
export function forcingPaths({ replacePaths }: ResourceChange): ValuePath[] {
  return replacePaths.flatMap((path): ValuePath[] => {
    const segments = Array.isArray(path) ? path : [path];
    return segments.length > 0 && segments.every(isSegment) ? [segments] : [];
  });
}

/** A path as people read it: `container.0.image`. */
export function pathText(path: ValuePath): string {
  return path.join(".");
}

/** Whether a resource only describes the workspace to us, and is nothing that exists. */
export function isBookkeeping({ type }: ResourceChange): boolean {
  return type.startsWith("coder_");
}

function isNoOp({ actions }: ResourceChange): boolean {
  return actions.length === 1 && actions[0] === "no-op";
}

function isSegment(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}
