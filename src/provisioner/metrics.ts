import { Gauge, type Registry } from "prom-client";
import type { DeploymentSample } from "../metrics/sample.ts";

export type WorkMetrics = {
  /** Replaces all values at once. */
  publish(sample: Pick<DeploymentSample, "queue" | "workers" | "stuckJobs" | "pools">): void;
};

/** Declares what is said of the queue and of those who work on it. */
export function createWorkMetrics(values: Registry): WorkMetrics {
  const registers = [values];
  const depth = new Gauge({
    name: "prebuildd_queue_depth",
    help: "Items in the queue, by kind, by whom they are for, and by whether they wait, run, or have killed every worker that took them.",
    labelNames: ["kind", "priority", "state"] as const,
    registers,
  });
  const oldest = new Gauge({
    name: "prebuildd_queue_oldest_age_seconds",
    help: "How long the oldest item has waited that could be taken; absent while none waits.",
    labelNames: ["kind", "priority"] as const,
    registers,
  });
  const workers = new Gauge({
    name: "prebuildd_workers",
    help: "Workers that have reported within the last minute, by what they have a driver for.",
    labelNames: ["provisioner"] as const,
    registers,
  });
  const orphans = new Gauge({
    name: "prebuildd_orphans",
    help: "What nobody gets rid of: prebuilds whose deletion has failed (undeletable), and jobs unfinished for more than an hour that are not in the queue (stuck). Should be 0.",
    labelNames: ["kind"] as const,
    registers,
  });
  return {
    publish(sample) {
      for (const metric of [depth, oldest, workers]) metric.reset();
      // So that a picture of the builds shows a line at 0 and not a gap.
      for (const priority of ["people", "lifecycle", "deletions", "creations"]) {
        for (const state of ["waiting", "running", "dead"]) depth.set({ kind: "build", priority, state }, 0);
      }
      for (const { kind, priority, oldestSeconds, ...states } of sample.queue) {
        for (const state of ["waiting", "running", "dead"] as const)
          depth.set({ kind, priority, state }, states[state]);
        if (oldestSeconds !== null) oldest.set({ kind, priority }, oldestSeconds);
      }
      for (const provisioner of ["command", "terraform"]) {
        workers.set({ provisioner }, sample.workers[provisioner] ?? 0);
      }
      const undeletable = sample.pools.reduce((sum, { states }) => sum + states.delete_failed, 0);
      orphans.set({ kind: "undeletable" }, undeletable);
      orphans.set({ kind: "stuck" }, sample.stuckJobs);
    },
  };
}
