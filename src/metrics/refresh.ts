import type pg from "pg";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { readCounters, readReplacements } from "../prebuilds/counters-store.ts";
import { samplePool } from "../prebuilds/pool-sample.ts";
import { planPools } from "../prebuilds/reconcile.ts";
import { readLiveWorkers } from "../provisioner/daemon-store.ts";
import { countFinishedJobs, readJobHistograms } from "../provisioner/job-histogram-store.ts";
import { WORK } from "../provisioner/queue.ts";
import { readUnfinishedJobs } from "../provisioner/reaper-store.ts";
import { readPrebuildQuotas } from "../quota/store.ts";
import type { DeploymentSample, Taken } from "./sample.ts";
import { lockSample, readSample, storeLevels, storeSample } from "./sample-store.ts";

/** A refresh that takes longer is given up; the values stay as they were. */
const LIMIT_MS = 10_000;
/** Replicas look once per interval, and not at the same time: what is nearly as old is read anew. */
const NEARLY = 0.9;
/** The reaper brings lost jobs back within minutes; one that is still lost after this needs somebody to look. */
const STUCK_MS = 3_600_000;

type Reader = Pick<Context, "pool" | "clock" | "poolSettings" | "queue"> & Partial<Pick<Context, "wake">>;

/** Where the values come from: `computed` here and now for all replicas, or `shared` by the one that did. */
export type Refreshed = Taken & { readonly how: "computed" | "shared" };

/**
 * The newest values of the deployment. When those that are shared are older than the interval, one replica reads them
 * anew for all and tells the others.
 */
export async function refreshSample(context: Reader, intervalMs: number): Promise<Refreshed> {
  const shared = await readSample(context.pool, intervalMs * NEARLY);
  if (shared?.fresh) return { ...shared, how: "shared" };
  const taken = await within(LIMIT_MS, takeSample(context, { maxAgeMs: intervalMs * NEARLY, wait: !shared }));
  if (taken) return taken;
  if (shared) return { ...shared, how: "shared" };
  throw new Error("another replica has not come to read the first metrics");
}

/** Reads and stores a sample, alone; undefined when another replica is at it and that is not waited for. */
async function takeSample(
  context: Reader,
  { maxAgeMs, wait }: { readonly maxAgeMs: number; readonly wait: boolean },
): Promise<Refreshed | undefined> {
  const taken = await withTransaction(context.pool, BEGIN.readWrite, async (client): Promise<Refreshed | undefined> => {
    if (!(await lockSample(client, { limitMs: LIMIT_MS, wait }))) return undefined;
    // Whoever had the lock until now may have done it.
    const meanwhile = await readSample(client, maxAgeMs);
    if (meanwhile?.fresh) return { ...meanwhile, how: "shared" };
    const takenAt = context.clock.now();
    const stuckSince = new Date(takenAt.getTime() - STUCK_MS);
    // The pools are read on a connection of their own, at the same time.
    const [planned, around] = await Promise.all([planPools(context), readAround(context, client, stuckSince)]);
    const sample: DeploymentSample = {
      paused: planned.pause !== null,
      pools: planned.pools.map(({ pool, plan }) => samplePool(pool, plan)),
      ...around,
    };
    await storeSample(client, { takenAt, sample });
    await storeLevels(client, { sample });
    return { takenAt, sample, how: "computed" };
  });
  if (taken?.how === "computed") context.wake?.metrics();
  return taken;
}

/** Everything but the pools themselves. */
async function readAround(
  { queue }: Pick<Context, "queue">,
  client: pg.PoolClient,
  stuckSince: Date,
): Promise<Omit<DeploymentSample, "paused" | "pools">> {
  const counters = await readCounters(client);
  const replacements = await readReplacements(client);
  await countFinishedJobs(client);
  const stuck = await readUnfinishedJobs(client, "workspace_build", stuckSince);
  return {
    counters,
    replacements,
    jobs: await readJobHistograms(client),
    queue: await queue.measure(client),
    stuckJobs: (await queue.missing(client, WORK.build, stuck)).length,
    workers: await readLiveWorkers(client),
    quotas: await readPrebuildQuotas(client),
  };
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`reading the metrics took longer than ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
