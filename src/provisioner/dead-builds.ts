import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { WORK } from "./queue.ts";
import { endJob } from "./store.ts";

/** Fails the jobs whose workers died again and again, so that nobody waits for them for ever. */
export async function failDeadBuilds({ pool, queue, wake, clock, log }: Context): Promise<void> {
  for (const item of await queue.take(WORK.deadBuild, 100)) {
    await withTransaction(pool, BEGIN.readWrite, async (client) => {
      const error = "every worker that took this build died or was stopped before it ended";
      await endJob(client, { jobId: item.subjectId, workerId: null, error, now: clock.now() });
      await queue.done(client, WORK.deadBuild, item);
    });
    log.warn({ job: item.subjectId }, "build given up: every worker that took it died");
    wake.pools();
  }
}
