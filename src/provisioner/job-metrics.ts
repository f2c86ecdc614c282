import { Counter, Histogram, type HistogramConfiguration, type Registry } from "prom-client";
import type { NativeBuckets } from "../metrics/native-buckets.ts";
import { POOL } from "../prebuilds/metrics.ts";
import { BUCKETS, type JobHistogram, type JobMetric } from "./job-histogram.ts";

export type JobMetrics = {
  /** Replaces all values at once. */
  publish(histograms: readonly JobHistogram[]): void;
};

/** Declares what is said of jobs that have ended: counted in the database, so that it survives restarts. */
export function createJobMetrics(values: Registry): JobMetrics {
  const byName: Readonly<Record<JobMetric, (series: readonly JobHistogram[]) => void>> = {
    coderd_workspace_creation_duration_seconds: histogram(
      "coderd_workspace_creation_duration_seconds",
      "How long the first successful build of a workspace ran, by whether it made a prebuild (type prebuild) or a workspace for somebody (type regular).",
      [...POOL, "type"],
    ),
    coderd_prebuilt_workspace_claim_duration_seconds: histogram(
      "coderd_prebuilt_workspace_claim_duration_seconds",
      "How long the successful build ran that hands a prebuild over.",
      POOL,
    ),
    coderd_template_workspace_build_duration_seconds: histogram(
      "coderd_template_workspace_build_duration_seconds",
      "How long builds took from when they were asked for to their end.",
      ["template_name", "organization_name", "transition", "status", "is_prebuild"],
    ),
    coderd_provisioner_job_queue_wait_seconds: histogram(
      "coderd_provisioner_job_queue_wait_seconds",
      "How long jobs waited for a worker, counted when they have ended.",
      ["provisioner_type", "job_type", "transition", "build_reason"],
    ),
    coderd_workspace_creation_total: counter(
      "coderd_workspace_creation_total",
      "Workspaces that were started for somebody from the beginning, and not as a prebuild.",
      POOL,
    ),
    coderd_workspace_builds_enqueued_total: counter(
      "coderd_workspace_builds_enqueued_total",
      "Builds that were asked for.",
      ["provisioner_type", "build_reason", "transition"],
    ),
  };

  function histogram(name: JobMetric, help: string, labelNames: readonly string[]) {
    const metric = new CountedHistogram({
      name,
      help,
      labelNames: [...labelNames],
      buckets: [...BUCKETS[name]],
      registers: [values],
    });
    return (series: readonly JobHistogram[]) => metric.publish(series);
  }

  function counter(name: JobMetric, help: string, labelNames: readonly string[]) {
    const metric = new Counter({ name, help, labelNames: [...labelNames], registers: [values] });
    return (series: readonly JobHistogram[]) => {
      metric.reset();
      for (const { labels, count } of series) metric.inc(labels, count);
    };
  }

  return {
    publish(histograms) {
      const series = Map.groupBy(histograms, ({ metric }) => metric);
      for (const [name, publish] of Object.entries(byName)) publish(series.get(name as JobMetric) ?? []);
    },
  };
}

type Sample = {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  /** What the samples of one histogram have in common. */
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly native?: NativeBuckets;
};

/**
 * A histogram whose observations are counted elsewhere: the library's own can only be given one observation after the
 * other. Each sample `_count` brings the native buckets along.
 */
class CountedHistogram extends Histogram<string> {
  readonly #about: { readonly name: string; readonly help: string };
  #samples: readonly Sample[] = [];

  constructor(config: HistogramConfiguration<string>) {
    super(config);
    this.#about = { name: config.name, help: config.help };
  }

  publish(series: readonly JobHistogram[]): void {
    this.#samples = series.flatMap(samplesOf);
  }

  /** What the library asks for when it writes text, and what its `get` returns. */
  async getForPromString() {
    return { ...this.#about, type: "histogram", values: [...this.#samples], aggregator: "max" };
  }
}

function samplesOf({ metric, labels: sharedLabels, count, sum, buckets, native }: JobHistogram): Sample[] {
  const limits: readonly number[] = BUCKETS[metric];
  let below = 0;
  const cumulative = [...limits, "+Inf"].map((le, at) => {
    below += buckets[at] ?? 0;
    return { metricName: `${metric}_bucket`, labels: { le }, sharedLabels, value: below };
  });
  return [
    ...cumulative,
    { metricName: `${metric}_sum`, labels: {}, sharedLabels, value: sum },
    { metricName: `${metric}_count`, labels: {}, sharedLabels, value: count, native },
  ];
}
