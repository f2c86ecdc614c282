import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type pg from "pg";
import { loadWorld } from "../../bench/world.ts";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { CLAIMED_JOBS, claimPrebuilds } from "../../src/prebuilds/claim-store.ts";
import { readCounters } from "../../src/prebuilds/counters-store.ts";
import { readSnapshot } from "../../src/prebuilds/store.ts";
import { WORK } from "../../src/provisioner/queue.ts";
import { givenContext } from "../support/given.ts";

const SIZE = { name: "test", pools: 2, members: 1_000, ordinary: 20_000 };

type Node = { "Node Type": string; "Relation Name"?: string; "Index Name"?: string; Plans?: Node[] };
type Statement = string | { text: string; values?: unknown[] };
type Queryable = { query(statement: Statement, values?: unknown[]): Promise<{ rows: unknown[] }> };

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** The same connection, whose statements are explained before they run. */
function explaining<T extends Queryable>(client: T, plans: Node[][]): T {
  const query = async (statement: Statement, given?: unknown[]) => {
    const { text, values } = typeof statement === "string" ? { text: statement, values: given } : statement;
    if (/^\s*(with|select)/.test(text)) {
      const { rows } = await client.query(`explain (format json) ${text}`, values);
      const [row] = rows as { "QUERY PLAN": [{ Plan: Node }] }[];
      if (row) plans.push(nodesOf(row["QUERY PLAN"][0].Plan));
    }
    return client.query(text, values);
  };
  return Object.assign(Object.create(client), { query });
}

async function givenWorld(t: TestContext) {
  const context = await givenContext(t);
  return { context, world: await loadWorld(context, SIZE) };
}

const readsAllOf = (plans: readonly Node[][], table: string) =>
  plans.flat().filter((node) => node["Node Type"].endsWith("Seq Scan") && node["Relation Name"] === table);

it("a claim from a large pool takes the first entries of an index, without sorting the pool or reading all of it", async (t) => {
  const { context, world } = await givenWorld(t);
  const client = await context.pool.connect();
  const plans: Node[][] = [];
  const claim = {
    presetId: world.presets[0]?.id ?? "",
    oldestFresh: new Date(0),
    ownerId: world.userIds[0] ?? "",
    initiatorId: world.userIds[0] ?? "",
    name: "mine",
    autostartSchedule: null,
    nextStartAt: null,
    ttl: null,
    automaticUpdates: "never",
    parameters: [],
    now: new Date(),
    actor: COMMAND_LINE,
    request: null,
  } as const;
  const [claimed] = await claimPrebuilds(
    explaining(client, plans),
    [claim],
    await context.queue.addition(WORK.build, CLAIMED_JOBS, 1),
  );
  client.release();
  assert.ok(claimed);
  const [nodes = []] = plans;
  const locking = nodes.find((node) => node["Node Type"] === "LockRows");
  const below = locking ? nodesOf(locking) : [];
  assert.deepEqual(
    below.map((node) => [node["Node Type"], node["Index Name"]]),
    [
      ["LockRows", undefined],
      ["Index Scan", "workspaces_claimable"],
    ],
  );
  assert.deepEqual(readsAllOf(plans, "workspaces"), []);
});

it("the snapshot finds prebuilds by their indexes, and neither it nor the counters read the history of builds", async (t) => {
  const { context } = await givenWorld(t);
  const plans: Node[][] = [];
  const pool = Object.assign(Object.create(context.pool), {
    connect: async () => explaining(await context.pool.connect(), plans),
  }) as pg.Pool;
  const pools = (await readSnapshot(pool, new Date(), context.poolSettings)).pools;
  assert.equal(pools.length, SIZE.pools);
  assert.equal(plans.length, 5);
  assert.deepEqual(readsAllOf(plans, "workspaces"), []);
  // Only of what failed, which is little, the last build is looked up.
  for (const table of ["workspace_builds", "provisioner_jobs"]) assert.deepEqual(readsAllOf(plans, table), []);
  const counters: Node[][] = [];
  await readCounters(explaining(context.pool as never, counters));
  for (const table of ["workspace_builds", "provisioner_jobs", "workspace_agents"]) {
    assert.ok(!counters.flat().some((node) => node["Relation Name"] === table), `${table} is not read at all`);
  }
});
