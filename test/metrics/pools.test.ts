import assert from "node:assert/strict";
import { it } from "node:test";
import { createMetrics } from "../../src/metrics.ts";
import { PRIORITY, WORK } from "../../src/provisioner/queue.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { type GivenPool, givenContext, givenPool, givenVersion, givenWorker } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { waitFor } from "../support/wait-for.ts";
import { samplesOf } from "./support.ts";

const T = new Date("2025-06-02T12:00:00Z");
const ago = (minutes: number) => new Date(T.getTime() - minutes * 60_000);

it("what a pool's prebuilds do that cannot be claimed, and why the pool is not full, is told by state and reason", async (t) => {
  const context = await givenContext(t, { clock: { now: () => T } });
  const pool = await givenPool(context, { desired: 9, ttlSeconds: 3_600 });
  await givenPrebuild(context, pool, { createdAt: ago(1) });
  await givenPrebuild(context, pool, { createdAt: ago(2), ready: false });
  await givenPrebuild(context, pool, { createdAt: ago(90) });
  await givenPrebuild(context, pool, { createdAt: ago(1), status: "running" });
  await givenPrebuild(context, pool, { createdAt: ago(1), status: "pending" });
  await givenPrebuild(context, pool, { createdAt: ago(1), status: "failed" });
  await givenPrebuild(context, pool, { createdAt: ago(1), transition: "delete", status: "failed" });
  await givenPrebuild(context, pool, { createdAt: ago(1), transition: "delete", status: "running" });
  const metrics = createMetrics(context);
  await metrics.refresh();
  const byLast = async (name: string) => {
    const samples = await samplesOf(metrics, name);
    return Object.fromEntries(
      Object.entries(samples).map(([key, value]) => [/(?:state|reason)="(\w+)"/.exec(key)?.[1], value]),
    );
  };
  assert.deepEqual(await byLast("prebuildd_pool_prebuilds"), {
    starting: 2,
    stopping: 0,
    deleting: 1,
    expired: 1,
    outdated: 0,
    failed: 1,
    delete_failed: 1,
  });
  const missing = await byLast("prebuildd_pool_missing");
  assert.deepEqual(missing, { not_ready: 1, building: 2, recent_failures: 5 });
  assert.deepEqual(await samplesOf(metrics, "prebuildd_in_flight"), { prebuildd_in_flight: 2 });
  assert.deepEqual(await samplesOf(metrics, "prebuildd_orphans"), {
    'prebuildd_orphans{kind="undeletable"}': 1,
    'prebuildd_orphans{kind="stuck"}': 0,
  });
});

it("prebuilds of a version that is not active any more, or invalidated, are outdated until they are gone", async (t) => {
  const context = await givenContext(t, { clock: { now: () => T } });
  const [old, invalidated] = [await givenPool(context), await givenPool(context)];
  for (const pool of [old, invalidated]) await givenPrebuild(context, pool, { createdAt: ago(5) });
  const metrics = createMetrics(context);
  const outdated = async () => {
    await metrics.refresh();
    const samples = Object.entries(await samplesOf(metrics, "prebuildd_pool_prebuilds"));
    return samples.flatMap(([key, value]) => (key.includes('state="outdated"') ? [value] : []));
  };
  assert.deepEqual(await outdated(), [0, 0]);
  await givenVersion(context, old.templateId);
  await context.pool.query("update template_version_presets set last_invalidated_at = $2 where id = $1", [
    invalidated.presetId,
    ago(1),
  ]);
  assert.deepEqual(await outdated(), [1, 1]);
  await context.pool.query("update workspaces set deleted = true");
  assert.deepEqual(await outdated(), [0], "the pool of the old version is not there any more");
  await context.pool.query("update templates set deprecated = 'use another one'");
  assert.deepEqual(await outdated(), [], "nor is one that is not kept and has nothing");
});

it("a pause of all pools and of one pool are told apart", async (t) => {
  const context = await givenContext(t, { clock: { now: () => T } });
  const pool = await givenPool(context);
  const metrics = createMetrics(context);
  const pauses = async () => {
    await metrics.refresh();
    const [enabled, alone] = [
      await samplesOf(metrics, "prebuildd_reconciliation_enabled"),
      await samplesOf(metrics, "prebuildd_pool_paused"),
    ];
    return [...Object.values(enabled), ...Object.values(alone)];
  };
  assert.deepEqual(await pauses(), [1]);
  await context.pool.query(
    "insert into pool_pauses (template_id, preset_name, paused_at, paused_by) values ($1, 'small', $2, $3)",
    [pool.templateId, T, PREBUILDS_SYSTEM_USER_ID],
  );
  assert.deepEqual(await pauses(), [1, 1]);
  await context.pool.query(
    "insert into site_configs (key, value, updated_at) values ('prebuilds_settings', '{\"reconciliation_paused\":true}', now())",
  );
  assert.deepEqual(await pauses(), [0, 1]);
});

