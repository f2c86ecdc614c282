import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { it, type TestContext } from "node:test";
import { PbfReader } from "pbf";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { prefersProtobuf } from "../../src/metrics/negotiate.ts";
import { PROTOBUF_CONTENT_TYPE, protobufOf } from "../../src/metrics/protobuf.ts";
import { Increments, increment, type JobHistogram } from "../../src/provisioner/job-histogram.ts";
import { createJobMetrics } from "../../src/provisioner/job-metrics.ts";
import { waitFor } from "../support/wait-for.ts";

const METRIC = "coderd_workspace_creation_duration_seconds";
const POOL = { template_name: 'a "quoted"\\ name\nin two lines', preset_name: "größe", organization_name: "default" };

/** Durations of so many seconds, as they would come from the database. */
function durations(seconds: readonly number[], labels: Readonly<Record<string, string>>): JobHistogram[] {
  const increments = new Increments();
  for (const one of seconds) increments.add(increment(METRIC, null, labels, one));
  return increments.list().map(({ templateId: _, ...series }) => series);
}

/** The fields of a message in their order: a number, or the bytes of text and of messages. */
function fieldsOf(bytes: Uint8Array, doubles: readonly number[] = []): [number, number | Uint8Array][] {
  const fields: [number, number | Uint8Array][] = [];
  new PbfReader(bytes).readFields((field, into, reader) => {
    const isNumber = reader.type !== 2;
    into.push([
      field,
      !isNumber ? reader.readBytes() : doubles.includes(field) ? reader.readDouble() : reader.readVarint(),
    ]);
  }, fields);
  return fields;
}

const bytesOf = (fields: readonly [number, number | Uint8Array][], wanted: number): Uint8Array[] =>
  fields.flatMap(([field, value]) => (field === wanted && typeof value !== "number" ? [value] : []));
const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

it("a family is written as the messages of Prometheus, each after its length, and one without series not at all", async () => {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({ name: "absent", help: "Has no series.", labelNames: ["a"], registers });
  new Gauge({ name: "level", help: "A level.", labelNames: ["pool"], registers }).set({ pool: POOL.preset_name }, -2.5);
  new Counter({ name: "ever_total", help: "A count.", registers }).inc(300);
  const took = new Histogram({ name: "took_seconds", help: "Times.", labelNames: ["a"], buckets: [1, 2], registers });
  for (const [a, seconds] of [
    ["x", 0.5],
    ["x", 1.5],
    ["y", 9],
  ] as const)
    took.observe({ a }, seconds);

  const reader = new PbfReader(await protobufOf(registry));
  const families: Uint8Array[] = [];
  while (reader.pos < reader.length) families.push(reader.readBytes());
  const [level, ever, times, ...others] = families.map((family) => fieldsOf(family));
  assert.deepEqual(others, []);
  assert.ok(level && ever && times);
  const headOf = (family: typeof level) => [textOf(bytesOf(family, 1)[0]), textOf(bytesOf(family, 2)[0]), family[2]];
  assert.deepEqual(headOf(level), ["level", "A level.", [3, 1]]);
  assert.deepEqual(headOf(ever), ["ever_total", "A count.", [3, 0]]);
  assert.deepEqual(headOf(times), ["took_seconds", "Times.", [3, 4]]);

  const [metric] = bytesOf(level, 4).map((bytes) => fieldsOf(bytes));
  assert.deepEqual(
    bytesOf(metric ?? [], 1).map((label) => fieldsOf(label).map(([, text]) => textOf(text as Uint8Array))),
    [["pool", "größe"]],
  );
  const [value] = bytesOf(metric ?? [], 2);
  assert.deepEqual(fieldsOf(value ?? new Uint8Array(), [1]), [[1, -2.5]]);
  const histograms = bytesOf(times, 4).map((bytes) =>
    fieldsOf(bytesOf(fieldsOf(bytes), 7)[0] ?? new Uint8Array(), [2]),
  );
  assert.deepEqual(
    histograms.map((fields) => [
      ...fields.slice(0, 2),
      ...bytesOf(fields, 3).map((bucket) => fieldsOf(bucket, [2]).map(([, number]) => number)),
    ]),
    [
      [
        [1, 2],
        [2, 2],
        [1, 1],
        [2, 2],
        [2, Number.POSITIVE_INFINITY],
      ],
      [
        [1, 1],
        [2, 9],
        [0, 1],
        [0, 2],
        [1, Number.POSITIVE_INFINITY],
      ],
    ],
  );
});

