import { PbfWriter } from "pbf";
import type { Registry } from "prom-client";
import { type NativeBuckets, SCHEMA, spansOf, ZERO_THRESHOLD } from "./native-buckets.ts";

/** The content type of what `protobufOf` returns. */
export const PROTOBUF_CONTENT_TYPE =
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

type Labels = Readonly<Record<string, string | number | undefined>>;

/** A sample as the registry gives it; the one of a histogram's count may bring its native buckets along. */
type Sample = {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
  readonly native?: NativeBuckets;
};

type Family = {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
};

/** The samples that make up one message: one of a counter or gauge, all of one histogram. */
type Metric = { readonly labels: Labels; readonly samples: readonly Sample[] };

/** The enum MetricType, and the field of a Metric that holds the value of such a type. */
const TYPES: Readonly<
  Record<string, { type: number; field: number; write(samples: readonly Sample[], to: PbfWriter): void }>
> = {
  counter: { type: 0, field: 3, write: writeValue },
  gauge: { type: 1, field: 2, write: writeValue },
  histogram: { type: 4, field: 7, write: writeHistogram },
};

/**
 * A registry's metrics as Prometheus reads them when it wants native histograms: messages MetricFamily, each after its
 * length. What several registries give can stand one after the other.
 */
export async function protobufOf(registry: Registry): Promise<Uint8Array> {
  // The type that the library declares for this is not what it returns: its types of metrics are words.
  const families = (await registry.getMetricsAsJSON()) as unknown as Family[];
  const to = new PbfWriter();
  for (const family of families) if (family.values.length > 0) to.writeRawMessage(writeFamily, family);
  return to.finish();
}

function writeFamily({ name, help, type: word, values }: Family, to: PbfWriter): void {
  const type = TYPES[word];
  if (!type) throw new Error(`${name} is a ${word}, which has no form in protobuf here: add it to TYPES`);
  to.writeStringField(1, name);
  to.writeStringField(2, help);
  to.writeVarintField(3, type.type);
  const metrics = word === "histogram" ? histogramsOf(values) : values.map((one) => ({ ...one, samples: [one] }));
  for (const metric of metrics) {
    to.writeMessage(
      4,
      ({ labels, samples }: Metric, metricTo) => {
        for (const label of Object.entries(labels)) metricTo.writeMessage(1, writeLabel, label);
        metricTo.writeMessage(type.field, type.write, samples);
      },
      metric,
    );
  }
}

/** The samples of each histogram together: the registry gives its buckets first, and its count last. */
function histogramsOf(values: readonly Sample[]): Metric[] {
  const histograms: Metric[] = [];
  let samples: Sample[] = [];
  for (const sample of values) {
    samples.push(sample);
    if (!sample.metricName?.endsWith("_count")) continue;
    histograms.push({ labels: sample.labels, samples });
    samples = [];
  }
  return histograms;
}

function writeLabel([name, value]: [string, string | number | undefined], to: PbfWriter): void {
  to.writeStringField(1, name);
  to.writeStringField(2, String(value ?? ""));
}

function writeValue([sample]: readonly Sample[], to: PbfWriter): void {
  to.writeDoubleField(1, sample?.value ?? 0);
}

function writeHistogram(samples: readonly Sample[], to: PbfWriter): void {
  const [sum, count] = samples.slice(-2);
  to.writeVarintField(1, count?.value ?? 0);
  to.writeDoubleField(2, sum?.value ?? 0);
  for (const { labels, value } of samples.slice(0, -2)) {
    const limit = labels["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels["le"]);
    to.writeMessage(3, writeBucket, [value, limit]);
  }
  if (!count?.native) return;
  const { spans, deltas } = spansOf(count.native);
  const positive = Object.values(count.native).reduce((total, some) => total + some, 0);
  to.writeSVarintField(5, SCHEMA);
  to.writeDoubleField(6, ZERO_THRESHOLD);
  to.writeVarintField(7, count.value - positive);
  for (const span of spans) to.writeMessage(12, writeSpan, span);
  // Prometheus 2 and 3 read a repeated number both ways; packed is the smaller one.
  to.writePackedSVarint(13, [...deltas]);
}

function writeBucket([count, limit]: readonly [number, number], to: PbfWriter): void {
  to.writeVarintField(1, count);
  to.writeDoubleField(2, limit);
}

function writeSpan({ offset, length }: { readonly offset: number; readonly length: number }, to: PbfWriter): void {
  to.writeSVarintField(1, offset);
  to.writeVarintField(2, length);
}
