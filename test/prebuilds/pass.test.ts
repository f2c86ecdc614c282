import assert from "node:assert/strict";
import { it } from "node:test";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { count, givenContext, givenDriver, givenPool, givenVersion, givenWorker, settled } from "../support/given.ts";

const never = new AbortController().signal;
const PREBUILDS = "workspaces where owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0' and not deleted";

it("an empty pool is filled with as many prebuilds as it wants, each with a build, a job and its preset's parameters", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 5, parameters: { size: "small" } });
  await runPass(context, never);
  assert.equal(await count(context, PREBUILDS), 5);
  const { rows } = await context.pool.query(
    `select distinct w.preset_id, b.initiator_id, b.transition, b.build_number, j.job_status, j.initiator_id as by,
       j.input->>'prebuilt_workspace_stage' as stage, p.name, p.value, w.automatic_updates, j.trace_parent
     from workspaces w join workspace_builds b on b.workspace_id = w.id join provisioner_jobs j on j.id = b.job_id
     join workspace_build_parameters p on p.workspace_build_id = b.id`,
  );
  assert.deepEqual(rows, [
    {
      preset_id: pool.presetId,
      initiator_id: PREBUILDS_SYSTEM_USER_ID,
      by: PREBUILDS_SYSTEM_USER_ID,
      transition: "start",
      build_number: 1,
      job_status: "pending",
      stage: "create",
      name: "size",
      value: "small",
      automatic_updates: "never",
      trace_parent: null,
    },
  ]);
});

it("further passes do nothing while the missing prebuilds are being built, and nothing once they run", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 3 });
  await runPass(context, never);
  await runPass(context, never);
  assert.equal(await count(context, "workspaces"), 3);
  givenWorker(t, context);
  await settled(context);
  const result = await runPass(context, never);
  assert.deepEqual(result.results, []);
  assert.equal(result.pools[0]?.plan.state.eligible, 3);
});

it("passes of two leaders at the same time never make more than the pool wants", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 7 });
  await Promise.all(Array.from({ length: 6 }, () => runPass(context, never)));
  assert.equal(await count(context, PREBUILDS), 7);
});

it("of too many prebuilds the oldest are deleted, and their builds delete them", async (t) => {
  const context = await givenContext(t);
  const { presetId } = await givenPool(context, { desired: 4 });
  await runPass(context, never);
  givenWorker(t, context);
  await settled(context);
  await context.pool.query(
    "update workspaces set created_at = created_at - interval '1 hour' where name in (select name from workspaces order by id limit 2)",
  );
  const old = await context.pool.query<{ id: string }>("select id from workspaces order by created_at limit 2");
  await context.pool.query("update template_version_presets set desired_instances = 2 where id = $1", [presetId]);
  const { results } = await runPass(context, never);
  assert.deepEqual(
    results.map(({ action, done }) => [action.kind, action.reason, done]),
    [["delete", "extraneous", 2]],
  );
  await settled(context);
  const deleted = await context.pool.query<{ id: string }>("select id from workspaces where deleted");
  assert.deepEqual(deleted.rows.map((row) => row.id).toSorted(), old.rows.map((row) => row.id).toSorted());
});

it("when a new version becomes active, what runs of the old one is deleted and what waits is canceled with its workspace", async (t) => {
  const context = await givenContext(t);
  const { templateId } = await givenPool(context, { desired: 2 });
  await runPass(context, never);
  const worker = givenWorker(t, context, { concurrency: 1 });
  await settled(context);
  await worker.drain(5_000);
  await context.pool.query("update template_version_presets set desired_instances = 4");
  await runPass(context, never);
  await givenVersion(context, templateId);

  const { results } = await runPass(context, never);
  assert.deepEqual(
    results.map(({ action, done }) => [action.kind, action.reason, done]),
    [
      ["cancel_pending", "inactive", 2],
      ["delete", "inactive", 2],
    ],
  );
  assert.equal(await count(context, "provisioner_jobs where job_status = 'canceled'"), 2);
  assert.equal(await count(context, "workspaces where deleted"), 2);
  givenWorker(t, context);
  await settled(context);
  assert.equal(await count(context, "workspaces where not deleted"), 0);
  assert.deepEqual((await runPass(context, never)).pools, [], "an empty pool of an old version is no longer looked at");
});

it("expired prebuilds are deleted and replaced in the same pass", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2, ttlSeconds: 3_600 });
  await runPass(context, never);
  givenWorker(t, context);
  await settled(context);
  await context.pool.query("update workspaces set created_at = created_at - interval '2 hours'");
  const { results } = await runPass(context, never);
  assert.deepEqual(
    results.map(({ action, done }) => [action.kind, action.reason, done]),
    [
      ["delete", "expired", 2],
      ["create", "below_target", 2],
    ],
  );
});

it("after a failed build the pool waits before it tries again, and says until when", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  givenWorker(t, context, {
    driver: givenDriver({ build: async () => ({ ok: false, state: null, error: "no room" }) }),
  });
  await settled(context);
  const { results } = await runPass(context, never);
  assert.equal(results[0]?.action.kind, "backoff");
  assert.equal(await count(context, "workspaces"), 1);
});

it("prebuilds of a deleted template are deleted", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  givenWorker(t, context);
  await settled(context);
  await context.pool.query("update templates set deleted = true");
  const { results } = await runPass(context, never);
  assert.deepEqual(
    results.map(({ action }) => action.reason),
    ["inactive"],
  );
});

it("a preset without a desired size takes no part, and what it still has is deleted", async (t) => {
  const context = await givenContext(t);
  const { presetId } = await givenPool(context, { desired: 1 });
  await givenPool(context, { desired: null });
  await runPass(context, never);
  givenWorker(t, context);
  await settled(context);
  assert.equal(await count(context, "workspaces"), 1);
  await context.pool.query("update template_version_presets set desired_instances = null where id = $1", [presetId]);
  const { results } = await runPass(context, never);
  assert.deepEqual(
    results.map(({ action }) => action.reason),
    ["inactive"],
  );
});

it("a pass that is aborted begins no further action", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  const { results } = await runPass(context, AbortSignal.abort());
  assert.deepEqual(results, []);
  assert.equal(await count(context, "workspaces"), 0);
});