it("a histogram that was counted in the database has classic and native buckets in one message", async () => {
  const registry = new Registry();
  createJobMetrics(registry).publish(durations([0, 1, 45, 45.5, 4_000], { ...POOL, type: "regular" }));
  const reader = new PbfReader(await protobufOf(registry));
  const [metric] = bytesOf(fieldsOf(reader.readBytes()), 4);
  assert.equal(reader.pos, reader.length, "metrics without series are left out");
  const [histogram = new Uint8Array()] = bytesOf(fieldsOf(metric ?? new Uint8Array()), 7);
  const fields = fieldsOf(histogram, [2, 6]);
  assert.equal(bytesOf(fields, 3).length, 9);
  assert.deepEqual(
    fields.filter(([, value]) => typeof value === "number"),
    // Signed numbers are written zigzag: schema 3 is 6.
    [
      [1, 5],
      [2, 4_091.5],
      [5, 6],
      [6, 2 ** -128],
      [7, 1],
    ],
  );
  const spans = bytesOf(fields, 12).map((span) => fieldsOf(span).map(([, number]) => number));
  assert.deepEqual(spans, [
    [0, 1],
    [86, 2],
    [100, 1],
  ]);
  assert.deepEqual(
    bytesOf(fields, 13).map((deltas) => [...deltas]),
    [[2, 0, 0, 0]],
  );
});

const hasPrometheus = spawnSync("prometheus", ["--version"]).status === 0;

it("Prometheus itself computes quantiles from them, as the reference's dashboard asks for them", {
  skip: hasPrometheus ? false : "prometheus is not on the PATH",
}, async (t) => {
  const registry = new Registry();
  const seconds = Array.from({ length: 100 }, (_, at) => at + 1);
  createJobMetrics(registry).publish([
    ...durations(seconds, { ...POOL, type: "regular" }),
    ...durations([0, 3, 3], { ...POOL, preset_name: "", type: "prebuild" }),
  ]);
  const ask = await scraped(t, registry);
  const value = await waitFor("Prometheus to scrape", () =>
    ask(`histogram_quantile(0.5, sum(${METRIC}{type="regular"}))`),
  );
  // 50 lies in the bucket up to 52, which begins at 47.6.
  assert.ok(value > 47 && value < 53, String(value));
  assert.equal(await ask(`histogram_count(${METRIC}{type="prebuild"})`), 3);
  assert.equal(await ask(`histogram_sum(sum(${METRIC}))`), 5_056);
  assert.equal(
    await ask(`count(${METRIC}{template_name="a \\"quoted\\"\\\\ name\\nin two lines",preset_name="größe"})`),
    1,
  );
});

/** Starts a Prometheus that scrapes the registry; what is returned asks it for one number. */
async function scraped(t: TestContext, registry: Registry) {
  const server = createServer(async ({ headers }, response) => {
    const isProtobuf = prefersProtobuf(headers.accept);
    response.setHeader("content-type", isProtobuf ? PROTOBUF_CONTENT_TYPE : registry.contentType);
    response.end(isProtobuf ? await protobufOf(registry) : await registry.metrics());
  });
  const free = createServer();
  for (const each of [server, free]) await new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve));
  const [target, port] = [server, free].map((each) => (each.address() as AddressInfo).port);
  free.close();
  t.after(() => server.close().closeAllConnections());
  const dir = await mkdtemp(path.join(tmpdir(), "prebuildd-prometheus-"));
  const config = {
    scrape_configs: [{ job_name: "x", scrape_interval: "1s", static_configs: [{ targets: [`127.0.0.1:${target}`] }] }],
  };
  await writeFile(path.join(dir, "prometheus.yml"), JSON.stringify(config));
  const flags = [
    `--config.file=${dir}/prometheus.yml`,
    `--storage.tsdb.path=${dir}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--enable-feature=native-histograms",
    "--log.level=error",
  ];
  const prometheus = spawn("prometheus", flags, { stdio: "ignore" });
  t.after(async () => {
    const ended = new Promise((resolve) => prometheus.once("exit", resolve));
    if (prometheus.exitCode === null && prometheus.kill("SIGKILL")) await ended;
    await rm(dir, { recursive: true, force: true });
  });
  return async (query: string): Promise<number> => {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
    const answer = await fetch(url).catch(() => undefined);
    if (!answer?.ok) return 0;
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1] ?? 0);
  };
}
