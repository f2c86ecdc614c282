import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { WORK } from "./queue.ts";
import { endJob, settleAgent } from "./store.ts";

const BATCH = 100;

/** Ends what no worker could end, so that nobody waits for it for ever. */
export async function settleDeadWork(context: Context): Promise<void> {
  const { pool, queue, wake, clock, log } = context;
  for (const kind of [WORK.deadBuild, WORK.deadImport]) {
    for (const item of await queue.take(kind, BATCH)) {
      await withTransaction(pool, BEGIN.readWrite, async (client) => {
        const error = "given up after too many attempts: each time the worker died, was stopped or could not go on";
        const now = clock.now();
        await endJob(client, { jobId: item.subjectId, workerId: null, succeeded: false, error, now });
        await queue.done(client, kind, item);
      });
      const what = kind === WORK.deadBuild ? "build" : "import";
      log.warn({ job: item.subjectId }, `${what} given up after too many attempts`);
      wake.pools();
    }
  }
  for (const item of await queue.take(WORK.deadReadiness, BATCH)) {
    await withTransaction(pool, BEGIN.readWrite, async (client) => {
      await settleAgent(client, item.subjectId, "start_error", clock.now());
      await queue.done(client, WORK.deadReadiness, item);
    });
    log.warn({ agent: item.subjectId }, "readiness given up after too many attempts");
    wake.pools();
  }
}
