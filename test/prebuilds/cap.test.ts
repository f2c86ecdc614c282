import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type { Context } from "../../src/context.ts";
import { type PassResult, runPass } from "../../src/prebuilds/reconcile.ts";
import { count, type GivenPool, givenContext, givenPool, givenVersion } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { finishBuilds } from "../support/histories.ts";
import { waitFor } from "../support/wait-for.ts";

const T = new Date("2025-06-02T12:00:00Z");
const never = new AbortController().signal;
const PREBUILDS = "workspaces where created_as_prebuild and not deleted";
const STARTING =
  "workspaces where latest_transition = 'start' and latest_job_status in ('pending', 'running', 'canceling')";

const PAUSE_ALL = `insert into site_configs (key, value, updated_at)
  values ('prebuilds_settings', '{"reconciliation_paused":true}', now())`;
const PAUSE_POOL = `insert into pool_pauses (template_id, preset_name, paused_at, paused_by)
  select id, 'small', now(), created_by from templates`;

async function cappedContext(t: TestContext, maxInFlight: number) {
  return givenContext(t, { clock: { now: () => T }, poolSettings: { maxInFlight } });
}

const sixPasses = (context: Context): Promise<PassResult[]> =>
  Promise.all(Array.from({ length: 6 }, () => runPass(context, never)));

const membersOf = (context: Context, { presetId }: GivenPool): Promise<number> =>
  count(context, `${PREBUILDS} and preset_id = $1 and latest_transition = 'start'`, [presetId]);

it("no more prebuilds than the cap are being started, whatever so many passes at once, until all pools are full", async (t) => {
  const context = await cappedContext(t, 4);
  const sizes = [9, 5, 1];
  const pools: GivenPool[] = [];
  for (const desired of sizes) pools.push(await givenPool(context, { desired }));
  for (let missing = 15; missing > 0; missing -= 4) {
    const results = await sixPasses(context);
    assert.equal(await count(context, STARTING), Math.min(missing, 4));
    assert.deepEqual(
      results.map(({ failures }) => failures),
      Array(6).fill(0),
    );
    await finishBuilds(context);
  }
  await sixPasses(context);
  assert.deepEqual(await Promise.all(pools.map((pool) => membersOf(context, pool))), sizes);
});

it("pools fill evenly: none is half full before another one has its share", async (t) => {
  const context = await cappedContext(t, 6);
  const large = await givenPool(context, { desired: 20 });
  const small = await givenPool(context, { desired: 10 });
  const seen: number[][] = [];
  for (let round = 0; round < 5; round += 1) {
    await runPass(context, never);
    seen.push([await membersOf(context, large), await membersOf(context, small)]);
    await finishBuilds(context);
  }
  assert.deepEqual(seen, [
    [4, 2],
    [8, 4],
    [12, 6],
    [16, 8],
    [20, 10],
  ]);
});

it("a pool that was emptied comes before one that only lacks a few", async (t) => {
  const context = await cappedContext(t, 2);
  const nearlyFull = await givenPool(context, { desired: 5 });
  for (let index = 0; index < 3; index += 1) await givenPrebuild(context, nearlyFull);
  const empty = await givenPool(context, { desired: 4 });
  await runPass(context, never);
  assert.deepEqual([await membersOf(context, nearlyFull), await membersOf(context, empty)], [3, 2]);
});

it("while the cap is used up, what is too much, expired, failed or no longer wanted goes all the same", async (t) => {
  const context = await cappedContext(t, 1);
  const secondsAgo = (seconds: number) => new Date(T.getTime() - seconds * 1_000);
  const busy = await givenPool(context, { desired: 9 });
  await givenPrebuild(context, busy, { status: "running" });
  const expiring = await givenPool(context, { desired: 1, ttlSeconds: 60 });
  await givenPrebuild(context, expiring, { createdAt: secondsAgo(61) });
  const shrinking = await givenPool(context, { desired: 0 });
  await givenPrebuild(context, shrinking);
  await givenPrebuild(context, shrinking, {
    status: "failed",
    createdAt: secondsAgo(9_999),
    endedAt: secondsAgo(3_600),
  });
  await givenPrebuild(context, shrinking, { transition: "delete", status: "failed", endedAt: secondsAgo(60) });
  const old = await givenPool(context, { desired: 1 });
  await givenPrebuild(context, old);
  await givenPrebuild(context, old, { status: "pending" });
  await givenVersion(context, old.templateId);

  const { results } = await runPass(context, never);
  assert.deepEqual(results.map(({ action, done }) => `${action.kind} ${action.reason} ${done}`).toSorted(), [
    "cancel_pending inactive 1",
    "delete delete_failed 1",
    "delete expired 1",
    "delete extraneous 1",
    "delete failed 1",
    "delete inactive 1",
  ]);
  assert.equal(await count(context, STARTING), 1, "nothing but the start that was under way");
});

