import { randomBytes } from "node:crypto";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { PRIORITY, WORK } from "../provisioner/queue.ts";
import {
  cancelPendingBuilds,
  countMembers,
  insertDeleteBuilds,
  insertPrebuilds,
  lockPresetForCreate,
} from "./action-store.ts";
import { NAME_BYTES, prebuildNames } from "./name.ts";
import type { Action } from "./plan.ts";
import { oldestFresh } from "./state.ts";
import type { Pool } from "./store.ts";

/** What an action came to: how many prebuilds it really touched, which may be fewer than planned. */
export type ActionResult = { readonly action: Action; readonly done: number };

/**
 * Does one planned action in a transaction of its own. The world may have moved since the snapshot, so each checks
 * again what it was planned from, and does less or nothing where that no longer holds.
 */
export async function executeAction(
  context: Context,
  pool: Pool,
  action: Action,
  target: number,
): Promise<ActionResult> {
  switch (action.kind) {
    case "create":
      return { action, done: await create(context, pool, action.count, target) };
    case "delete":
      return { action, done: await remove(context, action.ids) };
    case "cancel_pending":
      return { action, done: await cancelPending(context, pool.id) };
    case "backoff":
      return { action, done: 0 };
    default:
      return action satisfies never;
  }
}

/** With the pool's row locked the count cannot change, so that even two leaders together never exceed the target. */
async function create(context: Context, pool: Pool, planned: number, target: number): Promise<number> {
  const now = context.clock.now();
  return withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    if (!(await lockPresetForCreate(client, pool.id))) return 0;
    const members = await countMembers(client, pool.id, oldestFresh(pool, now));
    const count = Math.min(planned, target - members);
    if (count <= 0) return 0;
    const names = prebuildNames(count, randomBytes(count * NAME_BYTES));
    const jobIds = await insertPrebuilds(client, pool.id, names, now);
    await context.queue.add(client, WORK.build, jobIds, PRIORITY.prebuildCreate);
    return jobIds.length;
  });
}

async function remove(context: Context, ids: readonly string[]): Promise<number> {
  return withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    const jobIds = await insertDeleteBuilds(client, ids, context.clock.now());
    await context.queue.add(client, WORK.build, jobIds, PRIORITY.prebuildDelete);
    return jobIds.length;
  });
}

async function cancelPending(context: Context, presetId: string): Promise<number> {
  return withTransaction(context.pool, BEGIN.readWrite, (client) =>
    cancelPendingBuilds(client, presetId, context.clock.now()),
  );
}
