import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { isLockTimeout } from "../errors.ts";
import { heldUp, permits, refusal } from "./quota.ts";
import { type Charged, findCharged, lockCharged, lockQuota, raiseCost, readQuota, writeLowerCost } from "./store.ts";

const OVERTAKEN =
  "the build has ended, or the workspace is deleted or has had another build since, so this one may not make anything";
const GIVEN_UP = "the build was given up while it waited to know whether its owner may have what it costs";

/** The workspace got another owner while this waited for the quota of the one before. */
const MOVED = Symbol();
/** Somebody else has the quota, and may have it for long: whoever claims in SQL has a transaction of their own. */
const HELD = Symbol();

/** How long a build waits for others to let go of its owner's quota, in milliseconds, and how often it looks. */
const PATIENCE_MS = 5 * 60_000;
const PAUSE_MS = 1_000;

export type CommitOptions = {
  /** Aborted when the build is given up. */
  readonly signal?: AbortSignal;
  readonly patienceMs?: number;
  readonly pauseMs?: number;
};

/**
 * Charges a build's daily cost to the owner of its workspace, if the owner's quota permits it. What makes the workspace
 * dearer counts at once; what does not is permitted without looking at anybody's quota, and counts when the build has
 * succeeded (`settleCost`), for until then what was there may still be. What costs nothing now and cost nothing before
 * is one look. The user `prebuilds` needs allowances like everybody else.
 * @param dailyCost a whole number, not negative
 * @returns why not, in a sentence; undefined when it is permitted and written down
 */
export async function commitCost(
  pool: pg.Pool,
  buildId: string,
  dailyCost: number,
  { signal, patienceMs = PATIENCE_MS, pauseMs = PAUSE_MS }: CommitOptions = {},
): Promise<string | undefined> {
  const patientUntil = performance.now() + patienceMs;
  for (;;) {
    const seen = await findCharged(pool, buildId);
    if (!seen) return OVERTAKEN;
    if (dailyCost === 0 && seen.before === 0) return undefined;
    if (dailyCost <= seen.before) return (await writeLowerCost(pool, buildId, dailyCost)) ? undefined : OVERTAKEN;
    const outcome = await charge(pool, buildId, dailyCost, seen);
    if (outcome === MOVED) continue;
    if (outcome !== HELD) return outcome;
    if (performance.now() >= patientUntil) return heldUp(seen);
    await delay(pauseMs, undefined, signal && { signal }).catch(() => {}); // aborted
    if (signal?.aborted) return GIVEN_UP;
  }
}

async function charge(
  pool: pg.Pool,
  buildId: string,
  cost: number,
  seen: Charged,
): Promise<string | undefined | typeof MOVED | typeof HELD> {
  try {
    return await withTransaction(pool, BEGIN.brief, (client) => chargeLocked(client, buildId, cost, seen));
  } catch (error) {
    if (isLockTimeout(error)) return HELD;
    throw error;
  }
}

async function chargeLocked(
  client: pg.PoolClient,
  buildId: string,
  cost: number,
  seen: Charged,
): Promise<string | undefined | typeof MOVED> {
  await lockQuota(client, seen);
  const charged = await lockCharged(client, buildId);
  if (!charged) return OVERTAKEN;
  if (charged.ownerId !== seen.ownerId) return MOVED;
  const { before, workspaceId } = charged;
  const { budget, consumed } = await readQuota(client, charged);
  const others = { budget, consumed: consumed - before };
  if (!permits({ ...others, before, cost })) return refusal({ ...others, cost }, charged);
  await raiseCost(client, { buildId, workspaceId, cost });
  return undefined;
}
