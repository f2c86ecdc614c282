import assert from "node:assert/strict";
import { it } from "node:test";
import { createMetrics } from "../../src/metrics.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { readPlan, readPools } from "../../src/prebuilds/status.ts";
import { givenContext, givenDriver, givenPool, givenVersion, givenWorker, settled } from "../support/given.ts";
import { givenReadyPool } from "../support/ready-pool.ts";

it("plan, pools and metrics say the same of every pool, and a pass does what they announce", async (t) => {
  const now = new Date("2025-06-02T12:00:00Z");
  const context = await givenContext(t, { clock: { now: () => now }, poolSettings: { failureHardLimit: 1 } });
  const failing = await givenPool(context, { desired: 2 });
  await runPass(context, new AbortController().signal);
  const driver = givenDriver({ build: async () => ({ ok: false, state: null, error: "no" }) });
  const worker = givenWorker(t, context, { driver });
  await settled(context);
  await worker.drain(5_000);
  const grown = await givenReadyPool(t, context, { desired: 2 });
  const dropped = await givenReadyPool(t, context, { desired: 1 });
  await context.pool.query("update template_version_presets set desired_instances = 5 where id = $1", [grown.presetId]);
  await givenVersion(context, dropped.templateId);

  const [pools, { presets }] = [await readPools(context), await readPlan(context)];
  const metrics = createMetrics(context);
  await metrics.refresh();
  const { body } = await metrics.text();
  assert.equal(pools.length, 3);
  for (const [index, pool] of pools.entries()) {
    const plan = presets[index];
    assert.deepEqual([plan?.id, plan?.actions, plan?.reasons], [pool.preset_id, pool.actions, pool.reasons]);
    const sample = (name: string) => {
      const series = new RegExp(
        `^coderd_prebuilt_workspaces_${name}\\{[^}]*"${pool.template_name}"[^}]*\\} (\\S+)$`,
        "m",
      );
      const value = series.exec(body)?.[1];
      return value === undefined ? undefined : Number(value);
    };
    const shown = pool.active ? [pool.desired, pool.actual, pool.eligible] : [undefined, undefined, undefined];
    assert.deepEqual([sample("desired"), sample("running"), sample("eligible")], shown);
    assert.equal(sample("preset_hard_limited"), pool.status === "hard_limited" ? 1 : undefined);
    const missing = pool.reasons.reduce((sum, { count }) => sum + count, 0);
    assert.equal(missing, pool.desired - pool.eligible);
  }

  const { results } = await runPass(context, new AbortController().signal);
  const announced = pools.flatMap(({ preset_id, actions }) => actions.map(({ kind }) => [preset_id, kind]));
  assert.deepEqual(results.map(({ pool, action }) => [pool.id, action.kind]).toSorted(), announced.toSorted());
  assert.deepEqual(
    announced.toSorted(),
    [
      [dropped.presetId, "delete"],
      [grown.presetId, "create"],
    ].toSorted(),
  );
  assert.equal(pools.find(({ preset_id }) => preset_id === failing.presetId)?.reasons[0]?.reason, "hard_limited");
});
