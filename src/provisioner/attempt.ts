import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import type { Logger } from "../log.ts";
import type { WorkItem, WorkKind } from "./queue.ts";
import { endJob } from "./store.ts";

/** Half a second, one, two, four, eight and sixteen: a database that restarts is back by then. */
const WRITE_ATTEMPTS = 7;

/**
 * Writes down what came of a job: what a driver has done cannot be undone by running it again, so that is worth several
 * tries. Throws what the last of them threw.
 */
export async function persist<T>(write: () => Promise<T>, log: Logger): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (err) {
      if (attempt === WRITE_ATTEMPTS) throw err;
      log.warn({ err, attempt }, "an outcome could not be stored; trying again");
      await delay(2 ** attempt * 250);
    }
  }
}

/** A job that ended before anybody took it needs no attempt; one that was canceled while it waited ends here. */
export async function concludeUnstarted(
  { pool, queue, clock }: Pick<Context, "pool" | "queue" | "clock">,
  kind: WorkKind,
  item: WorkItem,
  job: { readonly jobId: string } | undefined,
): Promise<void> {
  await withTransaction(pool, BEGIN.readWrite, async (client) => {
    if (job) {
      await endJob(client, { jobId: job.jobId, workerId: null, succeeded: false, error: null, now: clock.now() });
    }
    await queue.done(client, kind, item);
  });
}
