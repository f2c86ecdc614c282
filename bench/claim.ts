import type pg from "pg";
import { createClaimer } from "../src/prebuilds/claim.ts";
import { CLAIMS, type ClaimOnce } from "./claim-ways.ts";
import type { Bench } from "./environment.ts";
import { openClients } from "./environment.ts";
import { interleave, quantile, ratioOf, spreadOf } from "./measure.ts";
import { type Row, short, type Table, target } from "./report.ts";
import { loadWorld, restoreWorld, type World, type WorldSize } from "./world.ts";

/** The targets hold at this many clients. */
const TARGET_CLIENTS = 8;
const TARGETS: Readonly<Record<string, number>> = { statement: 0.6, transaction: 0.3 };
const NAMES: Readonly<Record<keyof typeof CLAIMS, string>> = {
  ideal: "ideal claim",
  statement: "claim statement",
  transaction: "claim transaction",
  create: "createWorkspace()",
};

type Run = { readonly perSecond: number; readonly times: readonly number[] };

/** How fast prebuilds are handed over, against the same on a table that holds nothing else and that nothing refers to. */
export async function benchClaim(
  bench: Bench,
  options: { size: WorldSize; rounds: number; clients: readonly number[]; claims: (clients: number) => number },
): Promise<Table> {
  const world = await loadWorld(bench.context, options.size);
  const rows: Row[] = [];
  for (const clients of options.clients) {
    await using stack = new AsyncDisposableStack();
    const pool = openClients(stack, bench.url, clients);
    const claimPrebuild = createClaimer({ pool, queue: bench.context.queue });
    const context = { ...bench.context, pool, claimPrebuild };
    const run = async (way: keyof typeof CLAIMS) => {
      const measured = await runClients(pool, world, options.claims(clients), clients, CLAIMS[way](context, world));
      await bench.context.wake.settled();
      await restoreWorld(bench.context);
      return measured;
    };
    const measured = await interleave(options.rounds, {
      ideal: () => run("ideal"),
      statement: () => run("statement"),
      transaction: () => run("transaction"),
      create: () => run("create"),
    });
    const rates = (way: keyof typeof CLAIMS) => measured[way].map(({ perSecond }) => perSecond);
    for (const way of ["ideal", "statement", "transaction", "create"] as const) {
      const ratio = way === "ideal" ? undefined : ratioOf(rates(way), rates("ideal"));
      const least = clients === TARGET_CLIENTS ? TARGETS[way] : undefined;
      rows.push({
        name: `${NAMES[way]}, ${clients} client${clients === 1 ? "" : "s"}`,
        unit: "per s",
        value: spreadOf(rates(way)),
        details: percentiles(measured[way].flatMap(({ times }) => times)),
        ...(ratio && { ratio }),
        ...(ratio && least !== undefined && { target: target("ratio", ratio.median, { least }) }),
      });
    }
  }
  return { subject: "claim", title: `Claims at ${options.size.name}`, baseline: "the ideal claim", rows };
}

/** Lets each client claim one prebuild after the other, from pools at random, until all claims are done. */
async function runClients(
  pool: pg.Pool,
  world: World,
  claims: number,
  clients: number,
  claim: ClaimOnce,
): Promise<Run> {
  const connections = await Promise.all(Array.from({ length: clients }, () => pool.connect()));
  for (const connection of connections) connection.release();
  // Every pool is drawn about as often as every other one, so that none runs dry.
  const presets = Array.from({ length: claims }, (_, index) => world.presets[index % world.presets.length])
    .filter((preset) => preset !== undefined)
    .map((preset) => ({ preset, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .values();
  const times: number[] = [];
  const claimed = new Set<string>();
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (const { preset } of presets) {
        const beganAt = performance.now();
        const id = await claim(preset);
        times.push(performance.now() - beganAt);
        if (id === undefined || claimed.has(id)) throw new Error("a claim got nothing, or what another one got");
        claimed.add(id);
      }
    }),
  );
  return { perSecond: (1_000 * claims) / (performance.now() - startedAt), times };
}

const percentiles = (times: readonly number[]) =>
  `p50/p95/p99 ${[0.5, 0.95, 0.99].map((part) => short(quantile(times, part))).join(" / ")} ms`;
