import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { type Asking, claimOverHttp, demandAllDistinct, tokensOf } from "./claim-over-http.ts";
import { COMMITTED, type CommitWatch, watchCommits } from "./commits.ts";
import type { Bench } from "./environment.ts";
import { quantile, ratioOf, spreadOf } from "./measure.ts";
import { type Competitor, type Replicas, startReplicas } from "./replicas.ts";
import { type Curve, type Row, short, type Table, target } from "./report.ts";
import { steadily } from "./steadily.ts";
import { loadWorld, type World, type WorldSize } from "./world.ts";

const REPLICAS = 3;
const PER_SECOND = 20;
const REFILLED_PATIENCE_MS = 10_000;
/** Two tries of the others to lead, and the first pass. */
const TARGET_S = 2;

/** What becomes of the leader, and what it takes until there are as many replicas again as before. */
type Death = {
  readonly name: string;
  strike(leader: Competitor, pool: pg.Pool): Promise<void> | void;
  heal(leader: Competitor, replicas: Replicas): Promise<void>;
};

const replaced = (leader: Competitor, replicas: Replicas) => replicas.replace(leader);

const DEATHS: readonly Death[] = [
  { name: "kill -9", strike: (leader) => leader.signal("SIGKILL"), heal: replaced },
  { name: "SIGTERM", strike: (leader) => leader.signal("SIGTERM"), heal: replaced },
  { name: "session terminated", strike: (_, pool) => endLeadersSession(pool), heal: async () => {} },
  {
    name: "SIGSTOP",
    strike: (leader) => leader.signal("SIGSTOP"),
    async heal(leader) {
      leader.signal("SIGCONT");
    },
  },
];

type Options = {
  readonly size: WorldSize;
  readonly rounds: number;
  /** For how long claims are sent before each death, in milliseconds. */
  readonly leadInMs: number;
  /** How long is waited for a new leader; of a kind of death after which there was none, there is no further round. */
  readonly patienceMs: number;
};

type Round = {
  /** From an ordinary claim's commit to its refill's commit before the death, each in ms. */
  readonly reactions: readonly number[];
  /** From the death until one says that it leads, and until the first refill after that is committed; in ms. */
  readonly leadsMs: number | undefined;
  readonly refillMs: number | undefined;
  /** How long each claim on the other replicas took from the moment at which it was to leave, in ms. */
  readonly claims: readonly number[];
  readonly errors: readonly string[];
};

