import { isFields, listOf, type PlanJson, type ResourceChange, resourceChanges } from "./plan-json.ts";
import { forcingPaths, isBookkeeping, pathText, type ValuePath } from "./replacements.ts";

/** What Terraform itself writes behind an attribute that cannot change in place. */
const FORCES_REPLACEMENT = "# forces replacement";

const [SENSITIVE, UNKNOWN, MISSING] = ["(sensitive value)", "(known after apply)", "(unavailable)"] as const;

/** Characters of one value that are shown: a script can be an attribute. */
const MAX_VALUE = 1_000;

/**
 * What a plan replaces and why, in a few lines; empty when that is nothing. It goes by the planned actions, so it also
 * names what is replaced for no attribute's sake, for instance because somebody asked for it.
 */
export function replacementBlock(plan: PlanJson): string[] {
  const replaced = resourceChanges(plan)
    .filter((change) => !isBookkeeping(change) && isReplacement(change))
    .toSorted((a, b) => compare(a.address, b.address));
  if (replaced.length === 0) return [];
  const what = replaced.length === 1 ? "1 resource" : `${replaced.length} resources`;
  return [`This build replaces ${what}:`, ...replaced.flatMap(describe)];
}

/** The level that a line of a plan has in the log of a claim, as Terraform shows plans to people. */
export function planLineLevel(line: string): "info" | "warn" {
  return line.includes(FORCES_REPLACEMENT) ? "warn" : "info";
}

function describe(replaced: ResourceChange): string[] {
  const reasons = forcingPaths(replaced)
    .map((path) => ({ path, text: pathText(path) }))
    .toSorted((a, b) => compare(a.text, b.text))
    .map(({ path, text }) => `    ~ ${text}${changeAt(replaced, path)} (forces replacement)`);
  return [
    `  -/+ ${replaced.address} (replace)`,
    ...(reasons.length > 0 ? reasons : ["    (which attribute forces it is unavailable)"]),
  ];
}

/** `: before -> after` for the value at a path; empty when neither is known. */
function changeAt({ change }: ResourceChange, path: ValuePath): string {
  const marks = [at(change["before_sensitive"], path, true), at(change["after_sensitive"], path, true)];
  // A value that has only become sensitive, or is no longer, is most likely still the same secret.
  if (marks.some(holdsTrue)) return `: ${SENSITIVE} -> ${SENSITIVE}`;
  const before = valueText(at(change["before"], path));
  const unknown = holdsTrue(at(change["after_unknown"], path, true));
  const after = unknown ? UNKNOWN : valueText(at(change["after"], path));
  return before === MISSING && after === MISSING ? "" : `: ${before} -> ${after}`;
}

/**
 * What is at a path; undefined when nothing is.
 * @param marks whether these are marks, of which `true` counts for everything below it
 */
function at(value: unknown, path: ValuePath, marks = false): unknown {
  let here = value;
  for (const segment of path) {
    if (marks && here === true) return true;
    if (typeof segment === "number") here = listOf(here)[segment];
    else here = isFields(here) && Object.hasOwn(here, segment) ? here[segment] : undefined;
  }
  return here;
}

/** Whether marks say yes for a value or for anything inside it. */
function holdsTrue(marks: unknown): boolean {
  const open = [marks];
  for (const mark of open) {
    if (mark === true) return true;
    if (typeof mark === "object" && mark !== null) for (const inner of Object.values(mark)) open.push(inner);
  }
  return false;
}

function valueText(value: unknown): string {
  if (value === undefined) return MISSING;
  const json = JSON.stringify(value);
  return json.length <= MAX_VALUE ? json : `${json.slice(0, MAX_VALUE).toWellFormed()} … [value cut]`;
}

/** A resource that is deleted and made anew, in either order. */
function isReplacement({ actions }: ResourceChange): boolean {
  return actions.includes("delete") && actions.includes("create");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
