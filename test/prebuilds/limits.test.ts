import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type { Context } from "../../src/context.ts";
import { createMetrics } from "../../src/metrics.ts";
import { findPreset, resetPool } from "../../src/prebuilds/control-store.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { type GivenPool, givenContext, givenPool } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { givenSuccessor } from "../support/given-presets.ts";
import { changeOf, givenBystanders, type History, readHistories } from "../support/histories.ts";

const T = new Date("2025-06-02T12:00:00Z");
const MINUTE = 60_000;
const never = new AbortController().signal;

/** A deployment where one failed build is one too many and nothing is waited for, a moment after what was built. */
async function givenStrictContext(t: TestContext) {
  const clock = { now: () => new Date(T.getTime() + 1) };
  return givenContext(t, { clock, poolSettings: { failureHardLimit: 1, backoffIntervalMs: 0 } });
}

async function given(context: Context, pool: GivenPool, ...builds: ("succeeded" | "failed")[]): Promise<void> {
  for (const [index, status] of builds.entries()) {
    const createdAt = new Date(T.getTime() - (builds.length - 1 - index) * MINUTE);
    await givenPrebuild(context, pool, { status, createdAt });
  }
}

/** What so many passes do to the template's workspaces, all of which must come to the same. */
async function changeIn(context: Context, pool: GivenPool, passes: number): Promise<string> {
  const historiesOf = async (): Promise<readonly History[]> =>
    (await readHistories(context)).get(pool.templateId) ?? [];
  const before = await historiesOf();
  const untouched = await givenBystanders(context);
  const seen = new Set<string>();
  for (let pass = 0; pass < passes; pass += 1) {
    assert.equal((await runPass(context, never)).failures, 0);
    seen.add(changeOf(before, await historiesOf()));
  }
  assert.equal(seen.size, 1, [...seen].join(" | "));
  await untouched();
  return [...seen].join();
}

async function statusOf({ pool }: Context, { presetId }: GivenPool): Promise<{ status: string; detail: string }> {
  const { rows } = await pool.query(
    "select prebuild_status as status, prebuild_status_detail as detail from template_version_presets where id = $1",
    [presetId],
  );
  return rows[0];
}

/** The gauges that say which pools create nothing more, as `hard_limited 1`. */
async function gaugesOf(context: Context): Promise<string[]> {
  const metrics = createMetrics(context);
  await metrics.refresh();
  const { body } = await metrics.text();
  return [...body.matchAll(/^coderd_prebuilt_workspaces_preset_(\w+)\{.*\} (\d)$/gm)].map(
    ([, name, value]) => `${name} ${value}`,
  );
}

it("125 a pool whose last build failed creates nothing more, and says so", async (t) => {
  const context = await givenStrictContext(t);
  const pool = await givenPool(context);
  await given(context, pool, "failed");
  assert.equal(await changeIn(context, pool, 3), "");
  assert.deepEqual(await statusOf(context, pool), { status: "hard_limited", detail: "the last build failed" });
  assert.deepEqual(await gaugesOf(context), ["hard_limited 1"]);
});

it("125b without a limit the pool tries again", async (t) => {
  const context = await givenContext(t, {
    clock: { now: () => new Date(T.getTime() + 1) },
    poolSettings: { failureHardLimit: 0, backoffIntervalMs: 0 },
  });
  const pool = await givenPool(context);
  await given(context, pool, "failed", "failed", "failed", "failed");
  assert.equal(await changeIn(context, pool, 3), "1 new");
  assert.equal((await statusOf(context, pool)).status, "healthy");
  assert.deepEqual(await gaugesOf(context), []);
});

it("126b (ours) a pool that is reset creates again, and is healthy from the next pass on", async (t) => {
  const context = await givenStrictContext(t);
  const pool = await givenPool(context);
  await given(context, pool, "failed");
  assert.equal(await changeIn(context, pool, 1), "");
  const preset = await findPreset(context.pool, pool.presetId);
  assert.ok(preset);
  await resetPool(context.pool, preset, T);
  assert.equal(await changeIn(context, pool, 3), "1 new");
  assert.deepEqual(await statusOf(context, pool), { status: "healthy", detail: "" });
  assert.deepEqual(await gaugesOf(context), []);
});

