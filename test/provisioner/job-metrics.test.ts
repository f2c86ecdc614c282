import assert from "node:assert/strict";
import { it } from "node:test";
import { Registry } from "prom-client";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import type { Context } from "../../src/context.ts";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import type { JobHistogram } from "../../src/provisioner/job-histogram.ts";
import { countFinishedJobs, readJobHistograms } from "../../src/provisioner/job-histogram-store.ts";
import { createJobMetrics } from "../../src/provisioner/job-metrics.ts";
import { createWorkspace } from "../../src/workspaces/create.ts";
import {
  count,
  type GivenPool,
  givenContext,
  givenDriver,
  givenPool,
  givenUser,
  givenWorker,
  settled,
} from "../support/given.ts";
import { givenBuild, givenPrebuild } from "../support/given-prebuild.ts";
import { givenSuccessor } from "../support/given-presets.ts";
import { givenReadyPool } from "../support/ready-pool.ts";

const countAll = ({ pool }: Context) => withTransaction(pool, BEGIN.readWrite, countFinishedJobs);

/** How often each thing was counted, by the metric's name and its labels without the pool's names. */
function shown(series: readonly JobHistogram[]): Record<string, number> {
  const lines = series.map(({ metric, labels: { template_name: _, organization_name: __, ...labels }, count }) => {
    const rest = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    return [`${metric.slice("coderd_".length)} ${rest.map(([, value]) => value).join()}`, count] as const;
  });
  return Object.fromEntries(lines.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const counted = async (context: Context) => {
  await countAll(context);
  return shown(await readJobHistograms(context.pool));
};

async function request(context: Context, { organizationId, templateId, presetId }: GivenPool, name: string) {
  const ownerId = await givenUser(context);
  const input = { organizationId, templateId, presetId, ownerId, initiatorId: ownerId, name, waitMs: 0 };
  await createWorkspace(context, { ...input, actor: COMMAND_LINE, parameters: [], automaticUpdates: "never" });
}

it("185 real builds are counted as what they are: prebuilds made, one handed over, one built for somebody, one failed", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 1 });
  await request(context, pool, "claimed");
  await request(context, pool, "built");
  let broken = false;
  const driver = givenDriver();
  const build: typeof driver.build = async (...given) =>
    broken ? { ok: false, state: null, error: "no" } : driver.build(...given);
  givenWorker(t, context, { driver: { ...driver, build } });
  await settled(context);
  broken = true;
  await request(context, pool, "broken");
  await settled(context);
  assert.deepEqual(await counted(context), {
    "prebuilt_workspace_claim_duration_seconds small": 1,
    "provisioner_job_queue_wait_seconds initiator,workspace_build,command,start": 4,
    "template_workspace_build_duration_seconds false,failed,start": 1,
    "template_workspace_build_duration_seconds false,succeeded,start": 2,
    "template_workspace_build_duration_seconds true,succeeded,start": 1,
    "workspace_builds_enqueued_total initiator,command,start": 4,
    "workspace_creation_duration_seconds small,prebuild": 1,
    "workspace_creation_duration_seconds small,regular": 1,
    "workspace_creation_total small": 1,
  });
});

it("builds count as enqueued from the moment they are asked for, and the number never falls while they run and end", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 3 });
  const enqueued = async () =>
    shown(await readJobHistograms(context.pool))["workspace_builds_enqueued_total initiator,command,start"];
  assert.equal(await enqueued(), undefined);
  await runPass(context, new AbortController().signal);
  assert.equal(await enqueued(), 3);
  givenWorker(t, context);
  await settled(context);
  assert.equal(await enqueued(), 3, "ended and not counted yet");
  await countAll(context);
  assert.equal(await enqueued(), 3, "counted");
  await request(context, pool, "mine");
  assert.equal(await enqueued(), 4);
});

it("a workspace is created by its first start that succeeds, whichever that is, and by none after it", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context);
  const initiatorId = await givenUser(context);
  const { id } = await givenPrebuild(context, pool, { initiatorId, ownerId: initiatorId, status: "failed" });
  const creations = async () => (await counted(context))["workspace_creation_total small"];
  assert.equal(await creations(), undefined);
  for (const transition of ["start", "stop", "start"] as const) {
    await givenBuild(context, id, pool, { initiatorId, transition, status: "succeeded" });
    assert.equal(await creations(), 1, transition);
  }
});

it("a build that is canceled before a worker has it has waited for none", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context);
  const { jobId } = await givenPrebuild(context, pool, { status: "pending" });
  await context.pool.query(
    "update provisioner_jobs set started_at = now(), canceled_at = now(), completed_at = now() where id = $1",
    [jobId],
  );
  assert.deepEqual(await counted(context), {
    "template_workspace_build_duration_seconds false,canceled,start": 1,
    "workspace_builds_enqueued_total initiator,command,start": 1,
  });
});

