import type pg from "pg";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { PRIORITY, readinessPriority, WORK, type WorkKind } from "./queue.ts";
import {
  lockUnfinishedJobs,
  lockWaitingAgents,
  readUnfinishedJobs,
  readWaitingAgents,
  type UnfinishedJob,
  type WaitingAgent,
} from "./reaper-store.ts";

/** How much is put back in one transaction. */
const BATCH = 500;

/** One kind of work that may be lost: how it is locked, and how urgent it is. */
type Lost<Locked> = {
  readonly kind: WorkKind;
  /** What is open by our own tables, in the order in which it is to be done. */
  readonly subjectIds: readonly string[];
  /** Keeps others from ending or adding the work; returns what of it is still open. */
  lock(client: pg.PoolClient, subjectIds: readonly string[]): Promise<Locked[]>;
  priorityOf(locked: Locked): number;
};

/**
 * Puts back into the queue what is open by our own tables but has no item there, because somebody emptied the queue or
 * restored a database without it. A canceled job is put back, too: the worker that takes it concludes it.
 *
 * Any number of these may run at once, beside the workers: nothing gets two items.
 *
 * @param options.olderThanMs what was made or changed less than this many milliseconds ago is left alone
 * @param options.signal aborted when this replica no longer leads; the rest is left to the next leader
 * @returns how many builds, imports and agents were put back
 */
export async function reapLostWork(
  context: Context,
  options: { readonly olderThanMs: number; readonly signal?: AbortSignal | undefined },
): Promise<{ builds: number; imports: number; readiness: number }> {
  const { pool, clock, wake, log } = context;
  const before = new Date(clock.now().getTime() - options.olderThanMs);
  const builds = await putBack(context, options.signal, {
    kind: WORK.build,
    subjectIds: await readUnfinishedJobs(pool, "workspace_build", before),
    lock: lockUnfinishedJobs,
    priorityOf: priorityOfJob,
  });
  const imports = await putBack(context, options.signal, {
    kind: WORK.import,
    subjectIds: await readUnfinishedJobs(pool, "template_version_import", before),
    lock: lockUnfinishedJobs,
    priorityOf: priorityOfJob,
  });
  const readiness = await putBack(context, options.signal, {
    kind: WORK.readiness,
    subjectIds: await readWaitingAgents(pool, before),
    lock: lockWaitingAgents,
    priorityOf: ({ ownerId }: WaitingAgent) => readinessPriority(ownerId),
  });
  if (builds + imports + readiness > 0) {
    log.warn({ builds, imports, readiness }, "work was missing from the queue and has been put back");
    wake.jobs();
  }
  return { builds, imports, readiness };
}

async function putBack<Locked extends { readonly id: string }>(
  { pool, queue }: Context,
  signal: AbortSignal | undefined,
  { kind, subjectIds, lock, priorityOf }: Lost<Locked>,
): Promise<number> {
  const lost = await queue.missing(pool, kind, subjectIds);
  let done = 0;
  for (let from = 0; from < lost.length && !signal?.aborted; from += BATCH) {
    done += await withTransaction(pool, BEGIN.readWrite, async (client) => {
      const locked = await lock(client, lost.slice(from, from + BATCH));
      // Meanwhile somebody else may have put it back. From here on nobody can, so this answer holds.
      const ids = locked.map(({ id }) => id);
      const missing = new Set(await queue.missing(client, kind, ids));
      const work = locked.filter(({ id }) => missing.has(id));
      for (const [priority, group] of Map.groupBy(work, priorityOf)) {
        const groupIds = group.map(({ id }) => id);
        await queue.add(client, kind, groupIds, priority);
      }
      return work.length;
    });
  }
  return done;
}

/** How urgent a build or an import is. */
export function priorityOfJob({ initiatorId, transition, reason }: UnfinishedJob): number {
  const isAskedFor = reason === "initiator" || reason === null;
  if (initiatorId !== PREBUILDS_SYSTEM_USER_ID) return isAskedFor ? PRIORITY.person : PRIORITY.lifecycle;
  return transition === "delete" ? PRIORITY.prebuildDelete : PRIORITY.prebuildCreate;
}