it("126c (ours) a build that succeeds after all ends the limit by itself", async (t) => {
  const context = await givenStrictContext(t);
  const pool = await givenPool(context, { desired: 2 });
  await given(context, pool, "failed");
  assert.equal(await changeIn(context, pool, 1), "");
  await givenPrebuild(context, pool);
  assert.equal(await changeIn(context, pool, 3), "1 new");
  assert.deepEqual(await statusOf(context, pool), { status: "healthy", detail: "" });
});

it("127 a pool with a success before the failure creates nothing more either", async (t) => {
  const context = await givenStrictContext(t);
  const pool = await givenPool(context, { desired: 2 });
  await given(context, pool, "succeeded", "failed");
  assert.equal(await changeIn(context, pool, 3), "");
  assert.equal((await statusOf(context, pool)).status, "hard_limited");
  assert.deepEqual(await gaugesOf(context), ["hard_limited 1"]);
});

it("127b (ours) a pool at the limit still loses what has expired and what is too much", async (t) => {
  const context = await givenStrictContext(t);
  const expiring = await givenPool(context, { desired: 2, ttlSeconds: 30 });
  const shrinking = await givenPool(context, { desired: 0 });
  for (const pool of [expiring, shrinking]) await given(context, pool, "succeeded", "failed");
  const before = await readHistories(context);
  await runPass(context, never);
  const after = await readHistories(context);
  for (const { templateId } of [expiring, shrinking]) {
    assert.equal(changeOf(before.get(templateId) ?? [], after.get(templateId) ?? []), "delete pending");
  }
});

it("128 when a new version replaces a pool at the limit, what runs goes and what failed stays for now", async (t) => {
  const context = await givenStrictContext(t);
  const pool = await givenPool(context, { desired: 2 });
  await given(context, pool, "succeeded", "failed");
  await runPass(context, never);
  const next = await givenSuccessor(context, pool);
  const old = (await readHistories(context)).get(pool.templateId) ?? [];
  assert.equal(await changeIn(context, pool, 1), "2 new, delete pending");
  const after = (await readHistories(context)).get(pool.templateId) ?? [];
  const buildsOf = (status: string) =>
    after.filter(({ id, builds }) => old.some((one) => one.id === id) && builds[0] === `start ${status}`);
  assert.deepEqual(buildsOf("succeeded")[0]?.builds, ["start succeeded", "delete pending"]);
  assert.deepEqual(buildsOf("failed")[0]?.builds, ["start failed"]);
  assert.equal((await statusOf(context, next)).status, "healthy");
  assert.deepEqual(await gaugesOf(context), []);
});

it("128 when the template of a pool at the limit is deleted, what runs goes and what failed stays for now", async (t) => {
  const context = await givenStrictContext(t);
  const pool = await givenPool(context, { desired: 2 });
  await given(context, pool, "succeeded", "failed");
  await runPass(context, never);
  await context.pool.query("update templates set deleted = true where id = $1", [pool.templateId]);
  assert.equal(await changeIn(context, pool, 1), "delete pending");
  assert.deepEqual(await gaugesOf(context), []);
});

it("130 a pool whose parameters are refused says so until a version that takes them is active", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context);
  await context.pool.query(
    "insert into template_version_parameters (template_version_id, name) values ($1, 'region')",
    [pool.versionId],
  );
  assert.equal(await changeIn(context, pool, 3), "");
  const refused = await statusOf(context, pool);
  assert.equal(refused.status, "validation_failed");
  assert.match(refused.detail, /region/);
  assert.deepEqual(await gaugesOf(context), ["validation_failed 1"]);

  const next = await givenSuccessor(context, pool);
  assert.equal(await changeIn(context, pool, 3), "1 new");
  assert.deepEqual(await statusOf(context, pool), refused, "the old version's pool stays as it was found last");
  assert.deepEqual(await statusOf(context, next), { status: "healthy", detail: "" });
  assert.deepEqual(await gaugesOf(context), []);
});
