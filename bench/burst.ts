import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { PREBUILDS_SYSTEM_USER_ID } from "../src/system-user.ts";
import { ask } from "./ask.ts";
import { type Asking, claimOverHttp, tokensOf } from "./claim-over-http.ts";
import { startReplica } from "./daemon.ts";
import type { Bench } from "./environment.ts";
import { quantile, ratioOf, type Spread, spreadOf } from "./measure.ts";
import { type Curve, type Row, short, type Table } from "./report.ts";
import { giveSource } from "./template-source.ts";
import { loadWorld, type World } from "./world.ts";

const WORKERS = 8;
/** How many different people claim. */
const PEOPLE = 50;
const ORDINARY = 1_000;
const POLL_MS = 50;
const REFILL_PATIENCE_MS = 300_000;
/** How far apart the points of the curve are. */
const GRID_MS = 500;

type Options = {
  /** The prebuilds of the pool, all of which are claimed at once. */
  readonly prebuilds: number;
  /** Smaller bursts on the same pool, which also warm up. */
  readonly smaller: readonly number[];
  readonly rounds: number;
  /** How long the template's `start` takes. */
  readonly startMs: number;
};

type Level = { readonly ms: number; readonly ready: number };
type Burst = {
  /** From the burst to the answer, for each claim that was answered with a prebuild. */
  readonly times: readonly number[];
  readonly errors: number;
  /** How long after the burst the pool was full again. */
  readonly refillMs: number;
  /** How many prebuilds were ready how long after the burst. */
  readonly levels: readonly Level[];
};

/** All of a pool's prebuilds asked for at the same moment over HTTP, and the filling of the pool after that. */
export async function benchBurst(bench: Bench, options: Options): Promise<Table> {
  const { pool } = bench.context;
  const { prebuilds, rounds, startMs } = options;
  const size = { name: `${prebuilds} prebuilds`, pools: 1, members: prebuilds, ordinary: ORDINARY };
  const world = await loadWorld(bench.context, size);
  await giveSource(pool, `exec sleep ${startMs / 1_000}`);
  await using stack = new AsyncDisposableStack();
  const { url } = await startReplica(stack, bench.url, { settings: { PREBUILDD_PROVISIONERS: `${WORKERS}` } });
  const tokens = await tokensOf(pool, world, PEOPLE);
  const agent = new Agent({ maxSockets: prebuilds }); // a connection for each request: they come from as many people
  const askings = tokens.map((token): Asking => ({ agent, url, token }));
  const idealMs = (burst: number) => Math.ceil(burst / WORKERS) * startMs;

  const refills = new Map<number, number[]>();
  for (const burst of options.smaller) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1)
      times.push((await claimAtOnce(pool, world, askings, burst)).refillMs);
    refills.set(burst, times);
  }
  const idle: number[][] = [];
  const bursts: Burst[] = [];
  for (let round = 0; round < rounds; round += 1) {
    idle.push(await askAtOnce(askings, prebuilds));
    bursts.push(await claimAtOnce(pool, world, askings, prebuilds));
  }
  refills.set(
    prebuilds,
    bursts.map(({ refillMs }) => refillMs),
  );

  const errors = bursts.reduce((sum, burst) => sum + burst.errors, 0);
  const claimed = bursts.map(({ times }) => [...times]);
  const row = (name: string, part: number, details?: string): Row => ({
    name: `claims, ${name}`,
    unit: "ms",
    value: spreadOf(claimed.map((times) => quantile(times, part))),
    ratio: ratioOf(
      claimed.map((times) => quantile(times, part)),
      idle.map((times) => quantile(times, part)),
    ),
    ...(details === undefined ? {} : { details }),
  });
  return {
    subject: "burst",
    title: `${prebuilds} claims at the same moment on a pool of ${prebuilds}, and filling it with ${WORKERS} workers`,
    baseline: `as many GET /buildinfo at the same moment; of a refill: ${startMs / 1_000} s for each start, ${WORKERS} at once`,
    rows: [
      {
        name: "GET /buildinfo, all answered",
        unit: "ms",
        value: spreadOf(idle.map((times) => quantile(times, 1))),
        details: `p50/p99 ${[0.5, 0.99].map((part) => short(quantile(idle.flat(), part))).join(" / ")} ms`,
      },
      {
        ...row("all answered", 1, `${bursts.length * prebuilds} claims, ${errors} errors, none double`),
        target: { text: "0 errors", met: errors === 0 },
      },
      row("p50", 0.5),
      row("p99", 0.99),
      ...[...refills].map(
        ([burst, times]): Row => ({
          name: `full again after ${burst}`,
          unit: "s",
          value: inSeconds(times),
          ratio: spreadOf(times.map((ms) => ms / idealMs(burst))),
        }),
      ),
    ],
    curves: [levelCurve(bursts, prebuilds, startMs), refillCurve(refills, idealMs)],
  };
}

