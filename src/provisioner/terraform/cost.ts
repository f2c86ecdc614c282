import { isFields, type PlanJson, resourcesIn } from "./plan-json.ts";

/** What the column of a workspace's cost can hold. */
const MAX_COST = 2 ** 31 - 1;

/**
 * What a workspace will cost a day once the plan is carried out: what the template says of its resources
 * (`coder_metadata`), and what it says of itself in an output named `daily_cost`, for templates without that provider.
 */
export function dailyCostOf(plan: PlanJson): number {
  const stated = resourcesIn(plan.planned_values)
    .filter(({ mode, type }) => mode === "managed" && type === "coder_metadata")
    .map(({ values }) => values["daily_cost"]);
  const sum = [...stated, statedOutput(plan)].reduce<number>((total, cost) => total + (isCost(cost) ? cost : 0), 0);
  return Math.min(sum, MAX_COST);
}

function statedOutput({ planned_values: planned }: PlanJson): unknown {
  const outputs = isFields(planned) ? planned["outputs"] : undefined;
  const output = isFields(outputs) ? outputs["daily_cost"] : undefined;
  // What is sensitive would show in the workspace's cost.
  return isFields(output) && output["sensitive"] !== true ? output["value"] : undefined;
}

function isCost(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0;
}
