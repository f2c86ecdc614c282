/**
 * What we read of the JSON form of a Terraform plan. Anything in it may be of any type: it comes from a program that
 * we only start, and the values in it from providers and templates.
 */
export type PlanJson = {
  readonly resource_changes?: unknown;
  readonly planned_values?: unknown;
  readonly prior_state?: unknown;
};

/** A map with whatever values. */
export type Fields = Readonly<Record<string, unknown>>;

/** One planned change, with what of it is what it should be. */
export type ResourceChange = {
  readonly address: string;
  readonly type: string;
  readonly actions: readonly unknown[];
  /** As Terraform gives them: each an array of segments, or a bare value. */
  readonly replacePaths: readonly unknown[];
  readonly change: Fields;
};

/** A resource or data source among values. */
export type ValuedResource = {
  readonly address: string;
  readonly mode: unknown;
  readonly type: string;
  readonly values: Fields;
};

/** Reads what `terraform show -json` has printed about a plan; throws an Error with a sentence when it is none. */
export function parsePlan(text: string): PlanJson {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, in which there may be secrets.
    throw new Error("the plan cannot be read: Terraform printed something that is not JSON");
  }
  const version = isFields(parsed) ? parsed["format_version"] : undefined;
  if (!isFields(parsed) || typeof version !== "string") {
    throw new Error("the plan cannot be read: Terraform printed JSON that is not a plan");
  }
  if (!version.startsWith("1.")) {
    throw new Error(`the plan cannot be read: its format is ${version.slice(0, 20)}, and only 1.x is understood`);
  }
  return parsed;
}

/** The changes of resources that can be told by type and address, in the plan's order. */
export function resourceChanges(plan: PlanJson | null | undefined): ResourceChange[] {
  return listOf(plan?.resource_changes).flatMap((given) => {
    if (!isFields(given) || !isFields(given["change"])) return [];
    const { address, type, change } = given;
    if (typeof address !== "string" || typeof type !== "string") return [];
    const [actions, replacePaths] = [listOf(change["actions"]), listOf(change["replace_paths"])];
    return [{ address, type, actions, replacePaths, change }];
  });
}

/** The resources of a module as it is in `planned_values` or in a state's `values`, those of child modules included. */
export function resourcesIn(values: unknown): ValuedResource[] {
  const found: ValuedResource[] = [];
  // Not by recursion: how deep modules are nested is the template's choice.
  const modules: unknown[] = [isFields(values) ? values["root_module"] : undefined];
  for (const module of modules) {
    if (!isFields(module)) continue;
    for (const given of listOf(module["resources"])) {
      if (!isFields(given)) continue;
      const { address, mode, type, values: own } = given;
      if (typeof address !== "string" || typeof type !== "string" || !isFields(own)) continue;
      found.push({ address, mode, type, values: own });
    }
    for (const child of listOf(module["child_modules"])) modules.push(child);
  }
  return found;
}

/** Whether this is a map. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A list; of anything else an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