/** How soon another replica leads and refills after the leader is gone, while people go on claiming from the others. */
export async function benchFailover(bench: Bench, options: Options): Promise<Table> {
  const { pool } = bench.context;
  const world = await loadWorld(bench.context, options.size);
  await using stack = new AsyncDisposableStack();
  const watch = await watchCommits(stack, bench);
  const replicas = await startReplicas(stack, bench.url, REPLICAS);
  const agent = new Agent({ keepAlive: true });
  stack.defer(() => agent.destroy());
  const [token = ""] = await tokensOf(pool, world, 1);
  const claimed: string[] = [];
  const given = { pool, world, watch, replicas, agent, token, claimed, ...options };

  const rounds = new Map<Death, Round[]>(DEATHS.map((death) => [death, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const death of DEATHS) {
      const before = rounds.get(death) ?? [];
      if (before.some(({ leadsMs }) => leadsMs === undefined)) continue; // there is none, however often it is tried
      before.push(await loseLeader(given, death));
    }
  }
  demandAllDistinct(claimed);
  const all = [...rounds.values()].flat();
  const reactions = all.flatMap((round) => round.reactions);
  const errors = all.flatMap((round) => round.errors);
  const times = all.flatMap(({ claims }) => claims);
  return {
    subject: "failover",
    title: `The leader of ${REPLICAS} replicas is gone, ${PER_SECOND} claims per second on the others, ${options.size.name}`,
    baseline: "an ordinary claim's commit to its refill's commit, before that",
    rows: [
      {
        name: "claim to refill",
        unit: "s",
        value: spreadOf(all.map((round) => quantile(round.reactions, 0.5) / 1_000)),
      },
      ...[...rounds].flatMap(([death, of]) => rowsOf(death, of, options)),
      {
        name: "claims meanwhile",
        unit: "ms",
        value: spreadOf(times),
        ratio: spreadOf(times.map((ms) => ms / quantile(reactions, 0.5))),
        details: `${times.length} claims, none double; p99/max ${[0.99, 1].map((part) => short(quantile(times, part))).join(" / ")} ms${errors[0] === undefined ? "" : `; ${errors[0]}`}`,
        target: target("errors", errors.length, { most: 0 }),
      },
    ],
    curves: [curveOf(rounds)],
  };
}

type Given = Options & {
  readonly pool: pg.Pool;
  readonly world: World;
  readonly watch: CommitWatch;
  readonly replicas: Replicas;
  readonly agent: Agent;
  readonly token: string;
  /** The workspaces that were claimed so far. */
  readonly claimed: string[];
};

async function loseLeader(given: Given, death: Death): Promise<Round> {
  const { replicas, watch, pool } = given;
  const leader = await replicas.leader();
  const others = replicas.all.filter((replica) => replica !== leader);
  const askings = others.map(({ url }): Asking => ({ agent: given.agent, url, token: given.token }));
  const claims: number[] = [];
  const errors: string[] = [];
  const reactions: number[] = [];
  const waiting = new Map<string, number[]>();
  let onRefill = () => {};
  watch.onCommit = (channel, payload) => {
    const presetId = payload.split(" ")[1] ?? "";
    if (channel === COMMITTED.claim) waiting.set(presetId, [...(waiting.get(presetId) ?? []), performance.now()]);
    if (channel !== COMMITTED.refill) return;
    onRefill();
    const claimedAt = waiting.get(presetId)?.shift();
    if (claimedAt !== undefined) reactions.push(performance.now() - claimedAt);
  };
  const enough = new AbortController();
  const load = steadily({ perSecond: PER_SECOND, signal: enough.signal }, async (index, at) => {
    const preset = given.world.presets[index % given.world.presets.length];
    const asking = askings[index % askings.length];
    if (!preset || !asking) throw new Error("the world has no pools, or there is no other replica");
    const answer = await claimOverHttp(asking, preset).catch((error: Error) => error);
    claims.push(performance.now() - at);
    if (answer instanceof Error) errors.push(answer.message);
    else given.claimed.push(answer);
  });

  await delay(given.leadInMs);
  while (reactions.length === 0) await delay(10);
  const before = [...reactions];
  const led = replicas.nextLeader(given.patienceMs);
  const diedAt = performance.now();
  await death.strike(leader, pool);
  const ledAt = await led;
  let refilledAt: number | undefined;
  if (ledAt !== undefined) {
    const refilled = Promise.withResolvers<void>();
    onRefill = refilled.resolve;
    await refilled.promise;
    refilledAt = performance.now();
  }
  enough.abort();
  await load;
  await death.heal(leader, replicas);
  await replicas.leader();
  await allRefilled(waiting);
  const since = (at: number | undefined) => (at === undefined ? undefined : at - diedAt);
  return { reactions: before, leadsMs: since(ledAt), refillMs: since(refilledAt), claims, errors };
}

/** So that the next round begins with full pools. */
async function allRefilled(waiting: ReadonlyMap<string, readonly number[]>): Promise<void> {
  const deadline = performance.now() + REFILLED_PATIENCE_MS;
  while ([...waiting.values()].some((claims) => claims.length > 0)) {
    if (performance.now() > deadline) throw new Error("what was claimed while nobody led was not refilled later");
    await delay(10);
  }
}

async function endLeadersSession(pool: pg.Pool): Promise<void> {
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(a.pid) from pg_stat_activity a
     where a.application_name = 'prebuildd leader' and a.datname = current_database()
       and exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory' and l.granted)`,
  );
  if (rowCount !== 1) throw new Error(`${rowCount} sessions hold the leader's lock`);
}

function rowsOf(death: Death, rounds: readonly Round[], { patienceMs }: Options): Row[] {
  const led = rounds.flatMap(({ leadsMs, refillMs, reactions }) =>
    leadsMs === undefined || refillMs === undefined ? [] : [{ leadsMs, refillMs, reaction: quantile(reactions, 0.5) }],
  );
  if (led.length < rounds.length) {
    const name = `${death.name}, another one leads`;
    return [
      {
        name,
        unit: "s",
        value: spreadOf([patienceMs / 1_000]),
        details: `not within ${patienceMs / 1_000} s: nothing is refilled`,
      },
    ];
  }
  const baseline = led.map(({ reaction }) => reaction);
  const row = (what: string, ms: readonly number[]): Row => ({
    name: `${death.name}, ${what}`,
    unit: "s",
    value: spreadOf(ms.map((one) => one / 1_000)),
    ratio: ratioOf(ms, baseline),
  });
  const refill = led.map(({ refillMs }) => refillMs);
  return [
    row(
      "one leads again",
      led.map(({ leadsMs }) => leadsMs),
    ),
    {
      ...row("first refill", refill),
      details: `${led.length} times`,
      target: target("max", Math.max(...refill) / 1_000, { most: TARGET_S }),
    },
  ];
}

function curveOf(rounds: ReadonlyMap<Death, readonly Round[]>): Curve {
  return {
    name: "failover",
    title: "From the leader's end to the first refill by another one",
    x: { label: "round", scale: "linear" },
    y: { label: "until the first refill", unit: "s", scale: "linear" },
    series: [...rounds].map(([death, of]) => ({
      name: death.name,
      points: of.flatMap(({ refillMs }, round) =>
        refillMs === undefined ? [] : [{ x: round + 1, value: spreadOf([refillMs / 1_000]) }],
      ),
    })),
    explanation:
      "The others try to lead every half second, each at moments of its own, so it is anything up to that; then the new leader begins with a pass.",
  };
}
