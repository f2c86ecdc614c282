import { Counter, Histogram, type Registry } from "prom-client";
import type { TickResult } from "./executor.ts";

export type LifecycleMetrics = {
  /** Counts what a tick came to. */
  observeTick(seconds: number, result: TickResult): void;
};

/** Declares the metrics of the lifecycle; only the replica that leads counts. */
export function createLifecycleMetrics(registry: Registry): LifecycleMetrics {
  const registers = [registry];
  const transitions = new Counter({
    name: "prebuildd_lifecycle_transitions_total",
    help: "Workspaces that this replica has stopped, started, made dormant or deleted by their lifecycle, by reason.",
    labelNames: ["reason"] as const,
    registers,
  });
  const skipped = new Counter({
    name: "prebuildd_lifecycle_skipped_total",
    help: "Workspaces that seemed due and were left as they are, by reason.",
    labelNames: ["reason"] as const,
    registers,
  });
  const repairs = new Counter({
    name: "prebuildd_lifecycle_repairs_total",
    help: "Workspaces whose lifecycle dates this replica has put right, by what was wrong.",
    labelNames: ["wrong"] as const,
    registers,
  });
  const duration = new Histogram({
    name: "prebuildd_lifecycle_duration_seconds",
    help: "How long applying the rules of the lifecycle took.",
    registers,
  });
  return {
    observeTick(seconds, result) {
      duration.observe(seconds);
      for (const [reason, count] of result.done) transitions.inc({ reason }, count);
      for (const [reason, count] of result.skipped) skipped.inc({ reason }, count);
      for (const [wrong, count] of Object.entries(result.repairs)) repairs.inc({ wrong }, count);
    },
  };
}
