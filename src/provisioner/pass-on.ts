import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { readLiveProvisioners } from "./daemon-store.ts";
import type { WorkItem, WorkKind } from "./queue.ts";
import { priorityOfJob } from "./reaper.ts";
import { lockUnfinishedJobs } from "./reaper-store.ts";
import { readProvisioner } from "./store.ts";

/** How long this worker leaves a job to the others before it may take it again. */
const LEFT_TO_OTHERS_MS = 2_000;

/**
 * Leaves a job that this worker has no driver for to another one that has, as a new item: handing it back would use up
 * its attempts while the others are busy. When nobody else has a driver either, the job is this worker's to fail.
 * @returns whether the job has been left to others
 */
export async function passOn(
  context: Context,
  kind: WorkKind,
  item: WorkItem,
  provisioners: readonly string[],
): Promise<boolean> {
  const { pool, queue, clock } = context;
  const provisioner = await readProvisioner(pool, item.subjectId);
  if (provisioner === undefined || provisioners.includes(provisioner)) return false;
  if (!(await readLiveProvisioners(pool)).has(provisioner)) return false;
  const left = await withTransaction(pool, BEGIN.readWrite, async (client) => {
    const [job] = await lockUnfinishedJobs(client, [item.subjectId]);
    if (!job) return false;
    await queue.done(client, kind, item);
    const from = new Date(clock.now().getTime() + LEFT_TO_OTHERS_MS);
    await queue.add(client, kind, [job.id], priorityOfJob(job), from);
    return true;
  });
  // Somebody is just canceling it, for example.
  if (!left) await queue.handBack(kind, item, "the job was locked");
  return true;
}
