import { Counter, Gauge, Registry } from "prom-client";
import type { Context } from "./context.ts";
import { createLifecycleMetrics, type LifecycleMetrics } from "./lifecycle/metrics.ts";
import { prefersProtobuf } from "./metrics/negotiate.ts";
import { PROTOBUF_CONTENT_TYPE, protobufOf } from "./metrics/protobuf.ts";
import { refreshSample } from "./metrics/refresh.ts";
import { createReplicaMetrics, type Process } from "./metrics/replica.ts";
import type { Taken } from "./metrics/sample.ts";
import { createPoolMetrics } from "./prebuilds/metrics.ts";
import { createMissMetrics, type MissMetrics } from "./prebuilds/miss-metrics.ts";
import { createPassMetrics, type PassMetrics } from "./prebuilds/pass-metrics.ts";
import { createJobMetrics } from "./provisioner/job-metrics.ts";
import { createWorkMetrics } from "./provisioner/metrics.ts";

export type Metrics = {
  readonly passes: PassMetrics;
  readonly misses: Pick<MissMetrics, "observeMiss">;
  readonly lifecycle: LifecycleMetrics;
  /**
   * Replaces the values of the deployment by the newest that the replicas share, which it reads itself when they are too
   * old; when that fails the old values and their time stay.
   */
  refresh(): Promise<void>;
  /** All metrics as text; never touches the database. */
  text(): Promise<{ contentType: string; body: string }>;
  /** The same in the format that a scraper with this header `Accept` wants: text, or protobuf with native histograms. */
  scrape(accept: string | undefined): Promise<{ contentType: string; body: string | Buffer }>;
  /** Reports at each scrape how this replica is doing. */
  observeProcess(process: Process): void;
};

type MetricsContext = Parameters<typeof refreshSample>[0];

/** How often the values of the deployment are read, and the longest time between two passes, in milliseconds. */
export type MetricsIntervals = { readonly metricsIntervalMs: number; readonly reconciliationIntervalMs: number };

/**
 * Makes the process's metrics: those of the deployment, which all replicas export alike, and its own.
 * @param intervals left out, every refresh reads the deployment anew
 */
export function createMetrics(
  context: MetricsContext & Pick<Context, "poolSettings">,
  intervals: MetricsIntervals = { metricsIntervalMs: 0, reconciliationIntervalMs: 60_000 },
): Metrics {
  const registry = new Registry();
  const values = new Registry();
  const published = [createPoolMetrics(values), createWorkMetrics(values)];
  const jobs = createJobMetrics(values);
  const lastUpdated = new Gauge({
    name: "coderd_prebuilt_workspaces_metrics_last_updated",
    help: "When the values of the deployment were read, in unix seconds; 0 means not yet.",
    registers: [values],
  });
  const refreshes = new Counter({
    name: "prebuildd_metrics_refreshes_total",
    help: "Refreshes of the values of the deployment: computed here for all replicas, shared by another one, or failed.",
    labelNames: ["result"] as const,
    registers: [registry],
  });
  for (const result of ["computed", "shared", "failed"]) refreshes.inc({ result }, 0);
  const passes = createPassMetrics(registry, { intervalMs: intervals.reconciliationIntervalMs });
  const misses = createMissMetrics(registry);
  const lifecycle = createLifecycleMetrics(registry);
  const replica = createReplicaMetrics(registry, context);

  let shown: Date | undefined;
  /** The values in both formats: written once per refresh, however many pools and scrapes. */
  let written: string | undefined;
  let encoded: Promise<Uint8Array> | undefined;

  async function publish({ takenAt, sample }: Taken): Promise<void> {
    if (shown && takenAt.getTime() === shown.getTime() && intervals.metricsIntervalMs > 0) return;
    for (const metrics of published) metrics.publish(sample);
    jobs.publish(sample.jobs);
    misses.publish(sample.pools);
    lastUpdated.set(Math.floor(takenAt.getTime() / 1_000));
    written = await values.metrics();
    encoded = undefined;
    shown = takenAt;
  }

  const text = async () => ({
    contentType: registry.contentType,
    body: `${written ?? (await values.metrics())}\n${await registry.metrics()}`,
  });

  async function protobuf(): Promise<{ contentType: string; body: Buffer }> {
    encoded ??= protobufOf(values);
    return { contentType: PROTOBUF_CONTENT_TYPE, body: Buffer.concat([await encoded, await protobufOf(registry)]) };
  }

  return {
    passes,
    misses,
    lifecycle,
    async refresh() {
      try {
        const refreshed = await refreshSample(context, intervals.metricsIntervalMs);
        await publish(refreshed);
        refreshes.inc({ result: refreshed.how });
      } catch (error) {
        refreshes.inc({ result: "failed" });
        throw error;
      }
    },
    text,
    scrape: (accept) => (prefersProtobuf(accept) ? protobuf() : text()),
    observeProcess: replica.observe,
  };
}
