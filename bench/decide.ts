import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { planPresets } from "../src/prebuilds/plan.ts";
import type { PresetSnapshot } from "../src/prebuilds/snapshot.ts";
import { readSnapshot } from "../src/prebuilds/store.ts";
import type { Bench } from "./environment.ts";
import { interleave, ratioOf, type Spread, spreadOf } from "./measure.ts";
import { type Row, type Table, target } from "./report.ts";
import { loadWorld, type WorldSize } from "./world.ts";

const CPU_TARGET_MS = 50;
const MEMORY_TARGET_MB = 100;
const ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"];
const NOW = new Date("2025-06-02T12:00:30Z");
const SETTINGS = { backoffIntervalMs: 60_000, maxInFlight: 0, failedRetentionMs: 3_600_000 };

/** What the part of a pass costs that only decides, in CPU time, and what the snapshot takes that it decides on. */
export async function benchDecide(
  { context }: Bench,
  options: { pools: number; members: number; size: WorldSize; rounds: number },
): Promise<Table> {
  const { pools, members, rounds } = options;
  const full = snapshots(pools, members);
  const empty = snapshots(pools, 0);
  const cap = Math.floor((pools * members) / 2);
  const measured = await interleave(rounds, {
    baseline: () => cpuOf(() => JSON.parse(JSON.stringify(full))),
    full: () => cpuOf(() => planPresets(full, SETTINGS, NOW)),
    capped: () => cpuOf(() => planPresets(empty, { ...SETTINGS, maxInFlight: cap }, NOW)),
  });
  const row = (name: string, values: number[], details: string): Row => {
    const value = spreadOf(values);
    const ratio = ratioOf(values, measured.baseline);
    return { name, unit: "ms", value, ratio, details, target: target("ms", value.median, { most: CPU_TARGET_MS }) };
  };
  const memory = await snapshotMemory(context, options.size, rounds);
  return {
    subject: "decide",
    title: `Deciding for ${pools.toLocaleString("en")} pools × ${members}`,
    baseline: "the CPU time of copying the snapshot as JSON",
    rows: [
      { name: "copy as JSON", unit: "ms", value: spreadOf(measured.baseline) },
      row("plan, full pools", measured.full, "CPU; each with a schedule of two windows and a ttl"),
      row("plan, empty pools", measured.capped, `CPU; a cap lets half of what is missing be created`),
      {
        name: "snapshot",
        unit: "MB",
        value: memory,
        details: `of memory at ${options.size.name}`,
        target: target("MB", memory.max, { most: MEMORY_TARGET_MB }),
      },
    ],
  };
}

/** Pools as a deployment has them: in several zones, each with its working hours, one prebuild in ten expired. */
function snapshots(pools: number, members: number): PresetSnapshot[] {
  return Array.from({ length: pools }, (_, pool) => ({
    id: `pool-${pool}`,
    active: true,
    templateDeleted: false,
    deprecated: false,
    desiredInstances: 5,
    ttlSeconds: 86_400,
    lastInvalidatedAt: null,
    status: "healthy",
    hardLimited: false,
    paused: false,
    scheduling: {
      timezone: ZONES[pool % ZONES.length] ?? "UTC",
      schedule: [
        { cron: `* 0-11 * * ${pool % 7}`, instances: 20 },
        { cron: "* 12-23 * * *", instances: 20 },
      ],
    },
    running: Array.from({ length: members }, (__, member) => ({
      id: `prebuild-${pool}-${member}`,
      createdAt: new Date(NOW.getTime() - (member % 10 === 0 ? 2 : 0.5) * 86_400_000 + member),
      ready: true,
    })),
    failed: [],
    inProgress: { start: 0, stop: 0, delete: 0 },
    pending: 0,
    backoff: null,
  }));
}

/** The CPU time that some work takes, in milliseconds, over all threads of the process. */
async function cpuOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** What the heap holds more with each snapshot that is kept, in megabytes. */
async function snapshotMemory(context: Bench["context"], size: WorldSize, rounds: number): Promise<Spread> {
  await loadWorld(context, size);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const kept: unknown[] = [];
  const held: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    collect();
    const before = process.memoryUsage().heapUsed;
    kept.push(await readSnapshot(context.pool, context.clock.now(), context.poolSettings));
    collect();
    held.push((process.memoryUsage().heapUsed - before) / 1_000_000);
  }
  return spreadOf(held);
}
