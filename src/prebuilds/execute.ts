import { randomBytes } from "node:crypto";
import type pg from "pg";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { PRIORITY, WORK } from "../provisioner/queue.ts";
import { readDeclaredParameters } from "../templates/parameter-store.ts";
import { parameterProblems } from "../templates/parameters.ts";
import { traceParent } from "../tracing.ts";
import {
  cancelPendingBuilds,
  countInFlight,
  countMembers,
  insertDeleteBuilds,
  insertPrebuilds,
  type LockedPreset,
  lockPresetForCreate,
  NEW_JOBS,
  type Standing,
  TOLD,
  type Touched,
} from "./action-store.ts";
import { NAME_BYTES, poolFields, poolName, prebuildNames } from "./name.ts";
import { isPaused } from "./pause-store.ts";
import type { Action } from "./plan.ts";
import { storeStatuses } from "./preset-status-store.ts";
import { MAX_INSTANCES, targetAt } from "./schedule.ts";
import { oldestFresh } from "./state.ts";
import { tellStopped } from "./stopped.ts";
import type { Pool } from "./store.ts";

/** What an action came to: how many prebuilds it really touched, which may be fewer than planned, and some of them. */
export type ActionResult = { readonly action: Action; readonly done: number; readonly touched: readonly Touched[] };

type Done = Pick<ActionResult, "done" | "touched">;
const NOTHING: Done = { done: 0, touched: [] };
const doneTo = (all: readonly Touched[]): Done => ({ done: all.length, touched: all.slice(0, TOLD) });

const RUNNING: Standing = { transition: "start", status: "succeeded", dropped: false };
/** What must be true of a prebuild when it is to be deleted for this reason. */
const STANDING = {
  expired: RUNNING,
  extraneous: RUNNING,
  inactive: { ...RUNNING, dropped: true },
  failed: { transition: "start", status: "failed", dropped: false },
  delete_failed: { transition: "delete", status: "failed", dropped: false },
} as const;

/**
 * Does one planned action in a transaction of its own. The world may have moved since the snapshot, so each checks
 * again what it was planned from, and does less or nothing where that no longer holds.
 */
export async function executeAction(context: Context, pool: Pool, action: Action): Promise<ActionResult> {
  if (action.kind === "backoff") return { action, ...NOTHING };
  const done = await withTransaction(context.pool, BEGIN.readWrite, async (client): Promise<Done> => {
    if (action.kind === "create") return create(context, client, pool, action.count);
    if (await isPaused(client, pool.id)) return NOTHING;
    switch (action.kind) {
      case "delete":
        return remove(context, client, action.ids, STANDING[action.reason]);
      case "cancel_pending":
        return doneTo(await cancelPendingBuilds(client, pool.id, context.clock.now()));
      default:
        return action satisfies never;
    }
  });
  return { action, ...done };
}

/** With the pool's row locked the count cannot change, so that even two leaders together never exceed the target. */
async function create(context: Context, client: pg.PoolClient, pool: Pool, planned: number): Promise<Done> {
  const room = await roomInFlight(client, context.poolSettings.maxInFlight);
  const preset = await lockPresetForCreate(client, pool.id);
  if (!preset || !(await takesParameters(context, client, pool, preset))) return NOTHING;
  const now = context.clock.now();
  const target = targetAt(preset.desiredInstances, preset.scheduling, now);
  const members = await countMembers(client, pool.id, oldestFresh(preset, now));
  // A size beyond all reason that got into the database is reached in steps that one statement can take.
  const count = Math.min(planned, target - members, room, MAX_INSTANCES);
  if (count <= 0) return NOTHING;
  const names = prebuildNames(count, randomBytes(count * NAME_BYTES));
  const queued = await context.queue.addition(WORK.build, NEW_JOBS, PRIORITY.prebuildCreate);
  const touched = await insertPrebuilds(client, pool.id, names, now, queued, traceParent());
  return { done: names.length, touched };
}

async function roomInFlight(client: pg.PoolClient, maxInFlight: number): Promise<number> {
  return maxInFlight === 0 ? Number.POSITIVE_INFINITY : maxInFlight - (await countInFlight(client));
}

/** What the template refuses today it refuses tomorrow, so nothing is built of it until somebody has changed it. */
async function takesParameters(
  context: Context,
  client: pg.PoolClient,
  pool: Pool,
  { templateVersionId, declaresParameters, parameters }: LockedPreset,
): Promise<boolean> {
  if (!declaresParameters) return true;
  const problems = parameterProblems(await readDeclaredParameters(client, templateVersionId), parameters);
  if (problems.length === 0) return true;
  const detail = `the template refuses the preset's parameters: ${problems.map(({ name, problem }) => `${name} ${problem}`).join("; ")}`;
  const change = { id: pool.id, from: "healthy", to: "validation_failed", detail } as const;
  const stored = await storeStatuses(client, [change], context.clock.now());
  await tellStopped(context, client, { event: "preset_validation_failed", presetIds: stored, reason: detail });
  context.log.warn(
    poolFields(pool),
    `pool ${poolName(pool)}: no more creations, because ${detail}; correct the preset or the template and publish it`,
  );
  return false;
}

async function remove(
  context: Context,
  client: pg.PoolClient,
  ids: readonly string[],
  standing: Standing,
): Promise<Done> {
  const doomed = await insertDeleteBuilds(client, ids, standing, context.clock.now(), traceParent());
  const jobIds = doomed.map(({ jobId }) => jobId);
  await context.queue.add(client, WORK.build, jobIds, PRIORITY.prebuildDelete);
  return doneTo(doomed);
}
