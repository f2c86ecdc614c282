import assert from "node:assert/strict";
import { it } from "node:test";
import type pg from "pg";
import { loadWorld } from "../../bench/world.ts";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { CLAIMED_JOBS, claimPrebuilds } from "../../src/prebuilds/claim-store.ts";
import { readCounters } from "../../src/prebuilds/counters-store.ts";
import { readSnapshot } from "../../src/prebuilds/store.ts";
import { WORK } from "../../src/provisioner/queue.ts";
import { givenContext } from "../support/given.ts";
import { explaining, nodesOf, type PlanNode } from "../support/plans.ts";

const SIZE = { name: "test", pools: 2, members: 500, ordinary: 4_000 };

const readsAllOf = (plans: readonly PlanNode[][], table: string) =>
  plans.flat().filter((node) => node["Node Type"].endsWith("Seq Scan") && node["Relation Name"] === table);

it("among many prebuilds and a long history", async (t) => {
  const context = await givenContext(t);
  const world = await loadWorld(context, SIZE);

  await t.test(
    "a claim from a large pool takes the first entries of an index, without sorting the pool or reading all of it",
    async () => {
      const client = await context.pool.connect();
      const plans: PlanNode[][] = [];
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
    },
  );

  await t.test(
    "the snapshot finds prebuilds by their indexes, and neither it nor the counters read the history of builds",
    async () => {
      const plans: PlanNode[][] = [];
      const pool = Object.assign(Object.create(context.pool), {
        connect: async () => explaining(await context.pool.connect(), plans),
      }) as pg.Pool;
      const pools = (await readSnapshot(pool, new Date(), context.poolSettings)).pools;
      assert.equal(pools.length, SIZE.pools);
      assert.equal(plans.length, 5);
      assert.deepEqual(readsAllOf(plans, "workspaces"), []);
      // Only of what failed, which is little, the last build is looked up.
      for (const table of ["workspace_builds", "provisioner_jobs"]) assert.deepEqual(readsAllOf(plans, table), []);
      const counters: PlanNode[][] = [];
      await readCounters(explaining(context.pool, counters));
      for (const table of ["workspace_builds", "provisioner_jobs", "workspace_agents"]) {
        assert.ok(!counters.flat().some((node) => node["Relation Name"] === table), `${table} is not read at all`);
      }
    },
  );
});
