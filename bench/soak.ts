import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { ask } from "./ask.ts";
import { type Asking, claimOverHttp, demandAllDistinct, tokensOf } from "./claim-over-http.ts";
import { startReplica } from "./daemon.ts";
import { scrape } from "./daemon-metrics.ts";
import type { Bench } from "./environment.ts";
import { finishBuilds } from "./finish-builds.ts";
import { quantile, spreadOf } from "./measure.ts";
import { memoryAtRest } from "./memory-at-rest.ts";
import { residentMemory } from "./process-figures.ts";
import { type Curve, short, type Table, target } from "./report.ts";
import { slopeOf } from "./slope.ts";
import { steadily } from "./steadily.ts";
import { loadWorld, type WorldSize } from "./world.ts";

const TARGETS = { megabytes: 300, perMinute: 0.5 } as const;
const MB = 1_024 ** 2;
/** How many times the memory is looked at, but not more often than a scrape is worth. */
const SAMPLES = 300;
const LEAST_SAMPLE_MS = 100;
/** How often all builds that wait are ended. */
const FINISH_MS = 250;
/** The part of the soak, at its beginning, in which the heap still grows to the size that it works with. */
const SETTLING = 0.2;
/** Samples that lie so close together are no independent witnesses of a trend, so their middle counts as one. */
const BLOCKS = 16;
/** Samples of a point in the plot. */
const SAMPLES_PER_POINT = 5;

type Options = {
  /** Where a daemon's memory is looked at without any load; the smallest one is what it is compared with. */
  readonly smallest: WorldSize;
  readonly largest: WorldSize;
  readonly passes: number;
  /** Where it is looked at while people claim. */
  readonly size: WorldSize;
  readonly seconds: number;
  readonly perSecond: number;
};

type Sample = { readonly minutes: number; readonly rss: number; readonly heap: number };
type Soak = {
  readonly samples: readonly Sample[];
  readonly times: readonly number[];
  readonly idle: readonly number[];
  readonly errors: readonly string[];
  /** Builds that were ended meanwhile: one for each claim, one for each refill. */
  readonly builds: number;
  readonly passes: number;
};

/** How much memory a daemon takes: at the largest size, and while claims and refills go on for a while. */
export async function benchSoak(bench: Bench, options: Options): Promise<Table> {
  const smallest = await memoryAtRest(bench, options.smallest, options.passes);
  const largest = await memoryAtRest(bench, options.largest, options.passes);
  const soak = await claimForLong(bench, options);
  const settled = soak.samples.slice(Math.floor(SETTLING * soak.samples.length));
  const slope = slopeOf(blocks(settled).map(({ minutes, rss }) => ({ x: minutes, y: rss })));
  const heap = slopeOf(blocks(settled).map(({ minutes, heap }) => ({ x: minutes, y: heap })));
  const rss = settled.map((sample) => sample.rss);
  const memory = (name: string, megabytes: number, baseline: number, details: string) => ({
    name,
    unit: "MB" as const,
    value: spreadOf([megabytes]),
    ratio: spreadOf([megabytes / baseline]),
    details,
    target: target("MB", megabytes, { most: TARGETS.megabytes }),
  });
  const idle = quantile(soak.idle, 0.5);
  const latency = (name: string, part: number, details: string) => ({
    name,
    unit: "ms" as const,
    value: spreadOf([quantile(soak.times, part)]),
    ratio: spreadOf([quantile(soak.times, part) / idle]),
    details,
  });
  return {
    subject: "soak",
    title: `A daemon's memory at ${options.largest.name}, and with ${options.perSecond} claims per second for ${options.seconds} s at ${options.size.name}`,
    baseline: `of memory, the daemon at ${options.smallest.name}; of times, GET /buildinfo at the same rate, median`,
    rows: [
      {
        name: `at ${options.smallest.name}`,
        unit: "MB",
        value: spreadOf([smallest.worked]),
        details: `${short(smallest.started)} at its start, ${short(smallest.most)} at most`,
      },
      memory(`at ${options.largest.name}`, largest.worked, smallest.worked, `${short(largest.started)} at its start`),
      memory(
        "at most",
        largest.most,
        smallest.most,
        `in ${options.passes} passes, scrapes and readings of the metrics`,
      ),
      {
        name: "while people claim",
        unit: "MB",
        value: spreadOf(rss),
        ratio: spreadOf(rss.map((one) => one / smallest.worked)),
        details: `heap ${short(
          quantile(
            settled.map((sample) => sample.heap),
            0.5,
          ),
        )} MB; ${soak.passes} passes, ${soak.builds} builds ended by statements instead of workers`,
        target: target("max", Math.max(...rss), { most: TARGETS.megabytes }),
      },
      {
        name: "growth",
        unit: "MB/min",
        value: spreadOf([slope.perUnit]),
        details: `± ${slope.standardError.toFixed(2)} (standard error); of the heap ${heap.perUnit.toFixed(2)} ± ${heap.standardError.toFixed(2)}`,
        target: target("MB/min", slope.perUnit, { most: TARGETS.perMinute }),
      },
      latency("claims, p50", 0.5, `${soak.times.length} claims, none double`),
      {
        ...latency(
          "claims, p99",
          0.99,
          `max ${short(quantile(soak.times, 1))} ms${soak.errors[0] === undefined ? "" : `; ${soak.errors[0]}`}`,
        ),
        target: target("errors", soak.errors.length, { most: 0 }),
      },
    ],
    curves: [curveOf(soak.samples, options)],
  };
}

