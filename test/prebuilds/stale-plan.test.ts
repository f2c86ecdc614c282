import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type pg from "pg";
import type { Context } from "../../src/context.ts";
import { executeAction } from "../../src/prebuilds/execute.ts";
import { planPools, runPass } from "../../src/prebuilds/reconcile.ts";
import { count, type GivenPool, givenContext, givenPool, givenUser, givenVersion } from "../support/given.ts";
import { givenReadyPool } from "../support/ready-pool.ts";
import { waitFor } from "../support/wait-for.ts";

/** Runs a pass that has planned to fill the pool, and changes something while it waits for the pool's row. */
async function changeWhileItWaits(
  t: TestContext,
  change: (client: pg.PoolClient, pool: GivenPool, context: Context) => Promise<unknown>,
): Promise<number> {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 3 });
  const client = await context.pool.connect();
  await client.query("begin");
  await client.query("select from template_version_presets where id = $1 for update", [pool.presetId]);
  const pass = runPass(context, new AbortController().signal);
  await waitFor("the pass to wait for the row", async () => {
    const { rows } = await context.pool.query<{ waits: boolean }>(
      "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock') as waits",
    );
    return rows[0]?.waits || undefined;
  });
  await change(client, pool, context);
  await client.query("commit");
  client.release();
  await pass;
  return count(context, "workspaces");
}

it("a pool that has become smaller since it was planned for is filled to its new size only", async (t) => {
  const made = await changeWhileItWaits(t, (client) =>
    client.query("update template_version_presets set desired_instances = 1"),
  );
  assert.equal(made, 1);
});

it("nothing is created for a version that is no longer active when its turn comes", async (t) => {
  assert.equal(await changeWhileItWaits(t, (_, { templateId }, context) => givenVersion(context, templateId)), 0);
});

it("nothing is created in a pool that has been paused since it was planned for", async (t) => {
  const made = await changeWhileItWaits(t, async (client, { templateId }, context) =>
    client.query("insert into pool_pauses values ($1, 'small', now(), $2)", [templateId, await givenUser(context)]),
  );
  assert.equal(made, 0);
});

it("nothing is created once all pools have been paused", async (t) => {
  const made = await changeWhileItWaits(t, (client) =>
    client.query(
      `insert into site_configs (key, value, updated_at) values ('prebuilds_settings', '{"reconciliation_paused":true}', now())`,
    ),
  );
  assert.equal(made, 0);
});

it("what a version still has stays when that version has become active again since its deletion was planned", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 2 });
  await givenVersion(context, pool.templateId);
  const [planned] = (await planPools(context)).pools;
  const [action] = planned?.plan.actions ?? [];
  assert.ok(planned && action?.reason === "inactive");
  await context.pool.query("update templates set active_version_id = $1", [pool.versionId]);
  assert.equal((await executeAction(context, planned.pool, action)).done, 0);
  assert.equal(await count(context, "workspace_builds where transition = 'delete'"), 0);
});
