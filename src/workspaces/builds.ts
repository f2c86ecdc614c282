import { randomUUID } from "node:crypto";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import { PRIORITY, WORK } from "../provisioner/queue.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import type { Transition } from "../vocabulary.ts";
import { cancelJob, insertBuild, lockWorkspace } from "./builds-store.ts";

/**
 * Queues a start, stop or delete of a workspace.
 * @throws ProblemError not_found when there is no such workspace, conflict while another build of it is under way
 * or its claim is not finished
 */
export async function queueBuild(
  context: Context,
  build: { readonly workspaceId: string; readonly transition: Transition; readonly initiatorId: string },
): Promise<{ buildId: string }> {
  const ids = { buildId: randomUUID(), jobId: randomUUID() };
  await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    const workspace = await lockWorkspace(client, build.workspaceId);
    if (!workspace) throw new ProblemError("not_found", "there is no such workspace");
    if (workspace.latestJobStatus && ["pending", "running", "canceling"].includes(workspace.latestJobStatus)) {
      throw new ProblemError("conflict", "another build of this workspace is under way; wait for it or cancel it");
    }
    if (workspace.claimUnfinished) {
      throw new ProblemError("conflict", "this workspace has just been claimed and is being handed over; try again soon");
    }
    const stage = workspace.ownerId === PREBUILDS_SYSTEM_USER_ID ? "create" : "none";
    await insertBuild(client, { ...build, ...ids, stage, now: context.clock.now() });
    await context.queue.add(client, WORK.build, [ids.jobId], PRIORITY.person);
  });
  context.wake.jobs();
  context.wake.pools();
  return { buildId: ids.buildId };
}

/**
 * Cancels a build: at once while it waits, and by stopping its driver while it runs.
 * @throws ProblemError not_found when there is no such build, conflict when it has ended or is being canceled already
 */
export async function cancelBuild(context: Context, build: { readonly buildId: string }): Promise<void> {
  const canceled = await cancelJob(context.pool, build.buildId, context.clock.now());
  if (!canceled) throw new ProblemError("not_found", "there is no such build");
  if (!canceled.changed) throw new ProblemError("conflict", "the build has ended or is being canceled already");
  context.wake.cancel(canceled.jobId);
  context.wake.pools();
}
