import type pg from "pg";
import { type Batcher, createBatcher } from "../batch.ts";
import { databaseErrorOf } from "../errors.ts";
import { type BuildQueue, PRIORITY, WORK } from "../provisioner/queue.ts";
import { CLAIMED_JOBS, type Claim, claimPrebuilds } from "./claim-store.ts";
import type { Claimed } from "./claimed.ts";

/**
 * Two batches are on their way at the same time: while one waits for the disk, the other one computes. A larger one
 * than this would keep the first of its claims waiting for the last.
 */
export const CLAIM_BATCHES = { lanes: 2, largest: 100 } as const;

/** Constraint violations and deadlocks come from what a claim asks for; a database that is away fails all alike. */
const isItemsFault = (error: unknown) => /^(23|40)/.test(databaseErrorOf(error)?.code ?? "");

/** Claims a prebuild; undefined when none can be claimed. */
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
