import { randomBytes } from "node:crypto";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { failSpan, inSpan } from "../tracing.ts";
import { type ActionResult, executeAction } from "./execute.ts";
import { createCount } from "./in-flight.ts";
import type { IncompleteOrganization } from "./membership-store.ts";
import { reconcileMemberships } from "./memberships.ts";
import { poolFields, poolName } from "./name.ts";
import { type Action, executable, type PresetPlan, planPresets } from "./plan.ts";
import { storeStatuses } from "./preset-status-store.ts";
import { tellStopped } from "./stopped.ts";
import { type Pause, type Pool, readSnapshot } from "./store.ts";

export type PoolPlan = { readonly pool: Pool; readonly plan: PresetPlan };

/** All pools and what each needs now. */
export type PlannedPools = {
  /** The time that was planned for. */
  readonly now: Date;
  /** Who has paused all pools; null when nobody has. */
  readonly pause: Pause | null;
  /** The organizations in which the prebuilds user is still to become a member. */
  readonly incomplete: readonly IncompleteOrganization[];
  readonly pools: readonly PoolPlan[];
};

/** What a pass saw, decided and did. */
export type PassResult = PlannedPools & {
  /** What the lines of the log that belong to the pass have in common. */
  readonly pass: string;
  readonly results: readonly (ActionResult & { readonly pool: Pool })[];
  readonly failures: number;
};

/** Enough to tell the passes of some days apart. */
const PASS_ID_BYTES = 4;
/** Pools whose actions are executed at the same time; each takes one database connection. */
const CONCURRENCY = 2;

/** Reads the snapshot and decides what each pool needs now; changes nothing. */
export async function planPools(context: Pick<Context, "pool" | "clock" | "poolSettings">): Promise<PlannedPools> {
  const now = context.clock.now();
  const { pause, pools, incomplete } = await readSnapshot(context.pool, now, context.poolSettings);
  const plans = planPresets(pools, context.poolSettings, now);
  return {
    now,
    pause,
    incomplete,
    pools: pools.flatMap((pool, index) => {
      const plan = plans[index];
      return plan ? [{ pool, plan: executable(pool, plan) }] : [];
    }),
  };
}

/**
 * One pass over all pools: snapshot, state, plan, actions, execute. An error in one action does not stop the others.
 * @param signal aborted when this replica no longer leads; actions that have not begun are left to the next leader
 */
export async function runPass(context: Context, signal: AbortSignal): Promise<PassResult> {
  const pass = randomBytes(PASS_ID_BYTES).toString("hex");
  return await inSpan("pass", { "prebuildd.pass": pass }, async (span) => {
    const result = await passOver({ ...context, log: context.log.child({ pass }) }, signal, pass);
    span.setAttributes({ "prebuildd.pools": result.pools.length, "prebuildd.failures": result.failures });
    if (result.failures > 0) failSpan(span);
    return result;
  });
}

async function passOver(context: Context, signal: AbortSignal, pass: string): Promise<PassResult> {
  const planned = { pass, ...(await planPools(context)) };
  const { pause, pools, incomplete } = planned;
  if (pause !== null || signal.aborted) return { ...planned, results: [], failures: 0 };
  const results: (ActionResult & { readonly pool: Pool })[] = [];
  let failures = (await keepMemberships(context, incomplete, signal)) + (await keepStatuses(context, pools));

  async function executePool({ pool, plan }: PoolPlan): Promise<void> {
    for (const action of plan.actions) {
      if (signal.aborted) return;
      const log = context.log.child(poolFields(pool));
      try {
        const result = await inActionSpan(pool, action, () => executeAction(context, pool, action));
        results.push({ pool, ...result });
        const workspaces = result.touched.map(({ workspaceId }) => workspaceId);
        const jobs = result.touched.map(({ jobId }) => jobId);
        const fields = { kind: action.kind, reason: action.reason, count: result.done, workspaces, jobs };
        const what = `${action.kind} ${result.done} (${action.reason})`;
        if (result.done > 0) log.info(fields, `pool ${poolName(pool)}: ${what}`);
      } catch (err) {
        failures += 1;
        log.error({ err, kind: action.kind, reason: action.reason }, "pool action failed; the next pass tries again");
      }
    }
  }

  const waiting = pools
    .filter(({ plan }) => plan.actions.length > 0)
    .toSorted(byUrgency)
    .values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const next of waiting) await executePool(next);
    }),
  );
  if (results.some(({ done }) => done > 0)) context.wake.jobs();
  return { ...planned, results, failures };
}

/** An action that holds something back does nothing, and is no part of a trace. */
function inActionSpan(pool: Pool, action: Action, work: () => Promise<ActionResult>): Promise<ActionResult> {
  if (action.kind === "backoff") return work();
  const attributes = {
    "prebuildd.action.reason": action.reason,
    "prebuildd.organization.name": pool.organizationName,
    "prebuildd.template.name": pool.templateName,
    "prebuildd.preset.id": pool.id,
    "prebuildd.preset.name": pool.presetName,
  };
  return inSpan(`action ${action.kind}`, attributes, async (span) => {
    const result = await work();
    span.setAttribute("prebuildd.action.count", result.done);
    return result;
  });
}

/** Builds are queued in the order in which they are asked for: what makes room first, then the emptiest pools. */
function byUrgency(a: PoolPlan, b: PoolPlan): number {
  return fillOf(a) - fillOf(b);
}

function fillOf({ plan }: PoolPlan): number {
  const { actual, expired, starting, desired } = plan.state;
  return createCount(plan) === 0 ? -1 : (actual - expired + starting) / desired;
}

/** Whoever owns the prebuilds must be a member where they are; the answer is how many attempts failed. */
async function keepMemberships(
  context: Context,
  incomplete: PlannedPools["incomplete"],
  signal: AbortSignal,
): Promise<number> {
  try {
    return (await reconcileMemberships(context, incomplete, signal)).failures;
  } catch (err) {
    context.log.error({ err }, "the prebuilds user's memberships could not be looked at; the next pass tries again");
    return 1;
  }
}

/** Stores which pools have reached the failure limit, or have left it; the answer is how many attempts failed. */
async function keepStatuses(context: Context, pools: readonly PoolPlan[]): Promise<number> {
  const changed = pools.filter(({ pool }) => pool.status !== pool.storedStatus);
  if (changed.length === 0) return 0;
  const limit = context.poolSettings.failureHardLimit;
  const detail = limit === 1 ? "the last build failed" : `the last ${limit} builds failed`;
  try {
    const changes = changed.map(({ pool: { id, storedStatus, statusSince, status } }) => ({
      id,
      from: storedStatus,
      since: statusSince,
      to: status,
      detail: status === "hard_limited" ? detail : "",
    }));
    const stored = await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
      const ids = await storeStatuses(client, changes, context.clock.now());
      const limited = changes.flatMap(({ id, to }) => (to === "hard_limited" && ids.includes(id) ? [id] : []));
      await tellStopped(context, client, { event: "preset_hard_limited", presetIds: limited, reason: detail });
      return ids;
    });
    for (const { pool } of changed.filter(({ pool: { id } }) => stored.includes(id))) {
      const log = context.log.child({ ...poolFields(pool), status: pool.status });
      if (pool.status === "healthy") log.info(`pool ${poolName(pool)}: creations go on`);
      else log.warn(`pool ${poolName(pool)}: no more creations, because ${detail}; look at their logs, then reset it`);
    }
    return 0;
  } catch (err) {
    context.log.error({ err }, "the statuses of pools could not be stored; the next pass tries again");
    return 1;
  }
}