const inSeconds = (times: readonly number[]): Spread => spreadOf(times.map((ms) => ms / 1_000));

async function askAtOnce(askings: readonly Asking[], count: number): Promise<number[]> {
  const at = performance.now();
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { status } = await ask({
        ...pick(askings, index),
        method: "GET",
        path: "/api/v2/buildinfo",
        json: undefined,
      });
      if (status !== 200) throw new Error(`GET /buildinfo: ${status}`);
      return performance.now() - at;
    }),
  );
}

async function claimAtOnce(pool: pg.Pool, world: World, askings: readonly Asking[], count: number): Promise<Burst> {
  const preset = world.presets[0];
  const at = performance.now();
  const sent = Promise.all(
    Array.from({ length: count }, (_, index) =>
      claimOverHttp(pick(askings, index), preset).then(
        (id) => ({ id, ms: performance.now() - at }),
        () => undefined,
      ),
    ),
  );
  const levels = sent.then(() => watchRefill(pool, world, at));
  const answers = (await sent).filter((answer) => answer !== undefined);
  if (new Set(answers.map(({ id }) => id)).size !== answers.length) throw new Error("a prebuild was given out twice");
  const seen = await levels;
  return {
    times: answers.map(({ ms }) => ms),
    errors: count - answers.length,
    refillMs: seen.at(-1)?.ms ?? Number.NaN,
    levels: seen,
  };
}

/** Looks how many prebuilds are ready until all are; claim builds go before starts, so they have ended then too. */
async function watchRefill(pool: pg.Pool, { size, presets }: World, at: number): Promise<Level[]> {
  const levels: Level[] = [];
  while ((levels.at(-1)?.ready ?? 0) < size.members) {
    const ms = performance.now() - at;
    if (ms > REFILL_PATIENCE_MS) throw new Error(`only ${levels.at(-1)?.ready} prebuilds are ready again`);
    const { rows } = await pool.query<{ ready: number }>(
      `select count(*)::int as ready from workspaces
       where preset_id = $1 and owner_id = '${PREBUILDS_SYSTEM_USER_ID}'::uuid and not deleted and agents_ready
         and latest_transition = 'start' and latest_job_status = 'succeeded'`,
      [presets[0]?.id],
    );
    levels.push({ ms: performance.now() - at, ready: rows[0]?.ready ?? 0 });
    await delay(POLL_MS);
  }
  return levels;
}

function pick(askings: readonly Asking[], index: number): Asking {
  const asking = askings[index % askings.length];
  if (!asking) throw new Error("the world has no users");
  return asking;
}

function levelCurve(bursts: readonly Burst[], prebuilds: number, startMs: number): Curve {
  const slowest = Math.max(...bursts.map(({ refillMs }) => refillMs));
  const grid = Array.from({ length: Math.ceil(slowest / GRID_MS) + 1 }, (_, index) => index * GRID_MS);
  const levelAt = ({ levels }: Burst, ms: number) => levels.findLast((level) => level.ms <= ms)?.ready ?? 0;
  const points = (ready: (ms: number) => Spread) => grid.map((ms) => ({ x: ms / 1_000, value: ready(ms) }));
  return {
    name: "burst-refill",
    title: `Prebuilds that are ready after ${prebuilds} claims at once, ${WORKERS} workers`,
    x: { label: "seconds since the burst", scale: "linear" },
    y: { label: "ready prebuilds", unit: "prebuilds", scale: "linear" },
    series: [
      { name: "ready", points: points((ms) => spreadOf(bursts.map((burst) => levelAt(burst, ms)))) },
      {
        name: `nothing but ${startMs / 1_000} s for each start`,
        points: points((ms) => spreadOf([Math.min(prebuilds, WORKERS * Math.floor(ms / startMs))])),
      },
    ],
    explanation:
      "It stays at zero while the claim builds run, which go first because people wait for them, and then is a straight line: every worker is always busy, and what it is flatter than the ideal one is what a build costs beside its start.",
  };
}

function refillCurve(refills: ReadonlyMap<number, readonly number[]>, idealMs: (burst: number) => number): Curve {
  const points = (value: (burst: number, times: readonly number[]) => Spread) =>
    [...refills].map(([burst, times]) => ({ x: burst, value: value(burst, times) }));
  return {
    name: "burst-sizes",
    title: `Time until the pool is full again, ${WORKERS} workers`,
    x: { label: "claims at once", scale: "log" },
    y: { label: "until full", unit: "s", scale: "log" },
    series: [
      { name: "full again", points: points((_, times) => inSeconds(times)) },
      { name: "starts alone", points: points((burst) => inSeconds([idealMs(burst)])) },
    ],
    explanation:
      "It grows with the burst, for the workers do the same for each prebuild. A small burst has the wait for the pass in it as well, and the claim builds, which go first.",
  };
}
