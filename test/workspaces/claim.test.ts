import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";
import type { Context } from "../../src/context.ts";
import { ProblemError } from "../../src/errors.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { asking } from "../support/asking.ts";
import { count, givenContext, givenPool, givenVersion, givenWorker, settled } from "../support/given.ts";
import { givenReadyPool } from "../support/ready-pool.ts";

const never = new AbortController().signal;

const row = async (context: Context, workspaceId: string) =>
  (await context.pool.query("select * from workspaces where id = $1", [workspaceId])).rows[0];

it("SYS-20, 155b (ours) a claim hands over the oldest ready prebuild under its new name, and its build is initiated by the claimer", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 3, parameters: { size: "small" } });
  await context.pool.query(
    "update workspaces set created_at = created_at - interval '1 day' where id = (select max(id::text)::uuid from workspaces)",
  );
  const { rows } = await context.pool.query<{ id: string }>("select id from workspaces order by created_at limit 1");
  const ask = await asking(context, pool);
  const { workspaceId, claimed } = await ask({
    name: "mine",
    parameters: [
      { name: "size", value: "huge" },
      { name: "region", value: "eu" },
    ],
  });
  assert.ok(claimed);
  assert.equal(workspaceId, rows[0]?.id);
  const workspace = await row(context, workspaceId);
  assert.equal(workspace.name, "mine");
  assert.equal(workspace.latest_job_status, "pending");
  const builds = await context.pool.query(
    `select b.build_number, b.transition, b.initiator_id = w.owner_id as by_owner, j.initiator_id = w.owner_id as job_by_owner,
       b.template_version_preset_id = $2 as same_preset, j.input->>'prebuilt_workspace_stage' as stage
     from workspace_builds b join workspaces w on w.id = b.workspace_id join provisioner_jobs j on j.id = b.job_id
     where w.id = $1 order by build_number desc limit 1`,
    [workspaceId, pool.presetId],
  );
  assert.deepEqual(builds.rows, [
    { build_number: 2, transition: "start", by_owner: true, job_by_owner: true, same_preset: true, stage: "claim" },
  ]);
  const parameters = await context.pool.query(
    "select name, value from workspace_build_parameters where workspace_build_id = $1 order by name",
    [workspace.latest_build_id],
  );
  assert.deepEqual(parameters.rows, [
    { name: "region", value: "eu" },
    { name: "size", value: "small" },
  ]);
});

it("154b a claim sets the lifecycle from request and template, and the deadline comes when the claim build ends", async (t) => {
  const now = new Date("2025-06-02T06:00:00Z");
  const context = await givenContext(t, { clock: { now: () => now } });
  const pool = await givenReadyPool(t, context, { desired: 1, defaultTtl: 7_200e9 });
  const prebuild = (await context.pool.query("select * from workspaces")).rows[0];
  assert.equal(prebuild.ttl, null);
  const ask = await asking(context, pool);
  const { workspaceId } = await ask({
    autostartSchedule: "CRON_TZ=Europe/Berlin 30 9 * * 1-5",
    automaticUpdates: "always",
  });
  const claimed = await row(context, workspaceId);
  assert.equal(Number(claimed.ttl), 7_200e9);
  assert.equal(claimed.next_start_at.toISOString(), "2025-06-02T07:30:00.000Z");
  assert.equal(claimed.automatic_updates, "always");
  assert.deepEqual(claimed.last_used_at, now);
  givenWorker(t, context);
  await settled(context);
  const { rows } = await context.pool.query(
    "select deadline, max_deadline from workspace_builds order by build_number",
  );
  // It would start by itself before it had run for two hours, so it has two hours from then.
  assert.deepEqual(rows, [
    { deadline: null, max_deadline: null },
    { deadline: new Date("2025-06-02T09:30:00Z"), max_deadline: null },
  ]);
});

