import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { PRIORITY, WORK } from "../provisioner/queue.ts";
import { takeUnfinishedClaims } from "./finish-claims-store.ts";

/** How many claims are finished in one transaction. */
const BATCH = 100;

/**
 * Does what is left of the claims that were made with `claim_prebuild`: queues the claim build of each, as a claim
 * through the API does in its own transaction. Any number of replicas may do this at once: each claim is finished once.
 * @param signal aborted when the daemon stops; what is left then is another one's, or its own after the next start
 * @returns how many claim builds were queued
 */
export async function finishClaims(context: Context, signal: AbortSignal): Promise<number> {
  let finished = 0;
  for (let taken = BATCH; taken === BATCH && !signal.aborted; ) {
    const claims = await takeBatch(context);
    taken = claims.length;
    finished += claims.filter(({ jobId }) => jobId !== null).length;
    for (const { workspaceId } of claims.filter(({ jobId }) => jobId === null)) {
      const text = "a workspace that was claimed in SQL gets no claim build: it is deleted or has had another build since";
      context.log.warn({ workspace: workspaceId }, text);
    }
    if (taken > 0) {
      context.wake.jobs();
      context.wake.pools();
    }
  }
  if (finished > 0) context.log.debug({ claims: finished }, "queued the builds of claims that were made in SQL");
  return finished;
}

function takeBatch({ pool, queue, clock }: Context) {
  return withTransaction(pool, BEGIN.readWrite, async (client) => {
    const claims = await takeUnfinishedClaims(client, BATCH, clock.now());
    const jobIds = claims.flatMap(({ jobId }) => jobId ?? []);
    await queue.add(client, WORK.build, jobIds, PRIORITY.person);
    return claims;
  });
}
