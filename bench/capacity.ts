import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { type Asking, claimOverHttp, demandAllDistinct, tokensOf } from "./claim-over-http.ts";
import { type Replica, startReplica } from "./daemon.ts";
import { type Bench, openClients } from "./environment.ts";
import { type Load, measureLoad } from "./load.ts";
import { quantile, ratioOf, spreadOf } from "./measure.ts";
import { type Curve, type Row, short, type Table } from "./report.ts";
import { giveSource } from "./template-source.ts";
import { loadWorld, restoreWorld, type World, type WorldSize } from "./world.ts";

const WORKERS = 8;
const PEOPLE = 50;
/** Ended builds after which all workers are at work. */
const RUN_UP = 50;
const BUSY_PARTS = 0.85;

type Options = {
  readonly size: WorldSize;
  readonly replicas: readonly number[];
  readonly rounds: number;
  readonly clients: number;
  /** How long each load is looked at, and how long it goes on before. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** The prebuilds of the pool that is filled while builds are counted: more than can be built meanwhile. */
  readonly backlog: number;
};

/** How many claims and how many builds one database carries with more and more replicas, and what that takes. */
export async function benchCapacity(bench: Bench, options: Options): Promise<Table> {
  const world = await loadWorld(bench.context, options.size);
  const updates: number[] = [];
  const claims = new Map<number, Load[]>(options.replicas.map((count) => [count, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    updates.push(await updatesPerSecond(bench, options));
    for (const [count, loads] of claims) loads.push(await claimsOf(bench, world, count, options));
  }
  const builds = new Map<number, Load[]>(options.replicas.map((count) => [count, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [count, loads] of builds) loads.push(await buildsOf(bench, count, options));
  }
  const rows = (what: string, loads: ReadonlyMap<number, readonly Load[]>): Row[] =>
    [...loads].map(([count, of]) => ({
      name: `${what}, ${count} replica${count === 1 ? "" : "s"}`,
      unit: "per s",
      value: spreadOf(rates(of)),
      ratio: ratioOf(rates(of), updates),
      details: costs(of),
    }));
  return {
    subject: "capacity",
    title: `What one database carries: ${options.clients} clients at ${options.size.name}; ${WORKERS} workers in each replica`,
    baseline: "updates of one row by key, committed, as many clients",
    rows: [
      { name: "update by key", unit: "per s", value: spreadOf(updates) },
      ...rows("claims", claims),
      ...rows("builds", builds),
    ],
    curves: [curveOf(claims, builds)],
  };
}

async function updatesPerSecond(bench: Bench, { clients, seconds }: Options): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const pool = openClients(stack, bench.url, clients);
  const statement = { name: "update by key", text: "update bench.keyed set value = value + 1 where id = $1" };
  const update = () => pool.query({ ...statement, values: [1 + Math.floor(Math.random() * 1_000)] });
  await keepBusy(clients, 1_000, update);
  return (await keepBusy(clients, 1_000 * seconds, update)) / seconds;
}

/** Claims over HTTP, each client one after the other, the clients spread over the replicas; all pools are refilled. */
async function claimsOf(bench: Bench, world: World, count: number, options: Options): Promise<Load> {
  const { pool } = bench.context;
  const stack = new AsyncDisposableStack();
  try {
    const replicas = await startReplicas(stack, bench.url, count, "0");
    const agent = new Agent({ keepAlive: true, maxSockets: options.clients });
    stack.defer(() => agent.destroy());
    const tokens = await tokensOf(pool, world, PEOPLE);
    const claimed: string[] = [];
    const claim = async (index: number) => {
      const url = replicas[index % count]?.url ?? "";
      const asking: Asking = { agent, url, token: tokens[index % tokens.length] ?? "" };
      claimed.push(await claimOverHttp(asking, world.presets[index % world.presets.length]));
    };
    await keepBusy(options.clients, 1_000 * options.warmUpSeconds, claim);
    const load = await measureLoad(pool, replicas, () => keepBusy(options.clients, 1_000 * options.seconds, claim));
    demandAllDistinct(claimed);
    return load;
  } finally {
    await stack.disposeAsync();
    await restoreWorld(bench.context);
  }
}

/** Builds whose `start` does nothing, while there are more of them than the workers can begin. */
async function buildsOf(bench: Bench, count: number, { seconds, backlog }: Options): Promise<Load> {
  const { pool, wake } = bench.context;
  await loadWorld(bench.context, { name: "an empty pool", pools: 1, members: 0, ordinary: 100 });
  await giveSource(pool, "exit 0");
  await using stack = new AsyncDisposableStack();
  const replicas = await startReplicas(stack, bench.url, count, `${WORKERS}`);
  await pool.query("update template_version_presets set desired_instances = $1", [backlog]);
  wake.pools();
  while ((await builtSoFar(pool)) < RUN_UP) await delay(50);
  return await measureLoad(pool, replicas, async () => {
    const before = await builtSoFar(pool);
    await delay(1_000 * seconds);
    const after = await builtSoFar(pool);
    if (after === backlog) throw new Error("all were built before the time was over: give it a larger backlog");
    return after - before;
  });
}

async function builtSoFar(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ built: number }>(
    "select count(*)::int as built from workspaces where created_as_prebuild and prebuild_outcome = 'succeeded' and latest_build_number = 1",
  );
  return rows[0]?.built ?? 0;
}

async function startReplicas(
  stack: AsyncDisposableStack,
  url: string,
  count: number,
  provisioners: string,
): Promise<Replica[]> {
  const settings = { PREBUILDD_PROVISIONERS: provisioners };
  return Promise.all(Array.from({ length: count }, () => startReplica(stack, url, { settings })));
}

/** Lets each client do the work one after the other for a time, and returns how often it was done. */
async function keepBusy(clients: number, ms: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const until = performance.now() + ms;
  let begun = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < until) {
        begun += 1;
        await work(begun - 1);
      }
    }),
  );
  return begun;
}