it("starts that were under way before the cap was lowered are left alone, and nothing is added to them", async (t) => {
  const context = await cappedContext(t, 2);
  const pool = await givenPool(context, { desired: 9 });
  for (let index = 0; index < 5; index += 1) await givenPrebuild(context, pool, { status: "running" });
  await sixPasses(context);
  assert.equal(await count(context, STARTING), 5);
});

/** A deployment where a pass has every kind of thing to do, in two pools of one size. */
async function busyContext(t: TestContext) {
  const context = await givenContext(t, { clock: { now: () => T } });
  const pools = [];
  for (let index = 0; index < 2; index += 1) {
    const active = await givenPool(context, { desired: 2, ttlSeconds: 60 });
    await givenPrebuild(context, active, { createdAt: new Date(T.getTime() - 61_000) });
    const old = await givenPool(context, { desired: 1 });
    await givenPrebuild(context, old);
    await givenPrebuild(context, old, { status: "pending" });
    await givenVersion(context, old.templateId);
    pools.push({ active, old });
  }
  return { context, pools };
}

/** Every row that a pass could write, with the transaction that wrote it. */
async function rowsOf({ pool }: Context): Promise<string[]> {
  const tables = ["workspaces", "workspace_builds", "provisioner_jobs", "template_version_presets"];
  const memberships = ["organization_members", "groups", "group_members"];
  const { rows } = await pool.query<{ row: string }>(
    [...tables, ...memberships]
      .map((table) => `select xmin || ' ' || r::text as row from ${table} r`)
      .join(" union all "),
  );
  return rows.map(({ row }) => row).toSorted();
}

it("while all pools are paused a pass writes nothing at all, and goes on when they are not", async (t) => {
  const { context } = await busyContext(t);
  await context.pool.query(PAUSE_ALL);
  const before = await rowsOf(context);
  for (let pass = 0; pass < 3; pass += 1) {
    const { results, failures, pools } = await runPass(context, never);
    assert.deepEqual([results, failures], [[], 0]);
    assert.ok(pools.every(({ plan }) => plan.actions.length === 0));
  }
  assert.deepEqual(await rowsOf(context), before);

  await context.pool.query(`update site_configs set value = '{"reconciliation_paused":false}'`);
  const { results } = await runPass(context, never);
  assert.equal(
    results.length,
    8,
    "two pools with something expired and missing, two with something to cancel and delete",
  );
});

it("a paused pool is left alone in all its versions, while the others are kept", async (t) => {
  const { context, pools } = await busyContext(t);
  const [first, second] = pools;
  assert.ok(first && second);
  for (const { templateId } of [first.active, first.old]) {
    await context.pool.query(
      `insert into pool_pauses (template_id, preset_name, paused_at, paused_by)
       select id, 'small', $2, created_by from templates where id = $1`,
      [templateId, T],
    );
  }
  for (let pass = 0; pass < 3; pass += 1) {
    const { results } = await runPass(context, never);
    const touched = new Set(results.map(({ pool }) => pool.id));
    assert.deepEqual(touched, new Set(pass === 0 ? [second.active.presetId, second.old.presetId] : []));
  }
  const buildsOf = ({ templateId }: GivenPool) =>
    count(context, "workspace_builds b join workspaces w on w.id = b.workspace_id where w.template_id = $1", [
      templateId,
    ]);
  assert.deepEqual([await buildsOf(first.active), await buildsOf(first.old)], [1, 2], "as they were");
  assert.deepEqual([await buildsOf(second.active), await buildsOf(second.old)], [4, 4]);
});

for (const [what, statement] of [
  ["a pause of all pools", PAUSE_ALL],
  ["a pause of the pool", PAUSE_POOL],
  ["the deletion of the template", "update templates set deleted = true"],
  ["the deprecation of the template", "update templates set deprecated = 'use another'"],
  ["a new version of the template", "update templates set active_version_id = null"],
  ["the loss of the pool's size", "update template_version_presets set desired_instances = null"],
] as const) {
  it(`${what} that comes after the snapshot still stops the creations of the pass`, async (t) => {
    const context = await cappedContext(t, 9);
    await givenPool(context, { desired: 3 });
    const blocker = await context.pool.connect();
    await blocker.query("begin");
    await blocker.query("select pg_advisory_xact_lock(hashtextextended('prebuildd:in-flight', 0))");
    const pass = runPass(context, never);
    await waitFor("the pass to wait for its turn to create", async () => {
      const held = "pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database()";
      return (await count(context, `${held} and not l.granted`)) > 0;
    });
    await context.pool.query(statement);
    await blocker.query("commit");
    blocker.release();
    assert.equal((await pass).failures, 0);
    assert.equal(await count(context, PREBUILDS), 0);
  });
}
