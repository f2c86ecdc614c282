import type { Context } from "../context.ts";
import { explainShortfall } from "./explain.ts";
import { type PoolPlan, planPools } from "./reconcile.ts";
import { planJson } from "./snapshot-json.ts";

type Reader = Pick<Context, "pool" | "clock" | "poolSettings">;

/** Every pool's state, and why it is not full, ready to be sent as JSON. */
export async function readPools(context: Reader) {
  return (await planPools(context)).map(poolJson);
}

/** What a pass would do now, and why, ready to be sent as JSON; changes nothing. */
export async function readPlan(context: Reader) {
  const pools = await planPools(context);
  return {
    presets: pools.map(({ pool, plan }) => ({
      ...planJson(plan),
      preset_name: pool.presetName,
      template_name: pool.templateName,
      organization_name: pool.organizationName,
    })),
  };
}

function poolJson({ pool, plan }: PoolPlan) {
  return {
    preset_id: pool.id,
    preset_name: pool.presetName,
    template_id: pool.templateId,
    template_name: pool.templateName,
    organization_id: pool.organizationId,
    organization_name: pool.organizationName,
    template_version_id: pool.templateVersionId,
    active: pool.active && !pool.templateDeleted && !pool.deprecated,
    status: pool.status,
    ...plan.state,
    reasons: explainShortfall(pool, plan).map((shortfall) => ({
      ...shortfall,
      ...(shortfall.until ? { until: shortfall.until.toISOString() } : {}),
    })),
    actions: planJson(plan).actions,
  };
}