it("versions of a template share a series, another template has its own, and a deleted one none", async (t) => {
  const context = await givenContext(t);
  const [pool, other] = [await givenPool(context), await givenPool(context)];
  for (const each of [pool, await givenSuccessor(context, pool), other]) await givenPrebuild(context, each);
  await countAll(context);
  const made = async () =>
    (await readJobHistograms(context.pool))
      .filter(({ metric }) => metric === "coderd_workspace_creation_duration_seconds")
      .map(({ labels, count }) => [labels["template_name"], labels["organization_name"], count])
      .sort(([, , a], [, , b]) => Number(a) - Number(b));
  const nameOf = async ({ templateId }: GivenPool) => {
    const { rows } = await context.pool.query("select name from templates where id = $1", [templateId]);
    return rows[0]?.name;
  };
  assert.deepEqual(await made(), [
    [await nameOf(other), "default", 1],
    [await nameOf(pool), "default", 2],
  ]);
  await context.pool.query("update templates set deleted = true where id = $1", [other.templateId]);
  assert.deepEqual(await made(), [[await nameOf(pool), "default", 2]]);
});

it("two who count at the same time neither wait for one another in a circle nor count anything twice", async (t) => {
  const context = await givenContext(t);
  const pools = await Promise.all([1, 2, 3].map(() => givenPool(context)));
  for (let n = 0; n < 3; n += 1) {
    for (const pool of pools)
      for (const status of ["succeeded", "failed"] as const) await givenPrebuild(context, pool, { status });
    await Promise.all([countAll(context), countAll(context), countAll(context)]);
  }
  const [one] = await Promise.all([counted(context), counted(context)]);
  assert.equal(one["workspace_builds_enqueued_total initiator,command,start"], 18);
  const { rows } = await context.pool.query(
    "select count(*)::int as series, sum(count)::int as builds from job_histograms where metric like '%build_duration%'",
  );
  assert.deepEqual(rows, [{ series: 6, builds: 18 }]);
  assert.equal(await count(context, "finished_jobs"), 0);
});

it("what one is counting nobody else waits for or counts, and when that fails it is still to be counted", async (t) => {
  const context = await givenContext(t);
  await givenPrebuild(context, await givenPool(context));
  await context.pool.query("insert into finished_jobs values (gen_random_uuid())");
  const dies = withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    await countFinishedJobs(client);
    await withTransaction(context.pool, BEGIN.brief, countFinishedJobs);
    throw new Error("dies");
  });
  await assert.rejects(dies, /dies/);
  assert.deepEqual([await count(context, "finished_jobs"), await count(context, "job_histograms")], [2, 0]);
  assert.equal((await counted(context))["workspace_creation_duration_seconds small,prebuild"], 1);
  assert.equal(await count(context, "finished_jobs"), 0);
});

it("durations add up over several countings, in classic buckets and native ones, and are exported as they are stored", async (t) => {
  const start = new Date("2025-06-02T12:00:00Z");
  const context = await givenContext(t, { clock: { now: () => start } });
  const pool = await givenPool(context);
  for (const seconds of [0, 1, 45, 45.5, 4_000]) {
    const { jobId } = await givenPrebuild(context, pool, { status: "running", endedAt: start });
    await context.pool.query("update provisioner_jobs set completed_at = $2 where id = $1", [
      jobId,
      new Date(start.getTime() + seconds * 1_000),
    ]);
    await countAll(context);
  }
  const series = await readJobHistograms(context.pool);
  const made = series.find(({ metric }) => metric === "coderd_workspace_creation_duration_seconds");
  const buckets = [2, 0, 0, 2, 0, 0, 0, 0, 1];
  assert.deepEqual(made && { ...made, labels: {} }, {
    metric: "coderd_workspace_creation_duration_seconds",
    labels: {},
    count: 5,
    sum: 4_091.5,
    buckets,
    native: { "0": 1, "44": 1, "45": 1, "96": 1 },
  });

  const registry = new Registry();
  createJobMetrics(registry).publish(series);
  const lines = (await registry.metrics()).matchAll(
    /^coderd_workspace_creation_duration_seconds_(\w+)\{(?:le="([^"]+)",)?.*\} (\S+)$/gm,
  );
  assert.deepEqual(
    [...lines].map(([, what, le, value]) => [what, le, Number(value)]),
    [
      ...["1", "10", "30", "60", "300", "600", "1800", "3600", "+Inf"].map((le, at) => [
        "bucket",
        le,
        buckets.slice(0, at + 1).reduce((sum, more) => sum + more, 0),
      ]),
      ["sum", undefined, 4_091.5],
      ["count", undefined, 5],
    ],
  );
});
