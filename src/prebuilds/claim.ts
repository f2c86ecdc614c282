import type pg from "pg";
import { type Batcher, createBatcher } from "../batch.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { databaseErrorOf, ProblemError } from "../errors.ts";
import { type BuildQueue, PRIORITY, WORK } from "../provisioner/queue.ts";
import { allowanceOf, refusal } from "../quota/quota.ts";
import { lockQuota, readQuota } from "../quota/store.ts";
import { CLAIMED_JOBS, type Claim, claimPrebuilds, claimWithin, lookAtPool } from "./claim-store.ts";
import type { Claimed } from "./claimed.ts";

/**
 * Two batches are on their way at the same time: while one waits for the disk, the other one computes. A larger one
 * than this would keep the first of its claims waiting for the last.
 */
export const CLAIM_BATCHES = { lanes: 2, largest: 100 } as const;

/** Constraint violations and deadlocks come from what a claim asks for; a database that is away fails all alike. */
const isItemsFault = (error: unknown) => /^(23|40)/.test(databaseErrorOf(error)?.code ?? "");

/** Claims a prebuild that costs nothing; undefined when none can be claimed. */
export type ClaimPrebuild = Batcher<Claim, Claimed | undefined>;

/**
 * Makes the one way to claim a prebuild. Claim, claim build, job, queue row and audit entry are one statement, so that a
 * failure leaves the prebuild where it was. Claims that arrive together share that statement: most of what a claim
 * costs is paid once for all of them.
 */
export function createClaimer({ pool, queue }: { pool: pg.Pool; queue: BuildQueue }): ClaimPrebuild {
  let queued: Promise<string> | undefined;
  return createBatcher({
    ...CLAIM_BATCHES,
    isItemsFault,
    async work(claims) {
      queued ??= queue.addition(WORK.build, CLAIMED_JOBS, PRIORITY.person);
      return claimPrebuilds(pool, claims, await queued);
    },
  });
}

/**
 * Claims a prebuild that has a cost, if what its owner has left is enough: asked before the prebuild becomes theirs, for
 * afterwards it would be lost to its pool. A transaction of its own, because the owner's quota is locked in it.
 * @param organization its name
 * @returns undefined when none can be claimed any more
 * @throws ProblemError when the owner can afford none of them; a new workspace would cost as much
 */
export function claimCostly(
  { pool, queue }: { readonly pool: pg.Pool; readonly queue: BuildQueue },
  claim: Claim & { readonly organizationId: string },
  organization: string,
): Promise<Claimed | undefined> {
  return withTransaction(pool, BEGIN.impatient, async (client) => {
    await lockQuota(client, claim);
    const quota = await readQuota(client, claim);
    const allowance = allowanceOf(quota);
    const queued = await queue.addition(WORK.build, CLAIMED_JOBS, PRIORITY.person);
    const claimed = await claimWithin(client, claim, allowance, queued);
    if (claimed) return claimed;
    const { cheapest } = await lookAtPool(client, claim.presetId);
    if (cheapest === null || cheapest <= allowance) return undefined;
    throw new ProblemError("conflict", refusal({ ...quota, cost: cheapest }, { owner: "the owner", organization }));
  });
}