it("LIF-11: when a prebuild's build ends, nothing of the lifecycle is set on it, whatever its template says", async (t) => {
  const context = await givenContext(t);
  const { templateId } = await givenPool(context, { desired: 1, defaultTtl: 7_200e9 });
  await context.pool.query(
    "update templates set max_ttl = 7200e9, autostop_requirement_days = 127, time_til_dormant = 1 where id = $1",
    [templateId],
  );
  await runPass(context, never);
  givenWorker(t, context);
  await settled(context);
  const { rows } = await context.pool.query(
    `select w.latest_job_status as status, num_nonnulls(w.ttl, w.autostart_schedule, w.next_start_at, w.dormant_at,
       w.deleting_at, w.latest_deadline, w.lifecycle_build_id, b.deadline, b.max_deadline) as set
     from workspaces w join workspace_builds b on b.workspace_id = w.id`,
  );
  assert.deepEqual(rows, [{ status: "succeeded", set: 0 }]);
});

it("151c (ours) an expired prebuild is handed out only when no fresh one is left", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 2, ttlSeconds: 3_600 });
  const { rows } = await context.pool.query<{ id: string }>(
    "update workspaces set created_at = created_at - interval '1 day' where id = (select max(id::text)::uuid from workspaces) returning id",
  );
  const ask = await asking(context, pool);
  const [first, second, third] = [await ask(), await ask(), await ask()];
  assert.notEqual(first.workspaceId, rows[0]?.id);
  assert.equal(second.workspaceId, rows[0]?.id);
  assert.deepEqual([first.claimed, second.claimed, third.claimed, third.missReason], [true, true, false, "pool_empty"]);
});

it("151b (ours) a request that claims nothing builds an ordinary workspace and says why", async (t) => {
  const context = await givenContext(t);
  const empty = await givenPool(context, { desired: 1 });
  const askEmpty = await asking(context, empty);
  assert.equal((await askEmpty()).missReason, "pool_empty");
  assert.equal(
    (await askEmpty({ presetId: undefined, parameters: [] })).missReason,
    "pool_empty",
    "a preset without parameters fits every request",
  );

  const choosy = await givenPool(context, { desired: 1, parameters: { size: "small" } });
  const askChoosy = await asking(context, choosy);
  assert.equal(
    (await askChoosy({ presetId: undefined, parameters: [{ name: "size", value: "large" }] })).missReason,
    "no_preset",
  );

  const plain = await givenPool(context, { desired: null });
  assert.equal((await (await asking(context, plain))()).missReason, "no_pool");

  const old = await givenReadyPool(t, context, { desired: 1 });
  await givenVersion(context, old.templateId);
  const askOld = await asking(context, old);
  assert.equal((await askOld({ templateVersionId: old.versionId })).missReason, "inactive_version");

  const slow = await givenReadyPool(t, context, { desired: 1 });
  await context.pool.query(
    "update workspace_agents set lifecycle_state = 'starting' where job_id in (select j.id from provisioner_jobs j join workspace_builds b on b.job_id = j.id where b.template_version_id = $1)",
    [slow.versionId],
  );
  assert.equal((await (await asking(context, slow))()).missReason, "not_ready");
});

it("149b (ours) a request that waits gets the prebuild that becomes ready meanwhile", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const ask = await asking(context, pool);
  const answer = ask({ waitMs: 10_000 });
  givenWorker(t, context);
  assert.equal((await answer).claimed, true);
});

it("a preset of another version is refused by name of the field", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context);
  const ask = await asking(context, pool);
  await assert.rejects(ask({ presetId: randomUUID() }), (error: unknown) => {
    assert.ok(error instanceof ProblemError);
    assert.equal(error.validations[0]?.field, "template_version_preset_id");
    return true;
  });
});

it("a request that waits and is given up creates nothing", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 1 });
  const ask = await asking(context, pool);
  const caller = new AbortController();
  const answer = ask({ waitMs: 60_000, signal: caller.signal });
  caller.abort(new Error("the caller has given up"));
  await assert.rejects(answer, /given up/);
  assert.equal(await count(context, "workspaces"), 0);
});
