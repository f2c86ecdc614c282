import { type NativeBuckets, nativeBucket } from "../metrics/native-buckets.ts";

/** The upper limits of the classic buckets in seconds, by metric; what is only counted has none. */
export const BUCKETS = {
  coderd_workspace_creation_duration_seconds: [1, 10, 30, 60, 300, 600, 1800, 3600],
  coderd_prebuilt_workspace_claim_duration_seconds: [1, 5, 10, 20, 30, 60, 120, 180, 240, 300],
  coderd_template_workspace_build_duration_seconds: [1, 10, 30, 60, 300, 600, 1800, 3600],
  coderd_provisioner_job_queue_wait_seconds: [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
  coderd_workspace_creation_total: [],
  coderd_workspace_builds_enqueued_total: [],
} as const satisfies Readonly<Record<string, readonly number[]>>;

export type JobMetric = keyof typeof BUCKETS;

type Labels = Readonly<Record<string, string>>;

/** How often something happened, and how long it took. */
type Counts = {
  readonly count: number;
  /** In seconds. */
  readonly sum: number;
  /** By bucket, not cumulative; the last is the one without a limit. Empty for what is only counted. */
  readonly buckets: readonly number[];
  /** The same in the exponential buckets of native histograms. */
  readonly native: NativeBuckets;
};

/** A series of a metric with all of its labels, as it is exported. */
export type JobHistogram = Counts & { readonly metric: JobMetric; readonly labels: Labels };

/** What is to be added to what is stored. */
export type Increment = Counts & {
  readonly metric: JobMetric;
  /** Null when what is counted is not about a template. */
  readonly templateId: string | null;
  /** The labels that do not follow from the template. */
  readonly labels: Labels;
};

/** One more of a metric; `seconds` is how long it took, left out for what is only counted. */
export function increment(metric: JobMetric, templateId: string | null, labels: Labels, seconds?: number): Increment {
  const counted = { metric, templateId, labels, count: 1 };
  if (seconds === undefined) return { ...counted, sum: 0, buckets: [], native: {} };
  const limits = BUCKETS[metric];
  const at = limits.findIndex((limit) => seconds <= limit);
  const buckets = new Array<number>(limits.length + 1).fill(0);
  buckets[at === -1 ? limits.length : at] = 1;
  const index = nativeBucket(seconds);
  return { ...counted, sum: seconds, buckets, native: index === undefined ? {} : { [index]: 1 } };
}

/** Adds increments up, one for each series. */
export class Increments {
  readonly #byKey = new Map<string, Increment>();

  add(more: Increment): void {
    const labels = Object.entries(more.labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify([more.metric, more.templateId, labels]);
    const before = this.#byKey.get(key);
    this.#byKey.set(key, before ? sumOf(before, more) : more);
  }

  /** In the same order whoever has added them, so that those who store them lock rows in the same order. */
  list(): Increment[] {
    return [...this.#byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
  }
}

function sumOf(a: Increment, b: Increment): Increment {
  const native: Record<string, number> = { ...a.native };
  for (const [index, count] of Object.entries(b.native)) native[index] = (native[index] ?? 0) + count;
  return {
    ...a,
    count: a.count + b.count,
    sum: a.sum + b.sum,
    buckets: a.buckets.map((count, at) => count + (b.buckets[at] ?? 0)),
    native,
  };
}
