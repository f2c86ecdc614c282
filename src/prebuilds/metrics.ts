import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Context } from "../context.ts";
import type { MissReason } from "./claim-store.ts";
import { type PoolCounters, type PoolReplacements, readCounters, readReplacements } from "./counters-store.ts";
import { type PassResult, type PlannedPools, planPools } from "./reconcile.ts";

const POOL = ["template_name", "preset_name", "organization_name"] as const;

export type PoolMetrics = {
  /** Reads the pools and replaces all values at once; when that fails the old values and their time stay. */
  refresh(): Promise<void>;
  /** The values of the pools as Prometheus reads them: written once per refresh, however many pools and scrapes. */
  text(): Promise<string>;
  observePass(seconds: number, result: PassResult | "failed"): void;
  observeCreate(seconds: number, missReason: MissReason | null): void;
};

/** Declares the pool metrics; every label and name is that of the reference, ours begin with `prebuildd_`. */
export function createPoolMetrics(
  registry: Registry,
  context: Pick<Context, "pool" | "clock" | "poolSettings">,
): PoolMetrics {
  const values = new Registry();
  let written: string | undefined;
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames: POOL, registers: [values] });
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames: POOL, registers: [values] });

  const desired = gauge("coderd_prebuilt_workspaces_desired", "How many prebuilds the pool should have now.");
  const running = gauge(
    "coderd_prebuilt_workspaces_running",
    "How many prebuilds of the pool run, expired ones included.",
  );
  const eligible = gauge("coderd_prebuilt_workspaces_eligible", "How many prebuilds of the pool can be claimed now.");
  const created = counter(
    "coderd_prebuilt_workspaces_created_total",
    "Prebuilds ever made, failed and deleted ones included.",
  );
  const failed = counter("coderd_prebuilt_workspaces_failed_total", "Prebuilds whose first build failed.");
  const claimed = counter("coderd_prebuilt_workspaces_claimed_total", "Prebuilds that were handed over.");
  const replacements = counter(
    "coderd_prebuilt_workspaces_resource_replacements_total",
    "Claims that replaced resources, so that whoever claimed waited for new ones; absent while none has.",
  );
  const hardLimited = gauge(
    "coderd_prebuilt_workspaces_preset_hard_limited",
    "1 while too many builds in a row have failed; absent otherwise.",
  );
  const validationFailed = gauge(
    "coderd_prebuilt_workspaces_preset_validation_failed",
    "1 while the template refuses the preset; absent otherwise.",
  );
  const paused = new Gauge({
    name: "coderd_prebuilt_workspaces_reconciliation_paused",
    help: "1 while all pools are paused, 0 otherwise.",
    registers: [values],
  });
  const lastUpdated = new Gauge({
    name: "coderd_prebuilt_workspaces_metrics_last_updated",
    help: "When the values of the pools were last read, in unix seconds; 0 means not yet.",
    registers: [values],
  });
  const passDuration = new Histogram({
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
  for (const result of ["ok", "partial", "failed"]) passes.inc({ result }, 0);

  const byPool = [desired, running, eligible, created, failed, claimed, replacements, hardLimited, validationFailed];

  function publish(
    { pause, pools }: PlannedPools,
    counters: readonly PoolCounters[],
    replaced: readonly PoolReplacements[],
    now: Date,
  ): void {
    for (const metric of byPool) metric.reset();
    for (const { pool, plan } of pools) {
      if (!pool.active || pool.templateDeleted) continue;
      const labels = labelsOf(pool);
      desired.inc(labels, plan.state.desired);
      running.inc(labels, plan.state.actual);
      eligible.inc(labels, plan.state.eligible);
      if (pool.status === "hard_limited") hardLimited.set(labels, 1);
      if (pool.status === "validation_failed") validationFailed.set(labels, 1);
    }
    for (const counts of counters) {
      const labels = labelsOf(counts);
      created.inc(labels, counts.created);
      failed.inc(labels, counts.failed);
      claimed.inc(labels, counts.claimed);
    }
    for (const { claims, ...names } of replaced) replacements.inc(labelsOf(names), claims);
    paused.set(pause === null ? 0 : 1);
    lastUpdated.set(Math.floor(now.getTime() / 1_000));
  }

  return {
    async refresh() {
      const now = context.clock.now();
      const [planned, counters, replaced] = await Promise.all([
        planPools(context),
        readCounters(context.pool),
        readReplacements(context.pool),
      ]);
      publish(planned, counters, replaced, now);
      written = await values.metrics();
    },
    text: async () => written ?? values.metrics(),
    observePass(seconds, result) {
      passDuration.observe(seconds);
      passes.inc({ result: result === "failed" ? "failed" : result.failures > 0 ? "partial" : "ok" });
      if (result === "failed") return;
      for (const { action, done } of result.results) {
        if (done > 0) actions.inc({ kind: action.kind, reason: action.reason }, done);
      }
    },
    observeCreate: (seconds, missReason) => creations.observe({ result: missReason ?? "claimed" }, seconds),
  };
}

const labelsOf = (pool: { templateName: string; presetName: string; organizationName: string }) => ({
  template_name: pool.templateName,
  preset_name: pool.presetName,
  organization_name: pool.organizationName,
});
