import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { createToken } from "../src/users/tokens/create.ts";
import { startDaemonProcess } from "./daemon.ts";
import { type Bench, uniqueName } from "./environment.ts";
import { quantile, ratioOf, spreadOf } from "./measure.ts";
import { type Row, short, type Table, target } from "./report.ts";
import { loadWorld, type World, type WorldSize } from "./world.ts";

const TARGET_MS = 100;
const PATIENCE_MS = 5_000;
const PINGS = 20;

// A notification leaves with its commit, so whoever listens sees the commits in their order, each as it happens.
const TELL_COMMITS = [
  `create or replace function bench.tell_claim() returns trigger language plpgsql as $$
   begin perform pg_notify('bench_claimed', new.id || ' ' || new.preset_id); return null; end $$`,
  `create or replace function bench.tell_refill() returns trigger language plpgsql as $$
   begin perform pg_notify('bench_refilled', new.id || ' ' || new.preset_id); return null; end $$`,
  `create trigger bench_tell_claim after update of owner_id on workspaces for each row
   when (old.owner_id <> new.owner_id) execute function bench.tell_claim()`,
  `create trigger bench_tell_refill after insert on workspaces for each row
   when (new.created_as_prebuild) execute function bench.tell_refill()`,
];
const TELL_NO_MORE = ["drop trigger bench_tell_claim on workspaces", "drop trigger bench_tell_refill on workspaces"];

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
  for (const statement of TELL_COMMITS) await pool.query(statement);
  stack.defer(async () => {
    for (const statement of TELL_NO_MORE) await pool.query(statement);
  });
  const watch = await watchCommits(stack, bench.url);
  const url = await startDaemonProcess(stack, bench.url);
  const userId = world.userIds[0] ?? "";
  const token = await createToken(pool, { userId, name: uniqueName() });

  const measured = { hop: [] as number[], answer: [] as number[], commit: [] as number[] };
  const all = { answer: [] as number[], commit: [] as number[] };
  for (let round = 0; round <= options.rounds; round += 1) {
    const hop = quantile(await pingTimes(pool, watch), 0.5);
    const claims = await claimSteadily({ world, url, token, watch, ...options });
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

type Watch = { onCommit: (channel: string, payload: string) => void };

async function watchCommits(stack: AsyncDisposableStack, url: string): Promise<Watch> {
  const watch: Watch = { onCommit: () => {} };
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  stack.defer(() => client.end());
  client.on("notification", ({ channel, payload = "" }) => watch.onCommit(channel, payload));
  await client.query("listen bench_claimed; listen bench_refilled; listen bench_ping");
  return watch;
}

async function pingTimes(pool: pg.Pool, watch: Watch): Promise<number[]> {
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
  url: string;
  token: string;
  watch: Watch;
  claims: number;
  perSecond: number;
}): Promise<Claim[]> {
  const claims: Claim[] = [];
  const refilled = Promise.withResolvers<void>();
  let open = given.claims;
  // A pool's first claim without a refill is the one that a refill of this pool is for.
  given.watch.onCommit = (channel, payload) => {
    const presetId = payload.split(" ")[1];
    const key = channel === "bench_claimed" ? "committedAt" : "refilledAt";
    const claim = claims.find((one) => one.presetId === presetId && one[key] === undefined);
    if (!claim) return;
    claim[key] = performance.now();
    if (key === "refilledAt") open -= 1;
    if (open === 0) refilled.resolve();
  };
  const startedAt = performance.now();
  const answers: Promise<void>[] = [];
  for (let index = 0; index < given.claims; index += 1) {
    await delay(Math.max(0, startedAt + (1_000 * index) / given.perSecond - performance.now()));
    const preset = given.world.presets[Math.floor(Math.random() * given.world.presets.length)];
    if (!preset) throw new Error("the world has no pools");
    const claim: Claim = { presetId: preset.id };
    claims.push(claim);
    answers.push(
      claimOverHttp(given, preset).then((at) => {
        claim.answeredAt = at;
      }),
    );
  }
  await Promise.all(answers);
  const patience = new AbortController();
  const late = delay(PATIENCE_MS, "late", { signal: patience.signal }).catch(() => "in time");
  if ((await Promise.race([refilled.promise, late])) === "late") throw new Error(`${open} claims were not refilled`);
  patience.abort();
  return claims;
}

async function claimOverHttp(
  { url, token }: { url: string; token: string },
  preset: { id: string; templateId: string },
): Promise<number> {
  const response = await fetch(`${url}/api/v2/organizations/default/members/me/workspaces`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({
      name: uniqueName(),
      template_id: preset.templateId,
      template_version_preset_id: preset.id,
    }),
  });
  const answeredAt = performance.now();
  const body = (await response.json()) as { claimed?: boolean };
  if (body.claimed !== true) throw new Error(`not claimed: ${response.status} ${JSON.stringify(body)}`);
  return answeredAt;
}