it("the queue is counted by kind, by whom it is for and by what it does, with the age of the oldest", async (t) => {
  const context = await givenContext(t);
  const { pool, queue } = context;
  await queue.start();
  const id = (digit: number) => `00000000-0000-0000-0000-00000000000${digit}`;
  await queue.add(pool, WORK.build, [id(1), id(2)], PRIORITY.person);
  await queue.add(pool, WORK.build, [id(3)], PRIORITY.prebuildCreate);
  await queue.add(pool, WORK.build, [id(4)], PRIORITY.prebuildDelete, new Date(Date.now() + 600_000));
  await queue.add(pool, WORK.deadBuild, [id(5)], PRIORITY.lifecycle);
  await pool.query("update pgboss.job set created_on = now() - interval '5 minutes' where name = $1", [WORK.build]);
  await pool.query(
    "update pgboss.job set start_after = now() - interval '5 minutes' where name = $1 and start_after < now() + interval '1 minute'",
    [WORK.build],
  );
  const [taken] = await queue.take(WORK.build, 1);
  assert.ok(taken);
  const metrics = createMetrics(context);
  await metrics.refresh();
  const depth = Object.entries(await samplesOf(metrics, "prebuildd_queue_depth")).filter(([, value]) => value > 0);
  assert.deepEqual(
    Object.fromEntries(depth.map(([key, value]) => [key.slice("prebuildd_queue_depth".length), value])),
    {
      '{kind="build",priority="people",state="waiting"}': 1,
      '{kind="build",priority="people",state="running"}': 1,
      '{kind="build",priority="creations",state="waiting"}': 1,
      '{kind="build",priority="deletions",state="waiting"}': 1,
      '{kind="build",priority="lifecycle",state="dead"}': 1,
    },
  );
  const ages = await samplesOf(metrics, "prebuildd_queue_oldest_age_seconds");
  const age = (priority: string) => ages[`prebuildd_queue_oldest_age_seconds{kind="build",priority="${priority}"}`];
  for (const priority of ["people", "creations"]) assert.ok(Math.abs((age(priority) ?? 0) - 300) < 60, priority);
  assert.equal(age("deletions"), undefined, "what is not to be taken yet does not wait");
});

it("workers are counted by what they have a driver for, and those that have gone are not", async (t) => {
  const context = await givenContext(t);
  const metrics = createMetrics(context);
  const workers = async () => {
    await metrics.refresh();
    return samplesOf(metrics, "prebuildd_workers");
  };
  const counted = (command: number) => ({
    'prebuildd_workers{provisioner="command"}': command,
    'prebuildd_workers{provisioner="terraform"}': 0,
  });
  assert.deepEqual(await workers(), counted(0));
  const [one, other] = [givenWorker(t, context), givenWorker(t, context)];
  await waitFor("both to report", async () => {
    return (await workers())['prebuildd_workers{provisioner="command"}'] === 2;
  });
  await one.drain(1_000);
  assert.deepEqual(await workers(), counted(1), "who has signed off is gone at once");
  await context.pool.query("update provisioner_daemons set last_seen_at = now() - interval '61 seconds'");
  assert.deepEqual(await workers(), counted(0), "who was killed is gone when it has been silent for a minute");
  await other.drain(1_000);
});

it("the quota of the prebuilds is shown where they cost something or may", async (t) => {
  const context = await givenContext(t);
  const pool: GivenPool = await givenPool(context);
  const { id } = await givenPrebuild(context, pool);
  const metrics = createMetrics(context);
  const quotas = async () => {
    await metrics.refresh();
    return Object.entries(await samplesOf(metrics, "prebuildd_quota_")).map(([key, value]) => [
      key.split("{")[0],
      value,
    ]);
  };
  assert.deepEqual(await quotas(), []);
  await context.pool.query("update workspaces set daily_cost = 7 where id = $1", [id]);
  assert.deepEqual(await quotas(), [
    ["prebuildd_quota_used_daily_cost", 7],
    ["prebuildd_quota_budget_daily_cost", 0],
  ]);
});

it("requests that found nothing ready are counted by pool, each series begins at 0, and none is lost before the pool is known", async (t) => {
  const context = await givenContext(t);
  const [pool, other] = [await givenPool(context), await givenPool(context)];
  const metrics = createMetrics(context);
  metrics.misses.observeMiss(pool.presetId);
  const misses = async () => Object.values(await samplesOf(metrics, "prebuildd_pool_misses_total")).toSorted();
  assert.deepEqual(await misses(), []);
  await metrics.refresh();
  assert.deepEqual(await misses(), [0, 1]);
  metrics.misses.observeMiss(other.presetId);
  metrics.misses.observeMiss(other.presetId);
  await metrics.refresh();
  assert.deepEqual(await misses(), [1, 2]);
});
