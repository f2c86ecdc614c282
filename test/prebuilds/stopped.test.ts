import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type { Context } from "../../src/context.ts";
import { findPreset, resetPool } from "../../src/prebuilds/control-store.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { tellAll } from "../notifications/support.ts";
import { givenContext, givenPool, givenUser } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";

const never = new AbortController().signal;

async function givenStrictContext(t: TestContext) {
  const context = await givenContext(t, { poolSettings: { failureHardLimit: 1, backoffIntervalMs: 0 } });
  const adminId = await givenUser(context);
  await context.pool.query("update users set rbac_roles = '{template-admin}' where id = $1", [adminId]);
  return { ...context, adminId };
}

async function told(context: Context) {
  await tellAll(context);
  const { rows } = await context.pool.query<{ event: string; user_id: string; reason: string; preset: string }>(
    `select d.event, m.user_id, d.data->>'reason' as reason, d.data->'pool'->>'presetId' as preset
     from notification_messages m join notification_digests d on d.id = m.digest_id
     where m.channel = 'inbox' order by m.created_at`,
  );
  return rows;
}

it("template administrators are told once when a pool reaches its failure limit, and again after a reset", async (t) => {
  const context = await givenStrictContext(t);
  const pool = await givenPool(context, { desired: 1 });
  await givenPrebuild(context, pool, { status: "failed" });
  await runPass(context, never);
  await runPass(context, never);
  const message = {
    event: "preset_hard_limited",
    user_id: context.adminId,
    reason: "the last build failed",
    preset: pool.presetId,
  };
  assert.deepEqual(await told(context), [message]);

  const preset = await findPreset(context.pool, pool.presetId);
  assert.ok(preset);
  await resetPool(context.pool, preset, context.clock.now());
  await runPass(context, never);
  assert.deepEqual(await told(context), [message], "that creations go on is no event");
  await givenPrebuild(context, pool, { status: "failed", createdAt: new Date(Date.now() + 1_000) });
  await runPass(context, never);
  assert.deepEqual(await told(context), [message, message]);
});

it("template administrators are told once when a template refuses a preset's parameters", async (t) => {
  const context = await givenStrictContext(t);
  const pool = await givenPool(context, { desired: 1, parameters: { color: "blue" } });
  await context.pool.query("insert into template_version_parameters (template_version_id, name) values ($1, 'size')", [
    pool.versionId,
  ]);
  await runPass(context, never);
  await runPass(context, never);
  const messages = await told(context);
  assert.deepEqual(
    messages.map(({ event, user_id, preset }) => ({ event, user_id, preset })),
    [{ event: "preset_validation_failed", user_id: context.adminId, preset: pool.presetId }],
  );
  assert.match(messages[0]?.reason ?? "", /refuses the preset's parameters: .*color/);
});

it("a pool creates no more even when nobody can be told", async (t) => {
  const context = await givenStrictContext(t);
  const pool = await givenPool(context, { desired: 1 });
  await givenPrebuild(context, pool, { status: "failed" });
  await context.pool.query("alter table notification_events rename to elsewhere");
  const { failures } = await runPass(context, never);
  assert.equal(failures, 0);
  const { rows } = await context.pool.query("select prebuild_status from template_version_presets where id = $1", [
    pool.presetId,
  ]);
  assert.deepEqual(rows, [{ prebuild_status: "hard_limited" }]);
});
