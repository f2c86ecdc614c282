import assert from "node:assert/strict";
import { it } from "node:test";
import type { Context } from "../../src/context.ts";
import { createMetrics } from "../../src/metrics.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { createWorkspace } from "../../src/workspaces/create.ts";
import { givenContext, givenDriver, givenPool, givenUser, givenWorker, settled } from "../support/given.ts";
import { givenReadyPool } from "../support/ready-pool.ts";

const never = new AbortController().signal;

/** The pools' samples without their labels, since these tests have one pool. */
async function samples(metrics: ReturnType<typeof createMetrics>): Promise<Record<string, number>> {
  const { body } = await metrics.text();
  const lines = body.matchAll(/^coderd_prebuilt_workspaces_(\w+?)(?:\{[^}]*\})? (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name ?? "", Number(value)]));
}

async function claimOne(context: Context, pool: { organizationId: string; templateId: string; presetId: string }) {
  const ownerId = await givenUser(context);
  const { organizationId, templateId, presetId } = pool;
  const input = { organizationId, templateId, presetId, ownerId, initiatorId: ownerId, name: "mine" };
  return createWorkspace(context, { ...input, parameters: [], automaticUpdates: "never", waitMs: 0 });
}

it("gauges say what the pools are and counters what they ever did, claims included", async (t) => {
  const now = new Date("2025-06-02T12:00:00Z");
  const context = await givenContext(t, { clock: { now: () => now } });
  const pool = await givenReadyPool(t, context, { desired: 3 });
  await claimOne(context, pool);
  const metrics = createMetrics(context);
  await metrics.pools.refresh();
  assert.deepEqual(await samples(metrics), {
    desired: 3,
    running: 2,
    eligible: 2,
    created_total: 3,
    failed_total: 0,
    claimed_total: 1,
    reconciliation_paused: 0,
    metrics_last_updated: now.getTime() / 1_000,
  });
});

it("a prebuild whose first build failed counts as failed", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  givenWorker(t, context, { driver: givenDriver({ build: async () => ({ ok: false, state: null, error: "no" }) }) });
  await settled(context);
  const metrics = createMetrics(context);
  await metrics.pools.refresh();
  const { created_total, failed_total, running } = await samples(metrics);
  assert.deepEqual([created_total, failed_total, running], [1, 1, 0]);
});

it("before the first refresh the time of the values is 0, and a failed refresh keeps values and time", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2 });
  const metrics = createMetrics(context);
  assert.deepEqual(await samples(metrics), { reconciliation_paused: 0, metrics_last_updated: 0 });
  await metrics.pools.refresh();
  const before = await samples(metrics);
  await context.pool.query("alter table workspaces rename to elsewhere");
  await assert.rejects(metrics.pools.refresh());
  assert.deepEqual(await samples(metrics), before);
});

it("a scrape does not touch the database", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2 });
  const metrics = createMetrics(context);
  await metrics.pools.refresh();
  let used = 0;
  context.pool.on("acquire", () => {
    used += 1;
  });
  await metrics.text();
  assert.equal(used, 0);
  await metrics.pools.refresh();
  assert.ok(used > 0, "a refresh does");
});

it("pools of deleted templates are not shown at all", async (t) => {
  const context = await givenContext(t);
  await givenReadyPool(t, context, { desired: 1 });
  await context.pool.query("update templates set deleted = true");
  const metrics = createMetrics(context);
  await metrics.pools.refresh();
  assert.deepEqual(Object.keys(await samples(metrics)), ["reconciliation_paused", "metrics_last_updated"]);
});
