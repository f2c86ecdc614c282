import type { Context } from "../context.ts";
import { type ActionResult, executeAction } from "./execute.ts";
import { poolName } from "./name.ts";
import { type PresetPlan, planPreset } from "./plan.ts";
import { type Pool, readSnapshot } from "./store.ts";

export type PoolPlan = { readonly pool: Pool; readonly plan: PresetPlan };

/** What a pass saw, decided and did. */
export type PassResult = {
  readonly pools: readonly PoolPlan[];
  readonly results: readonly (ActionResult & { readonly pool: Pool })[];
  readonly failures: number;
};

/** Pools whose actions are executed at the same time; each takes one database connection. */
const CONCURRENCY = 4;

/** Reads the snapshot and decides what each pool needs now; changes nothing. */
export async function planPools(context: Pick<Context, "pool" | "clock" | "poolSettings">): Promise<PoolPlan[]> {
  const now = context.clock.now();
  const pools = await readSnapshot(context.pool, now, context.poolSettings.backoffLookbackMs);
  return pools.map((pool) => ({ pool, plan: planPreset(pool, context.poolSettings, now) }));
}

/**
 * One pass over all pools: snapshot, state, plan, actions, execute. An error in one action does not stop the others.
 * @param signal aborted when this replica no longer leads; actions that have not begun are left to the next leader
 */
export async function runPass(context: Context, signal: AbortSignal): Promise<PassResult> {
  const pools = await planPools(context);
  const results: (ActionResult & { readonly pool: Pool })[] = [];
  let failures = 0;

  async function executePool({ pool, plan }: PoolPlan): Promise<void> {
    for (const action of plan.actions) {
      if (signal.aborted) return;
      const log = context.log.child({
        organization: pool.organizationName,
        template: pool.templateName,
        preset: pool.presetName,
      });
      try {
        const result = await executeAction(context, pool, action, plan.state.desired);
        results.push({ pool, ...result });
        const fields = { kind: action.kind, reason: action.reason, count: result.done };
        const what = `${action.kind} ${result.done} (${action.reason})`;
        if (result.done > 0) log.info(fields, `pool ${poolName(pool)}: ${what}`);
      } catch (err) {
        failures += 1;
        log.error({ err, kind: action.kind, reason: action.reason }, "pool action failed; the next pass tries again");
      }
    }
  }

  const waiting = pools.filter(({ plan }) => plan.actions.length > 0).values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const next of waiting) await executePool(next);
    }),
  );
  if (results.some(({ done }) => done > 0)) context.wake.jobs();
  return { pools, results, failures };
}
