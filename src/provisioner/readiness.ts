import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import type { Logger } from "../log.ts";
import { inSpan } from "../tracing.ts";
import type { AgentLifecycle } from "../vocabulary.ts";
import { WORK, type WorkItem } from "./queue.ts";
import type { AbortReason, BuildRunner } from "./runner.ts";
import { type JobDetails, readJob, readWaitingAgent, settleAgent } from "./store.ts";

const ASK_AGAIN_MS = { first: 100, longest: 2_000 } as const;
/** An agent that is not ready after this long is given up. */
const GIVE_UP_MS = 10 * 60_000;

/** Asks a started workspace whether it is ready until it is, it is superseded, or it has had its chance. */
export async function runReadiness(
  context: Context,
  runner: BuildRunner,
  item: WorkItem,
  signal: AbortSignal,
): Promise<void> {
  const { pool, queue, wake, clock } = context;
  const settle = async (state: AgentLifecycle | undefined) => {
    await withTransaction(pool, BEGIN.readWrite, async (client) => {
      if (state) await settleAgent(client, item.subjectId, state, clock.now());
      await queue.done(client, WORK.readiness, item);
    });
    wake.pools();
  };

  /** A worker that cannot ask, for want of disk space perhaps, asks again like one that was told no. */
  async function isReady(job: JobDetails, log: Logger): Promise<boolean> {
    try {
      const request = await runner.requestOf(job);
      const driver = runner.driverOf(job);
      return await driver.isReady(request, { signal, log: ({ output }) => log.debug({ output }, "readiness") });
    } catch (err) {
      log.warn({ err }, "could not ask whether a workspace is ready; asking again");
      return false;
    }
  }

  const startedAt = performance.now();
  let wait: number = ASK_AGAIN_MS.first;
  while (!signal.aborted) {
    const agent = await readWaitingAgent(pool, item.subjectId);
    const job = agent && (await readJob(pool, agent.jobId));
    if (!job) return settle(undefined);
    const log = context.log.child({ agent: item.subjectId, workspace: job.request.workspace.id, job: job.jobId });
    const asked = { "prebuildd.workspace.id": job.request.workspace.id, "prebuildd.job.id": job.jobId };
    if (await inSpan("readiness", asked, () => isReady(job, log), job.traceParent)) {
      log.info({ ms: Math.round(performance.now() - startedAt) }, "agent ready");
      return settle("ready");
    }
    if (performance.now() - startedAt > GIVE_UP_MS) {
      log.warn("agent did not become ready in time");
      return settle("start_timeout");
    }
    await delay(wait, undefined, { signal }).catch(() => {});
    wait = Math.min(wait * 2, ASK_AGAIN_MS.longest);
  }
  if ((signal.reason as AbortReason) !== "lost") await queue.handBack(WORK.readiness, item, "the worker was stopped");
}
