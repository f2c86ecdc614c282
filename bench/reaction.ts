import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { type Asking, claimOverHttp, tokensOf } from "./claim-over-http.ts";
import { COMMITTED, type CommitWatch, watchCommits } from "./commits.ts";
import { startDaemonProcess } from "./daemon.ts";
import type { Bench } from "./environment.ts";
import { quantile, ratioOf, spreadOf } from "./measure.ts";
import { type Row, short, type Table, target } from "./report.ts";
import { steadily } from "./steadily.ts";
import { loadWorld, type World, type WorldSize } from "./world.ts";

const TARGET_MS = 100;
const PATIENCE_MS = 5_000;
const PINGS = 20;

/** One claim's life, in milliseconds on this process's clock. */
type Claim = { readonly presetId: string; answeredAt?: number; committedAt?: number; refilledAt?: number };

/** How soon after a claim its replacement is queued, with a real daemon, its real loop, and claims over HTTP. */
export async function benchReaction(
  bench: Bench,
  options: { size: WorldSize; rounds: number; claims: number; perSecond: number },
): Promise<Table> {
  const { pool } = bench.context;
  const world = await loadWorld(bench.context, options.size);
  await using stack = new AsyncDisposableStack();
  const watch = await watchCommits(stack, bench);
  const url = await startDaemonProcess(stack, bench.url);
  const agent = new Agent({ keepAlive: true });
  stack.defer(() => agent.destroy());
  const [token = ""] = await tokensOf(pool, world, 1);

  const measured = { hop: [] as number[], answer: [] as number[], commit: [] as number[] };
  const all = { answer: [] as number[], commit: [] as number[] };
  for (let round = 0; round <= options.rounds; round += 1) {
    const hop = quantile(await pingTimes(pool, watch), 0.5);
    const claims = await claimSteadily({ world, asking: { agent, url, token }, watch, ...options });
    if (round === 0) continue; // it only warms up
    const since = (from: "answeredAt" | "committedAt") =>
      claims.map((claim) => (claim.refilledAt ?? Number.NaN) - (claim[from] ?? Number.NaN));
    measured.hop.push(hop);
    for (const [key, times] of [
      ["answer", since("answeredAt")],
      ["commit", since("committedAt")],
    ] as const) {
      measured[key].push(quantile(times, 0.5));
      all[key].push(...times);
    }
  }
  const row = (name: string, key: "answer" | "commit"): Row => ({
    name,
    unit: "ms",
    value: spreadOf(measured[key]),
    ratio: ratioOf(measured[key], measured.hop),
    details: `p50/p95/p99 ${[0.5, 0.95, 0.99].map((part) => short(quantile(all[key], part))).join(" / ")} ms`,
    target: target("p95", quantile(all[key], 0.95), { most: TARGET_MS }),
  });
  return {
    subject: "reaction",
    title: `Claim to refill at ${options.size.name}, ${options.perSecond} claims per second`,
    baseline: "one notification from one connection to another",
    rows: [
      { name: "notification", unit: "ms", value: spreadOf(measured.hop) },
      row("from the claim's answer to the refill's commit", "answer"),
      row("from the claim's commit to the refill's commit", "commit"),
    ],
  };
}

async function pingTimes(pool: pg.Pool, watch: CommitWatch): Promise<number[]> {
  const times: number[] = [];
  for (let ping = 0; ping < PINGS; ping += 1) {
    const heard = Promise.withResolvers<void>();
    watch.onCommit = () => heard.resolve();
    const startedAt = performance.now();
    await pool.query("select pg_notify('bench_ping', $1)", [String(ping)]);
    await heard.promise;
    times.push(performance.now() - startedAt);
  }
  return times;
}

/** Sends claims at a steady rate, whether or not the ones before are answered, and waits for all refills. */
async function claimSteadily(given: {
  world: World;
  asking: Asking;
  watch: CommitWatch;
  claims: number;
  perSecond: number;
}): Promise<Claim[]> {
  const claims: Claim[] = [];
  const refilled = Promise.withResolvers<void>();
  let open = given.claims;
  // A pool's first claim without a refill is the one that a refill of this pool is for.
  given.watch.onCommit = (channel, payload) => {
    const presetId = payload.split(" ")[1];
    const key = channel === COMMITTED.claim ? "committedAt" : "refilledAt";
    const claim = claims.find((one) => one.presetId === presetId && one[key] === undefined);
    if (!claim) return;
    claim[key] = performance.now();
    if (key === "refilledAt") open -= 1;
    if (open === 0) refilled.resolve();
  };
  await steadily({ perSecond: given.perSecond, calls: given.claims }, async () => {
    const preset = given.world.presets[Math.floor(Math.random() * given.world.presets.length)];
    if (!preset) throw new Error("the world has no pools");
    const claim: Claim = { presetId: preset.id };
    claims.push(claim);
    await claimOverHttp(given.asking, preset);
    claim.answeredAt = performance.now();
  });
  const patience = new AbortController();
  const late = delay(PATIENCE_MS, "late", { signal: patience.signal }).catch(() => "in time");
  if ((await Promise.race([refilled.promise, late])) === "late") throw new Error(`${open} claims were not refilled`);
  patience.abort();
  return claims;
}
