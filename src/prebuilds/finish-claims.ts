import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { PRIORITY, WORK } from "../provisioner/queue.ts";
import { type TakenClaim, takeUnfinishedClaims } from "./finish-claims-store.ts";

/** How many claims are finished in one transaction. */
const BATCH = 100;

/**
 * Does what is left of the claims that were made with `claim_prebuild`: queues the claim build of each, as a claim
 * through the API does in its own transaction. Any number of replicas may do this at once: each claim is finished once.
 * @param signal aborted when the daemon stops; what is left is finished by another one, or after the next start
 */
export async function finishClaims(context: Context, signal: AbortSignal): Promise<void> {
  for (let taken = BATCH; taken === BATCH && !signal.aborted; ) {
    const claims = await finishBatch(context);
    taken = claims.length;
    if (taken === 0) return;
    context.wake.jobs();
    context.wake.pools();
    tell(context, claims);
  }
}

function finishBatch({ pool, queue, clock }: Context): Promise<TakenClaim[]> {
  return withTransaction(pool, BEGIN.readWrite, async (client) => {
    const claims = await takeUnfinishedClaims(client, BATCH, clock.now());
    const jobIds = claims.flatMap(({ jobId }) => jobId ?? []);
    await queue.add(client, WORK.build, jobIds, PRIORITY.person);
    return claims;
  });
}

function tell({ log, onClaimInSql }: Context, claims: readonly TakenClaim[]): void {
  for (const { jobId, presetId } of claims) if (jobId !== null) onClaimInSql?.(presetId);
  const dropped = claims.filter(({ jobId }) => jobId === null);
  log.debug({ claims: claims.length - dropped.length }, "queued the builds of claims that were made in SQL");
  for (const { workspaceId } of dropped) {
    log.warn(
      { workspace: workspaceId },
      "a workspace that was claimed in SQL gets no claim build, because it is deleted or has had another build since",
    );
  }
}
