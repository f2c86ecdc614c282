import { Counter, Gauge, type Registry } from "prom-client";
import type { DeploymentSample } from "../metrics/sample.ts";
import { POOL_STATES } from "./pool-sample.ts";

/** The labels that name a pool. */
export const POOL = ["template_name", "preset_name", "organization_name"] as const;

export type PoolMetrics = {
  /** Replaces all values at once. */
  publish(sample: Pick<DeploymentSample, "paused" | "pools" | "counters" | "replacements" | "quotas">): void;
};

/**
 * Declares what is said of the pools; every label and name without `prebuildd_` is that of the reference (prebuilds.md
 * section 18).
 */
export function createPoolMetrics(values: Registry): PoolMetrics {
  const registers = [values];
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames: POOL, registers });
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames: POOL, registers });

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
    registers,
  });
  const enabled = new Gauge({
    name: "prebuildd_reconciliation_enabled",
    help: "1 while the pools are kept, 0 while all of them are paused.",
    registers,
  });
  const states = new Gauge({
    name: "prebuildd_pool_prebuilds",
    help: "Prebuilds of the pool that cannot be claimed, by what they are doing; outdated ones are of a version that is not active, or invalidated. All tend to 0.",
    labelNames: [...POOL, "state"] as const,
    registers,
  });
  const missing = new Gauge({
    name: "prebuildd_pool_missing",
    help: "Prebuilds that the pool lacks, by the reason; absent while none is missing for it.",
    labelNames: [...POOL, "reason"] as const,
    registers,
  });
  const poolPaused = gauge("prebuildd_pool_paused", "1 while this pool alone is paused; absent otherwise.");
  const inFlight = new Gauge({
    name: "prebuildd_in_flight",
    help: "Prebuilds that are being started now, waiting ones included.",
    registers,
  });
  const quota = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ["organization_name"] as const, registers });
  const quotaUsed = quota(
    "prebuildd_quota_used_daily_cost",
    "What the prebuilds of the organization cost a day; absent where they cost nothing and may cost nothing.",
  );
  const quotaBudget = quota(
    "prebuildd_quota_budget_daily_cost",
    "What the prebuilds of the organization may cost a day; absent where they cost nothing and may cost nothing.",
  );

  const labelled = [
    ...[desired, running, eligible, created, failed, claimed, replacements, hardLimited, validationFailed],
    ...[states, missing, poolPaused, quotaUsed, quotaBudget],
  ];

  return {
    publish(sample) {
      for (const metric of labelled) metric.reset();
      for (const pool of sample.pools) {
        const labels = labelsOf(pool);
        const isThere = pool.kept || Object.values(pool.states).some((count) => count > 0);
        for (const state of isThere ? POOL_STATES : []) states.inc({ ...labels, state }, pool.states[state]);
        if (!pool.shown) continue;
        desired.inc(labels, pool.desired);
        running.inc(labels, pool.running);
        eligible.inc(labels, pool.eligible);
        for (const { reason, count } of pool.missing) missing.inc({ ...labels, reason }, count);
        if (pool.status === "hard_limited") hardLimited.set(labels, 1);
        if (pool.status === "validation_failed") validationFailed.set(labels, 1);
        if (pool.paused) poolPaused.set(labels, 1);
      }
      for (const counts of sample.counters) {
        const labels = labelsOf(counts);
        created.inc(labels, counts.created);
        failed.inc(labels, counts.failed);
        claimed.inc(labels, counts.claimed);
      }
      for (const { claims, ...names } of sample.replacements) replacements.inc(labelsOf(names), claims);
      for (const { organizationName, used, budget } of sample.quotas) {
        quotaUsed.set({ organization_name: organizationName }, used);
        quotaBudget.set({ organization_name: organizationName }, budget);
      }
      paused.set(sample.paused ? 1 : 0);
      enabled.set(sample.paused ? 0 : 1);
      inFlight.set(sample.pools.reduce((sum, { states: { starting } }) => sum + starting, 0));
    },
  };
}

/** A pool's labels. */
export const labelsOf = (pool: { templateName: string; presetName: string; organizationName: string }) => ({
  template_name: pool.templateName,
  preset_name: pool.presetName,
  organization_name: pool.organizationName,
});
