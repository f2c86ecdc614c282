import type pg from "pg";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { permits, refusal } from "./quota.ts";
import { type Charged, findCharged, lockCharged, lockQuota, readQuota, writeCost } from "./store.ts";

const OVERTAKEN = "the workspace is deleted or has had another build since, so this one may not make anything";

/** The workspace got another owner while this waited for the quota of the one before. */
const MOVED = Symbol();

/**
 * Charges a build's daily cost to the owner of its workspace, if the owner's quota permits it. What costs nothing now
 * and cost nothing before is one look. The user `prebuilds` needs allowances like everybody else.
 * @param dailyCost a whole number, not negative
 * @returns why not, in a sentence; undefined when it is permitted and written down
 */
export async function commitCost(pool: pg.Pool, buildId: string, dailyCost: number): Promise<string | undefined> {
  for (;;) {
    const seen = await findCharged(pool, buildId);
    if (!seen) return OVERTAKEN;
    if (dailyCost === 0 && seen.before === 0) return undefined;
    const outcome = await withTransaction(pool, BEGIN.readWrite, (client) => charge(client, buildId, dailyCost, seen));
    if (outcome !== MOVED) return outcome;
  }
}

async function charge(
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
  await writeCost(client, { buildId, workspaceId, cost });
  return undefined;
}
