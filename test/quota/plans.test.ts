import assert from "node:assert/strict";
import { it } from "node:test";
import { loadWorld } from "../../bench/world.ts";
import { lookAtPool } from "../../src/prebuilds/claim-store.ts";
import { findCharged, readQuota } from "../../src/quota/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { givenContext } from "../support/given.ts";
import { explaining, type PlanNode } from "../support/plans.ts";

const SIZE = { name: "test", pools: 4, members: 500, ordinary: 20_000 };

const indexesOf = (plans: readonly PlanNode[][]) => plans.flat().flatMap((node) => node["Index Name"] ?? []);
const readsOf = (plans: readonly PlanNode[][], table: string) =>
  plans.flat().flatMap((node) => (node["Relation Name"] === table ? [node["Index Name"] ?? node["Node Type"]] : []));

it("among many workspaces", async (t) => {
  const context = await givenContext(t);
  const { pool } = context;
  const { presets, userIds, organizationId } = await loadWorld(context, SIZE);
  // One person in ten has workspaces with a cost, and one pool its prebuilds.
  await pool.query("update workspaces set daily_cost = 1 where owner_id = any($1)", [
    userIds.filter((_, index) => index % 10 === 0),
  ]);
  const [costly, free] = presets;
  await pool.query("update workspaces set daily_cost = 1 where owner_id = $1 and preset_id = $2", [
    PREBUILDS_SYSTEM_USER_ID,
    costly?.id,
  ]);
  await pool.query(
    "insert into groups (organization_id, name, quota_allowance) select $1, 'g' || n, 1 from generate_series(1, 2000) n",
    [organizationId],
  );
  // Everybody is in a few of many groups.
  await pool.query(
    `insert into group_members (group_id, user_id)
     select g.id, u.id from groups g, users u
     where g.name ~ '^g' and u.id = any($1) and hashtext(g.name || u.username) % 100 = 0`,
    [userIds],
  );
  await pool.query("vacuum analyze");

  for (const [whose, ownerId, consumed] of [
    ["a person's", userIds[0] ?? "", 20],
    ["the prebuilds user's", PREBUILDS_SYSTEM_USER_ID, SIZE.members],
  ] as const) {
    await t.test(`${whose} quota is added up from an index that holds workspaces with a cost only`, async () => {
      const plans: PlanNode[][] = [];
      const quota = await readQuota(explaining(pool, plans), { ownerId, organizationId });
      assert.equal(quota.consumed, consumed);
      assert.equal(quota.budget > 0, ownerId !== PREBUILDS_SYSTEM_USER_ID);
      assert.deepEqual(readsOf(plans, "workspaces"), ["workspaces_costly"]);
      for (const table of ["group_members", "organization_members", "users"]) {
        assert.ok(!readsOf(plans, table).includes("Seq Scan"), `not all of ${table} is read`);
      }
    });
  }

  await t.test("the workspace of a build is found by its id", async () => {
    const { rows } = await pool.query("select latest_build_id as id from workspaces limit 1");
    const plans: PlanNode[][] = [];
    assert.ok(await findCharged(explaining(pool, plans), rows[0].id));
    assert.deepEqual(readsOf(plans, "workspaces"), ["workspaces_pkey"]);
    assert.deepEqual(readsOf(plans, "workspace_builds"), ["workspace_builds_pkey"]);
  });

  await t.test("what is left in a pool is looked up among its prebuilds", async () => {
    const plans: PlanNode[][] = [];
    assert.equal((await lookAtPool(explaining(pool, plans), costly?.id ?? "")).cheapest, 1);
    assert.equal((await lookAtPool(explaining(pool, plans), free?.id ?? "")).cheapest, null);
    assert.ok(!readsOf(plans, "workspaces").includes("Seq Scan"));
    const ofPrebuilds = ["workspaces_claimable", "workspaces_prebuilds"];
    const used = indexesOf(plans).filter((index) => index.startsWith("workspaces_"));
    assert.deepEqual(
      used.filter((index) => !ofPrebuilds.includes(index)),
      [],
    );
  });
});
