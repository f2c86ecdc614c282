import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { readLiveProvisioners } from "./daemon-store.ts";
import { WORK, type WorkItem } from "./queue.ts";
import { priorityOfBuild } from "./reaper.ts";
import { lockUnfinishedJobs } from "./reaper-store.ts";
import { readProvisioner } from "./store.ts";

/** How long this worker leaves a build to the others before it may take it again. */
const LEFT_TO_OTHERS_MS = 2_000;

/**
 * Leaves a build that this worker has no driver for to another one that has, as a new item: handing it back would use up
 * its attempts while the others are busy. When nobody else has a driver either, the build is this worker's to fail.
 * @returns whether the build has been left to others
 */
export async function passOn(context: Context, item: WorkItem, provisioners: readonly string[]): Promise<boolean> {
  const { pool, queue, clock } = context;
  const provisioner = await readProvisioner(pool, item.subjectId);
  if (provisioner === undefined || provisioners.includes(provisioner)) return false;
  if (!(await readLiveProvisioners(pool)).has(provisioner)) return false;
  const left = await withTransaction(pool, BEGIN.readWrite, async (client) => {
    const [job] = await lockUnfinishedJobs(client, [item.subjectId]);
    if (!job) return false;
    await queue.done(client, WORK.build, item);
    const from = new Date(clock.now().getTime() + LEFT_TO_OTHERS_MS);
    await queue.add(client, WORK.build, [job.id], priorityOfBuild(job), from);
    return true;
  });
  // Somebody is just canceling it, for example.
  if (!left) await queue.handBack(WORK.build, item, "the job was locked");
  return true;
}