async function claimForLong(bench: Bench, { size, seconds, perSecond }: Options): Promise<Soak> {
  const world = await loadWorld(bench.context, size);
  await using stack = new AsyncDisposableStack();
  const { url, pid } = await startReplica(stack, bench.url);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  stack.defer(() => agent.destroy());
  const [token = ""] = await tokensOf(bench.context.pool, world, 1);
  const asking: Asking = { agent, url, token };
  const idle: number[] = [];
  await steadily({ perSecond, calls: perSecond * Math.min(5, seconds) }, async (_, at) => {
    await ask({ ...asking, method: "GET", path: "/api/v2/buildinfo", json: undefined });
    idle.push(performance.now() - at);
  });

  const claimed: string[] = [];
  const times: number[] = [];
  const errors: string[] = [];
  const samples: Sample[] = [];
  const over = new AbortController();
  const startedAt = performance.now();
  const sampling = every(Math.max((1_000 * seconds) / SAMPLES, LEAST_SAMPLE_MS), over.signal, async () => {
    const value = await scrape(url);
    const { now: rss } = await residentMemory(pid);
    const minutes = (performance.now() - startedAt) / 60_000;
    samples.push({ minutes, rss, heap: value("nodejs_heap_size_used_bytes") / MB });
  });
  let builds = 0;
  const finishing = every(FINISH_MS, over.signal, async () => {
    builds += await finishBuilds(bench);
  });
  await steadily({ perSecond, calls: perSecond * seconds }, async (index, at) => {
    const answer = await claimOverHttp(asking, world.presets[index % world.presets.length]).catch(
      (error: Error) => error,
    );
    if (answer instanceof Error) errors.push(answer.message);
    else {
      claimed.push(answer);
      times.push(performance.now() - at);
    }
  });
  const passes = (await scrape(url))("prebuildd_passes_total");
  over.abort();
  await Promise.all([sampling, finishing]);
  demandAllDistinct(claimed);
  return { samples, times, idle, errors, builds, passes };
}

/** Does it at once and then again and again, with pauses, until the signal is aborted. */
async function every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work();
    await delay(ms, undefined, { signal }).catch(() => {});
  }
}

function blocks(samples: readonly Sample[]): Sample[] {
  const length = Math.max(1, Math.floor(samples.length / BLOCKS));
  const starts = Array.from({ length: Math.floor(samples.length / length) }, (_, block) => block * length);
  const middle = (of: readonly Sample[], key: keyof Sample) =>
    quantile(
      of.map((sample) => sample[key]),
      0.5,
    );
  return starts.map((start) => {
    const block = samples.slice(start, start + length);
    return { minutes: middle(block, "minutes"), rss: middle(block, "rss"), heap: middle(block, "heap") };
  });
}

function curveOf(samples: readonly Sample[], { perSecond }: Options): Curve {
  const starts = samples.flatMap((_, index) => (index % SAMPLES_PER_POINT === 0 ? [index] : []));
  const points = (key: "rss" | "heap") =>
    starts.map((start) => {
      const some = samples.slice(start, start + SAMPLES_PER_POINT);
      return { x: some[0]?.minutes ?? 0, value: spreadOf(some.map((sample) => sample[key])) };
    });
  return {
    name: "soak",
    title: `A daemon's memory at ${perSecond} claims per second`,
    x: { label: "minutes", scale: "linear" },
    y: { label: "memory", unit: "MB", scale: "linear" },
    series: [
      { name: "resident", points: points("rss") },
      { name: "heap in use", points: points("heap") },
    ],
    explanation:
      "In the first minutes Node gives its heap the size that this load needs. After that it goes up and down with the garbage that is collected, and does not grow with what has been claimed.",
  };
}
