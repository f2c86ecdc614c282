import assert from "node:assert/strict";
import { it } from "node:test";
import type { Context } from "../../src/context.ts";
import { createLogger } from "../../src/log.ts";
import { finishClaims } from "../../src/prebuilds/finish-claims.ts";
import { planPools, runPass } from "../../src/prebuilds/reconcile.ts";
import { PRIORITY } from "../../src/provisioner/queue.ts";
import { asking } from "../support/asking.ts";
import { givenControlPlane } from "../support/control-plane.ts";
import { count, givenContext, givenPool, givenWorker, settled } from "../support/given.ts";
import { givenBuild, givenPrebuild } from "../support/given-prebuild.ts";
import { givenReadyPool } from "../support/ready-pool.ts";

const never = new AbortController().signal;
const CLAIM_BUILDS = "workspace_builds b join provisioner_jobs j on j.id = b.job_id where b.build_number = 2";

/** A workspace with its latest build, job, queue row, parameters and agents, without what no two have in common. */
async function everythingOf({ pool }: Context, workspaceId: string) {
  const { rows } = await pool.query(
    `select to_jsonb(w) as workspace, to_jsonb(b) as build, to_jsonb(j) as job, q.priority, q.state,
       b.initiator_id = w.owner_id and j.initiator_id = w.owner_id as own,
       j.input->>'workspace_build_id' = b.id::text and w.latest_build_id = b.id as linked,
       (select json_agg(json_build_array(p.name, p.value) order by p.name) from workspace_build_parameters p
         where p.workspace_build_id = b.id) as parameters,
       (select json_agg(json_build_array(a.name, a.lifecycle_state, a.deleted)) from workspace_agents a
         where a.job_id = j.id) as agents
     from workspaces w
     join workspace_builds b on b.workspace_id = w.id and b.build_number = w.latest_build_number
     join provisioner_jobs j on j.id = b.job_id
     left join pgboss.job q on q.data->>'subjectId' = j.id::text
     where w.id = $1`,
    [workspaceId],
  );
  const OWN =
    /^(id|name|owner_id|initiator_id|worker_id|.*_at|job_id|workspace_id|(latest|lifecycle)_build_id|input|(latest_)?deadline)$/;
  const row = rows[0];
  for (const part of ["workspace", "build", "job"]) {
    // What is set in the one has to be set in the other.
    row[part] = Object.fromEntries(
      Object.entries(row[part]).map(([key, value]) => [key, OWN.test(key) && value !== null ? "set" : value]),
    );
  }
  return row;
}

it("a finished claim is like one through the API in every column, before its build has run and after", async (t) => {
  const context = await givenContext(t);
  const parameters = { size: "small", region: "eu" };
  const pool = await givenReadyPool(t, context, { desired: 2, defaultTtl: 3_600_000_000_000, parameters });
  const plane = await givenControlPlane(t, context, pool);
  const { workspaceId, claimed } = await (await asking(context, pool))();
  assert.ok(claimed);
  const id = (await plane.claim()) ?? "";
  assert.equal((await planPools(context)).pools[0]?.plan.state.actual, 0, "the pool no longer counts it at once");
  await finishClaims(context, never);
  const [inSql, throughApi] = [await everythingOf(context, id), await everythingOf(context, workspaceId)];
  assert.deepEqual(inSql, throughApi);
  const written = { priority: PRIORITY.person, own: true, linked: true, agents: null };
  assert.partialDeepStrictEqual(inSql, { ...written, parameters: Object.entries(parameters).toSorted() });
  assert.partialDeepStrictEqual(inSql.workspace, { latest_job_status: "pending", agents_ready: false });

  const stages: string[] = [];
  const build = async (request: { readonly stage: string }) => {
    stages.push(request.stage);
    return { ok: true as const, state: null, agents: [{ name: "main", ready: true }] };
  };
  givenWorker(t, context, { driver: { build, isReady: async () => true } });
  await settled(context);
  assert.deepEqual(stages, ["claim", "claim"]);
  const after = await everythingOf(context, id);
  assert.deepEqual(after, await everythingOf(context, workspaceId));
  assert.partialDeepStrictEqual(after.workspace, { latest_job_status: "succeeded", agents_ready: true });
  assert.equal(after.build.deadline, "set");
});

