import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { MISS_REASONS, type MissReason } from "./claim-store.ts";
import type { PassResult } from "./reconcile.ts";
import { createRefillWatch } from "./refill.ts";

export type PassMetrics = {
  /** Says that this replica begins to lead: what it knows of the pools from earlier is no longer so. */
  lead(): void;
  observePass(seconds: number, result: PassResult | "failed"): void;
  observeCreate(seconds: number, missReason: MissReason | null): void;
};

/** Declares what this replica counts itself, of passes while it leads and of requests for workspaces. */
export function createPassMetrics(registry: Registry, { intervalMs }: { readonly intervalMs: number }): PassMetrics {
  const registers = [registry];
  const duration = new Histogram({
    name: "coderd_prebuilds_reconciliation_duration_seconds",
    help: "How long a pass over all pools took.",
    registers,
  });
  const passes = new Counter({
    name: "prebuildd_passes_total",
    help: "Passes of this replica by result: ok, partial (an action failed) or failed.",
    labelNames: ["result"] as const,
    registers,
  });
  const actions = new Counter({
    name: "prebuildd_actions_total",
    help: "Prebuilds touched by this replica's passes, by the kind of action and its reason.",
    labelNames: ["kind", "reason"] as const,
    registers,
  });
  const creations = new Histogram({
    name: "prebuildd_workspace_request_duration_seconds",
    help: "How long this replica took to answer a request for a workspace, by result: claimed, or the reason for the miss.",
    labelNames: ["result"] as const,
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers,
  });
  const refill = new Histogram({
    name: "prebuildd_pool_refill_seconds",
    help: "From the pass that found a pool short to the pass that found it full; of pools that this replica watched from the one to the other.",
    buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600],
    registers,
  });
  const lastPass = new Gauge({
    name: "prebuildd_last_pass_timestamp_seconds",
    help: "When this replica has last ended a pass, in unix seconds; 0 if it never has.",
    registers,
  });
  const interval = new Gauge({
    name: "prebuildd_reconciliation_interval_seconds",
    help: "The longest time between two passes of the replica that leads.",
    registers,
  });
  interval.set(intervalMs / 1_000);
  // An increase from nothing to 1 cannot be seen, one from 0 can.
  for (const result of ["ok", "partial", "failed"]) passes.inc({ result }, 0);
  for (const result of ["claimed", ...MISS_REASONS]) creations.zero({ result });
  let watch = createRefillWatch();

  return {
    lead() {
      watch = createRefillWatch();
    },
    observePass(seconds, result) {
      duration.observe(seconds);
      passes.inc({ result: result === "failed" ? "failed" : result.failures > 0 ? "partial" : "ok" });
      if (result === "failed") return;
      lastPass.set(result.now.getTime() / 1_000 + seconds);
      for (const took of watch(result.pools, result.now)) refill.observe(took);
      for (const { action, done } of result.results) {
        if (done > 0) actions.inc({ kind: action.kind, reason: action.reason }, done);
      }
    },
    observeCreate: (seconds, missReason) => creations.observe({ result: missReason ?? "claimed" }, seconds),
  };
}