const rates = (loads: readonly Load[]) => loads.map(({ perSecond }) => perSecond);
const middle = (loads: readonly Load[], part: (load: Load) => number) => quantile(loads.map(part), 0.5);

function costs(loads: readonly Load[]): string {
  const parts = (["daemons", "postgres", "clients"] as const).map((who) => {
    const name = who === "postgres" ? "PostgreSQL" : who;
    return `${name} ${short(middle(loads, ({ cpuMs }) => cpuMs[who]))}`;
  });
  return `CPU ms each: ${parts.join(", ")}; processors ${percent(middle(loads, ({ busy }) => busy))} used`;
}

const percent = (part: number) => `${Math.round(100 * part)} %`;

function curveOf(claims: ReadonlyMap<number, readonly Load[]>, builds: ReadonlyMap<number, readonly Load[]>): Curve {
  const points = (loads: ReadonlyMap<number, readonly Load[]>) =>
    [...loads].map(([count, of]) => ({ x: count, value: spreadOf(rates(of)) }));
  return {
    name: "capacity",
    title: "Claims and builds per second on one database",
    x: { label: "replicas", scale: "linear" },
    y: { label: "per second", unit: "per s", scale: "log" },
    series: [
      { name: "claims over HTTP", points: points(claims) },
      { name: "builds", points: points(builds) },
    ],
    explanation: `${sentence("claims", claims)} ${sentence("builds", builds)}`,
  };
}

/** What the last point says of what is used up first. */
function sentence(what: string, loads: ReadonlyMap<number, readonly Load[]>): string {
  const [count, of] = [...loads].at(-1) ?? [0, []];
  const busy = middle(of, (load) => load.busy);
  const used = `with ${count} replicas ${percent(busy)} of all processors are used (${costs(of)})`;
  return busy >= BUSY_PARTS
    ? `Of ${what} the processors are what is used up first: ${used}.`
    : `Of ${what} the processors are not used up by these: ${used}; the rest is waiting, for the disk at each commit or for other programs of the machine.`;
}
