import { type Fields, isFields, listOf, type PlanJson, resourcesIn } from "./plan-json.ts";

/** What a template says of itself, in the words of the apply file and not checked yet. */
type Declarations = { readonly presets: unknown[]; readonly parameters: unknown[] };

/**
 * The presets and parameters that a template declares in its source. They are in the state before the plan when
 * Terraform could read them while planning, and among the planned values when it could not.
 */
export function declarationsOf(plan: PlanJson): Declarations {
  const before = isFields(plan.prior_state) ? plan.prior_state["values"] : undefined;
  const sources = new Map<string, { readonly type: string; readonly values: Fields }>();
  for (const { address, mode, type, values } of [...resourcesIn(plan.planned_values), ...resourcesIn(before)]) {
    if (mode === "data") sources.set(address, { type, values });
  }
  const valuesOf = (wanted: string) =>
    [...sources.values()].filter(({ type }) => type === wanted).map(({ values }) => values);
  return {
    presets: valuesOf("coder_workspace_preset").map(presetOf),
    parameters: valuesOf("coder_parameter")
      // One that is asked for in each build anew belongs to no workspace.
      .filter((values) => values["ephemeral"] !== true)
      .toSorted((a, b) => orderOf(a) - orderOf(b))
      .map(parameterOf),
  };
}

function presetOf({ name, description, icon, default: isDefault, parameters, prebuilds }: Fields): unknown {
  const pool = theOne(prebuilds);
  return given({ name, description, icon, default: isDefault, parameters, prebuilds: pool && poolOf(pool) });
}

function poolOf({ instances, expiration_policy: expiration, scheduling }: Fields): unknown {
  const ttl = theOne(expiration)?.["ttl"];
  const windows = theOne(scheduling);
  return given({
    instances,
    // No time to live at all is how this provider says that a prebuild does not expire.
    expiration_policy: ttl === 0 || ttl === undefined || ttl === null ? undefined : { ttl },
    scheduling: windows && given({ timezone: windows["timezone"], schedule: windows["schedule"] }),
  });
}

function parameterOf(values: Fields): unknown {
  const { name, display_name, description, type, mutable, default: byDefault, optional, option } = values;
  const options = listOf(option).map((one) =>
    isFields(one) ? given({ name: one["name"], value: one["value"] }) : one,
  );
  return given({
    name,
    display_name,
    description,
    type,
    mutable,
    default: defaultOf(byDefault, optional),
    options,
    validation: validationOf(type, theOne(values["validation"])),
  });
}

/** What a parameter is when nobody says; undefined when somebody has to. */
function defaultOf(byDefault: unknown, optional: unknown): unknown {
  if (optional === false) return undefined;
  return byDefault ?? (optional === true ? "" : undefined);
}

/** @param rules of a parameter; bounds that were left out are 0 in them, and a flag says so */
function validationOf(type: unknown, rules: Fields | undefined): unknown {
  if (!rules) return undefined;
  const { min, max, min_disabled: noMin, max_disabled: noMax, regex, error } = rules;
  const matches = typeof regex === "string" && regex !== "";
  return given({
    regex: matches ? regex : undefined,
    // Here the sentence may also be about the bounds; ours is about the regular expression alone.
    error: matches && error !== "" ? error : undefined,
    min: type === "number" && noMin !== true ? min : undefined,
    max: type === "number" && noMax !== true ? max : undefined,
  });
}

/** A block that may be there once is a list in a plan. */
function theOne(block: unknown): Fields | undefined {
  const [first] = listOf(block);
  return isFields(first) ? first : undefined;
}

/** What has been said: Terraform writes null for what has not. */
function given(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

function orderOf({ order }: Fields): number {
  return typeof order === "number" ? order : 0;
}