it("two replicas that look at the same time finish each of 120 claims once", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 120 });
  const plane = await givenControlPlane(t, context, pool);
  await Promise.all(Array.from({ length: 120 }, () => givenPrebuild(context, pool)));
  await plane.client.query("begin");
  for (let n = 0; n < 120; n += 1) assert.ok(await plane.claim());
  await plane.client.query("commit");
  await Promise.all([finishClaims(context, never), finishClaims(context, never)]);
  await finishClaims(context, never);
  assert.equal(await count(context, CLAIM_BUILDS), 120);
  assert.equal(await count(context, "workspace_builds"), 240);
  const queued = "pgboss.job q join provisioner_jobs j on q.data->>'subjectId' = j.id::text where q.state = 'created'";
  assert.equal(await count(context, queued), 120);
  assert.equal(await count(context, "unfinished_claims"), 0);
});

it("a replica that dies while it finishes a claim leaves all of it to the next one", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context);
  await givenPrebuild(context, pool);
  const plane = await givenControlPlane(t, context, pool);
  await plane.claim();
  const add: Context["queue"]["add"] = async (client) => {
    await client.query("select pg_terminate_backend(pg_backend_pid())");
  };
  await assert.rejects(finishClaims({ ...context, queue: { ...context.queue, add } }, never));
  assert.equal(await count(context, CLAIM_BUILDS), 0);
  assert.equal(await count(context, "unfinished_claims"), 1);
  await finishClaims(context, never);
  assert.equal(await count(context, CLAIM_BUILDS), 1);
});

it("a claimed workspace that is deleted or has had another build meanwhile gets no claim build, and the log says so", async (t) => {
  const lines: { readonly level: string; readonly workspace: string }[] = [];
  const log = createLogger("warn", { write: (line) => void lines.push(JSON.parse(line)) });
  const context = { ...(await givenContext(t)), log };
  const pool = await givenPool(context, { desired: 5 });
  const plane = await givenControlPlane(t, context, pool);
  for (let n = 0; n < 5; n += 1) await givenPrebuild(context, pool);
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1) ids.push((await plane.claim()) ?? "");
  const [deleted = "", stopped = "", running = "", again = "", untouched = ""] = ids;
  await context.pool.query("update workspaces set deleted = true where id = $1", [deleted]);
  const own = { initiatorId: plane.userId };
  await givenBuild(context, stopped, pool, { ...own, transition: "stop", status: "succeeded" });
  await givenBuild(context, running, pool, { ...own, transition: "start", status: "running" });
  const jobId = await givenBuild(context, again, pool, { ...own, transition: "start", status: "succeeded" });
  await context.pool.query(`update provisioner_jobs set input = '{"prebuilt_workspace_stage": "none"}' where id = $1`, [
    jobId,
  ]);
  await finishClaims(context, never);
  const { rows } = await context.pool.query(
    "select b.workspace_id from provisioner_jobs j join workspace_builds b on b.job_id = j.id where input->>'prebuilt_workspace_stage' = 'claim'",
  );
  assert.deepEqual(rows, [{ workspace_id: untouched }]);
  const told = lines.map(({ level, workspace }) => `${level} ${workspace}`);
  assert.deepEqual(told.toSorted(), [deleted, stopped, running, again].map((id) => `warn ${id}`).toSorted());
  assert.equal(await count(context, "unfinished_claims"), 0, "each is told once");
});

it("a claimed workspace that somebody holds does not hold up the others, and is finished when it is free", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 2 });
  const plane = await givenControlPlane(t, context, pool);
  for (let n = 0; n < 2; n += 1) await givenPrebuild(context, pool);
  const [held] = [await plane.claim(), await plane.claim()];
  await plane.client.query("begin");
  await plane.client.query("select from workspaces where id = $1 for update", [held]);
  await finishClaims(context, never);
  assert.equal(await count(context, CLAIM_BUILDS), 1);
  await plane.client.query("commit");
  await finishClaims(context, never);
  assert.equal(await count(context, CLAIM_BUILDS), 2);
});

it("finishing a claim wakes the workers and the pools, so that the pool is refilled", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 1 });
  const plane = await givenControlPlane(t, context, pool);
  await plane.claim();
  const woken: string[] = [];
  const wake = { ...context.wake, jobs: () => woken.push("jobs"), pools: () => woken.push("pools") };
  await finishClaims({ ...context, wake }, never);
  assert.deepEqual(woken.toSorted(), ["jobs", "pools"]);
  await finishClaims({ ...context, wake }, never);
  assert.equal(woken.length, 2, "and nobody when there is nothing to finish");
  await runPass(context, never);
  assert.equal(await count(context, "workspaces where owner_id <> $1", [plane.userId]), 1);
});
