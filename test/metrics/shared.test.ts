import assert from "node:assert/strict";
import { it } from "node:test";
import { createMetrics, type Metrics } from "../../src/metrics.ts";
import { createWake } from "../../src/wake.ts";
import { givenContext, givenPool } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { waitFor } from "../support/wait-for.ts";
import { samplesOf } from "./support.ts";

const EVERY_MINUTE = { metricsIntervalMs: 60_000, reconciliationIntervalMs: 60_000 };
const DESIRED = "coderd_prebuilt_workspaces_desired";

/** What all replicas have in common: everything that is read from the database. */
async function sharedText(metrics: Metrics): Promise<string> {
  const { body } = await metrics.text();
  return body.slice(0, body.indexOf("# HELP prebuildd_metrics_refreshes_total"));
}

/** How often each of them has read the deployment itself, taken it from another one, and failed. */
async function refreshesOf(
  replicas: readonly Metrics[],
): Promise<{ computed: number; shared: number; failed: number }> {
  const sums = { computed: 0, shared: 0, failed: 0 };
  for (const replica of replicas) {
    const samples = await samplesOf(replica, "prebuildd_metrics_refreshes_total");
    for (const result of ["computed", "shared", "failed"] as const) {
      sums[result] += samples[`prebuildd_metrics_refreshes_total{result="${result}"}`] ?? 0;
    }
  }
  return sums;
}

it("replicas export the same values at every moment, and one of them reads them once per interval", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 2 });
  await givenPrebuild(context, pool);
  const replicas = Array.from({ length: 3 }, () => createMetrics(context, EVERY_MINUTE));
  await Promise.all(replicas.map((replica) => replica.refresh()));
  const [first = "", ...others] = await Promise.all(replicas.map(sharedText));
  assert.match(first, /_desired\{.*\} 2\n/);
  for (const text of others) assert.equal(text, first);
  assert.deepEqual(await refreshesOf(replicas), { computed: 1, shared: 2, failed: 0 });

  await givenPool(context, { desired: 5 });
  const late = createMetrics(context, EVERY_MINUTE);
  await Promise.all([...replicas, late].map((replica) => replica.refresh()));
  for (const replica of [...replicas, late]) assert.equal(await sharedText(replica), first, "it is not time yet");

  await context.pool.query("update deployment_samples set stored_at = stored_at - interval '1 minute'");
  await Promise.all(replicas.map((replica) => replica.refresh()));
  await late.refresh();
  assert.deepEqual(Object.values(await samplesOf(late, DESIRED)).toSorted(), [2, 5]);
  assert.equal((await refreshesOf([...replicas, late])).computed, 2);
});

it("a replica that reads the values tells the others, so that they show them at once", async (t) => {
  const context = await givenContext(t);
  const told: string[] = [];
  const client = await context.pool.connect();
  t.after(() => client.release());
  client.on("notification", ({ channel }) => told.push(channel));
  await client.query("listen prebuildd_metrics");
  const wake = createWake(context.pool, context.log);
  const [one, other] = [
    createMetrics({ ...context, wake }, EVERY_MINUTE),
    createMetrics({ ...context, wake }, EVERY_MINUTE),
  ];
  await one.refresh();
  await waitFor("the notification", () => told.length === 1);
  await other.refresh();
  await wake.settled();
  await client.query("select 1");
  assert.deepEqual(told, ["prebuildd_metrics"], "who has only taken them has nothing to tell");
});

it("while one replica reads, the others show what they have, and when it dies another one reads", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2 });
  const metrics = createMetrics(context);
  await metrics.refresh();
  await givenPool(context, { desired: 7 });
  const reading = await context.pool.connect();
  await reading.query("begin; select pg_advisory_xact_lock(hashtextextended('prebuildd:metrics', 0))");
  await metrics.refresh();
  assert.deepEqual(Object.values(await samplesOf(metrics, DESIRED)), [2]);
  reading.release(new Error("it died"));
  await waitFor("another one to read", async () => {
    await metrics.refresh();
    return Object.values(await samplesOf(metrics, DESIRED)).includes(7);
  });
});

it("a failed refresh is counted and the time of the values says how old they are", async (t) => {
  let now = new Date("2025-06-02T12:00:00Z");
  const context = await givenContext(t, { clock: { now: () => now } });
  await givenPool(context, { desired: 2 });
  const metrics = createMetrics(context);
  await metrics.refresh();
  const before = await sharedText(metrics);
  now = new Date("2025-06-02T12:10:00Z");
  await context.pool.query("alter table workspaces rename to elsewhere");
  await assert.rejects(metrics.refresh());
  assert.equal(await sharedText(metrics), before);
  const updated = Object.values(await samplesOf(metrics, "coderd_prebuilt_workspaces_metrics_last_updated"));
  assert.deepEqual(updated, [Date.parse("2025-06-02T12:00:00Z") / 1_000]);
  assert.deepEqual(await refreshesOf([metrics]), { computed: 1, shared: 0, failed: 1 });
});

it("values of another version of the daemon are left alone", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2 });
  await context.pool.query(
    "insert into deployment_samples (format, taken_at, body) values (0, now(), '{\"unknown\": true}')",
  );
  const metrics = createMetrics(context, EVERY_MINUTE);
  await metrics.refresh();
  assert.deepEqual(Object.values(await samplesOf(metrics, DESIRED)), [2]);
  const { rows } = await context.pool.query("select format from deployment_samples order by format");
  assert.deepEqual(
    rows.map(({ format }) => format),
    [0, 1],
  );
});

it("how full the pools were is noted once a minute and forgotten after an hour, whatever a replica's clock says", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 2 });
  await givenPrebuild(context, pool);
  const replicas = [0, 3 * 3_600_000].map((aheadMs) =>
    createMetrics({ ...context, clock: { now: () => new Date(Date.now() + aheadMs) } }),
  );
  const later = (minutes: number) =>
    context.pool.query("update pool_levels set taken_at = taken_at - make_interval(mins => $1)", [minutes]);
  const ages = async () => {
    for (const replica of replicas) await replica.refresh();
    const { rows } = await context.pool.query<{ age: number; levels: unknown }>(
      "select round(extract(epoch from now() - taken_at) / 60)::int as age, levels from pool_levels order by taken_at",
    );
    for (const { levels } of rows) assert.deepEqual(levels, { [`${pool.templateId}/small`]: [1, 2] });
    return rows.map(({ age }) => age);
  };
  assert.deepEqual(await ages(), [0]);
  assert.deepEqual(await ages(), [0]);
  await later(1);
  assert.deepEqual(await ages(), [1, 0]);
  await later(58);
  assert.deepEqual(await ages(), [59, 58, 0]);
  await later(3);
  assert.deepEqual(await ages(), [61, 3, 0]);
  await later(1);
  assert.deepEqual(await ages(), [4, 1, 0]);
});
