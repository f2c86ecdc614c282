import type { PoolCounters, PoolReplacements } from "../prebuilds/counters-store.ts";
import type { PoolSample } from "../prebuilds/pool-sample.ts";
import type { JobHistogram } from "../provisioner/job-histogram.ts";
import type { QueueSample } from "../provisioner/queue.ts";
import type { QuotaSample } from "../quota/store.ts";

/**
 * Raised with every change of what a sample holds. Replicas of two versions then each share samples with their own kind,
 * and neither has to make sense of the other's.
 */
export const SAMPLE_FORMAT = 1;

/** What all replicas export, as one of them has read it: plain JSON, so that it is the same for whoever reads it. */
export type DeploymentSample = {
  /** Somebody has paused all pools. */
  readonly paused: boolean;
  readonly pools: readonly PoolSample[];
  readonly counters: readonly PoolCounters[];
  readonly replacements: readonly PoolReplacements[];
  readonly jobs: readonly JobHistogram[];
  readonly queue: readonly QueueSample[];
  /** Jobs that have been unfinished for long and that nothing in the queue carries. */
  readonly stuckJobs: number;
  /** How many workers that have reported lately have a driver for each provisioner. */
  readonly workers: Readonly<Record<string, number>>;
  /** Of the prebuilds of each organization where they cost something or may. */
  readonly quotas: readonly QuotaSample[];
};

/** A sample, and when it was read. */
export type Taken = { readonly takenAt: Date; readonly sample: DeploymentSample };
