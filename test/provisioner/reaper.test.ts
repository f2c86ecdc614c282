import assert from "node:assert/strict";
import { it } from "node:test";
import type { Context } from "../../src/context.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import type { BuildResult } from "../../src/provisioner/driver.ts";
import { PRIORITY, WORK } from "../../src/provisioner/queue.ts";
import { reapLostWork } from "../../src/provisioner/reaper.ts";
import { readUnfinishedJobs } from "../../src/provisioner/reaper-store.ts";
import { queueBuild } from "../../src/workspaces/builds.ts";
import { asking } from "../support/asking.ts";
import { count, givenContext, givenDriver, givenPool, givenWorker, settled } from "../support/given.ts";
import { givenReadyPool } from "../support/ready-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const never = new AbortController().signal;
const GRACE = { olderThanMs: 60_000 };
const NOTHING = { builds: 0, imports: 0, readiness: 0 };

/** The same context a little more than the grace later. */
const later = (context: Context): Context => ({
  ...context,
  clock: { now: () => new Date(Date.now() + GRACE.olderThanMs + 1_000) },
});

const emptyQueue = ({ pool }: Context) => pool.query("delete from pgboss.job");

/** The items of a kind that are waiting or running, as priority and what they are about. */
async function openItems({ pool }: Context, kind: string): Promise<{ priority: number; subjectId: string }[]> {
  const { rows } = await pool.query<{ priority: number; subject_id: string }>(
    `select priority, data->>'subjectId' as subject_id from pgboss.job where name = $1 and state < 'completed'
     order by priority desc`,
    [kind],
  );
  return rows.map((row) => ({ priority: row.priority, subjectId: row.subject_id }));
}

it("builds whose queue rows are lost are put back with the priority that they had, and a worker ends them", async (t) => {
  const context = await givenContext(t);
  const old = await givenReadyPool(t, context, { desired: 1 });
  await context.pool.query("update template_version_presets set desired_instances = 0 where id = $1", [old.presetId]);
  const fresh = await givenPool(context, { desired: 1 });
  await runPass(context, never);
  await (await asking(context, await givenPool(context, { desired: null })))();
  await emptyQueue(context);

  assert.deepEqual(await reapLostWork(later(context), GRACE), { builds: 3, imports: 0, readiness: 0 });
  const { rows } = await context.pool.query<{ id: string; transition: string; prebuild: boolean }>(
    `select j.id, b.transition, w.created_as_prebuild as prebuild from provisioner_jobs j
     join workspace_builds b on b.job_id = j.id join workspaces w on w.id = b.workspace_id`,
  );
  const items = await openItems(context, WORK.build);
  assert.deepEqual(
    items.map(({ priority, subjectId }) => {
      const job = rows.find(({ id }) => id === subjectId);
      return [priority, job?.prebuild ? "prebuild" : "person", job?.transition];
    }),
    [
      [PRIORITY.person, "person", "start"],
      [PRIORITY.prebuildDelete, "prebuild", "delete"],
      [PRIORITY.prebuildCreate, "prebuild", "start"],
    ],
  );
  givenWorker(t, context);
  await settled(context);
  assert.equal(await count(context, "provisioner_jobs where job_status = 'succeeded'"), 4);
  assert.equal(await count(context, "workspaces where preset_id = $1 and agents_ready", [fresh.presetId]), 1);
});

it("a build that a rule of the lifecycle asked for is put back behind people's and before those of the pools", async (t) => {
  const context = await givenContext(t);
  const ask = await asking(context, await givenPool(context, { desired: null }));
  const { workspaceId } = await ask();
  const worker = givenWorker(t, context);
  await settled(context);
  await worker.drain(5_000);
  const { rows } = await context.pool.query<{ owner_id: string }>("select owner_id from workspaces");
  const initiatorId = rows[0]?.owner_id ?? "";
  await queueBuild(context, { workspaceId, transition: "stop", initiatorId, reason: "autostop" });
  await ask();
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const before = await openItems(context, WORK.build);
  assert.deepEqual(
    before.map(({ priority }) => priority),
    [100, 75, 10],
  );
  await emptyQueue(context);
  assert.deepEqual(await reapLostWork(later(context), GRACE), { builds: 3, imports: 0, readiness: 0 });
  assert.deepEqual(await openItems(context, WORK.build), before);
});

it("a build whose queue row was canceled or given up for good is put back", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2 });
  await runPass(context, never);
  await context.pool.query(
    `update pgboss.job set state = (case when id = (select min(id::text)::uuid from pgboss.job where name = $1)
       then 'cancelled' else 'failed' end)::pgboss.job_state, completed_on = now()
     where name = $1`,
    [WORK.build],
  );
  assert.deepEqual(await reapLostWork(later(context), GRACE), { builds: 2, imports: 0, readiness: 0 });
  givenWorker(t, context);
  await settled(context);
  assert.equal(await count(context, "provisioner_jobs where job_status = 'succeeded'"), 2);
});

it("builds that run at a worker, wait in the queue or lie among the dead letters are left alone", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 3 });
  await runPass(context, never);
  const [dead] = await context.queue.take(WORK.build, 1);
  assert.ok(dead);
  await context.queue.done(context.pool, WORK.build, dead);
  const gate = Promise.withResolvers<void>();
  t.after(() => gate.resolve());
  let running = 0;
  const build = async (): Promise<BuildResult> => {
    running += 1;
    await gate.promise;
    return { ok: true, state: null, agents: [{ name: "main", ready: true }] };
  };
  givenWorker(t, context, { concurrency: 1, driver: givenDriver({ build }) });
  await waitFor("a build to run", () => running === 1 || undefined);
  await context.queue.add(context.pool, WORK.deadBuild, [dead.subjectId], PRIORITY.person);
  assert.equal((await openItems(context, WORK.build)).length, 2, "one runs and one waits");
  assert.deepEqual(await reapLostWork(later(context), GRACE), NOTHING);
  gate.resolve();
  await settled(context);
  assert.equal(running, 2);
});

it("builds that are younger than the grace are left alone, since their worker may be about to end them", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2 });
  await runPass(context, never);
  await emptyQueue(context);
  assert.deepEqual(await reapLostWork(context, GRACE), NOTHING);
  await context.pool.query(
    "update provisioner_jobs set updated_at = $1 where id = (select min(id::text)::uuid from provisioner_jobs)",
    [later(context).clock.now()],
  );
  assert.deepEqual(
    await reapLostWork(later(context), GRACE),
    { builds: 1, imports: 0, readiness: 0 },
    "one was touched since",
  );
});

it("many reapers at once put each lost build back once", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 700 });
  await runPass(context, never);
  await emptyQueue(context);
  const reaped = await Promise.all(Array.from({ length: 6 }, () => reapLostWork(later(context), GRACE)));
  assert.equal(
    reaped.reduce((sum, { builds }) => sum + builds, 0),
    700,
  );
  const subjects = (await openItems(context, WORK.build)).map(({ subjectId }) => subjectId);
  assert.deepEqual([subjects.length, new Set(subjects).size], [700, 700]);
});

it("a build that ends while the reaper looks at it is not put back", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  await emptyQueue(context);
  const end = "update provisioner_jobs set started_at = now(), completed_at = now()";

  const worker = await context.pool.connect();
  await worker.query("begin");
  await worker.query(end);
  assert.deepEqual(await reapLostWork(later(context), GRACE), NOTHING, "its worker is just ending it");
  await worker.query("rollback");
  worker.release();

  const missing: Context["queue"]["missing"] = async (...asked) => {
    const answer = await context.queue.missing(...asked);
    await context.pool.query(end);
    return answer;
  };
  assert.deepEqual(await reapLostWork({ ...later(context), queue: { ...context.queue, missing } }, GRACE), NOTHING);
  assert.deepEqual(await openItems(context, WORK.build), []);
});

it("a canceled build that nobody concluded is put back, and the worker that takes it only concludes it", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  await context.pool.query("update provisioner_jobs set started_at = now(), canceled_at = now()");
  await emptyQueue(context);
  assert.deepEqual(await reapLostWork(later(context), GRACE), { builds: 1, imports: 0, readiness: 0 });
  let runs = 0;
  const build = async (): Promise<BuildResult> => {
    runs += 1;
    return { ok: true, state: null, agents: [] };
  };
  givenWorker(t, context, { driver: givenDriver({ build }) });
  await settled(context);
  assert.equal(await count(context, "provisioner_jobs where job_status = 'canceled'"), 1);
  assert.equal(runs, 0);
});

it("agents that are starting are asked again after the queue has lost them, unless nobody waits for them", async (t) => {
  const context = await givenContext(t);
  const ready = await givenReadyPool(t, context, { desired: 4 });
  const claimed = await (await asking(context, ready))();
  const worker = givenWorker(t, context);
  await settled(context);
  await worker.drain(5_000);
  const { rows } = await context.pool.query<{ id: string; owner_id: string }>(
    "select id, owner_id from workspaces where id <> $1",
    [claimed.workspaceId],
  );
  const [still, superseded, deleted] = rows;
  assert.ok(still && superseded && deleted);
  const waiting = [claimed.workspaceId, still.id];
  await context.pool.query("update workspace_agents set lifecycle_state = 'starting', ready_at = null");
  await context.pool.query("update workspaces set deleted = true where id = $1", [deleted.id]);
  const stop = { workspaceId: superseded.id, transition: "stop", initiatorId: superseded.owner_id } as const;
  await queueBuild(context, stop);

  assert.deepEqual(await reapLostWork(context, GRACE), NOTHING, "they are young");
  assert.deepEqual(await reapLostWork(later(context), GRACE), { builds: 0, imports: 0, readiness: 2 });
  assert.deepEqual(
    (await openItems(context, WORK.readiness)).map(({ priority }) => priority),
    [PRIORITY.person, PRIORITY.prebuildCreate],
  );
  assert.deepEqual(await reapLostWork(later(context), GRACE), NOTHING, "they are in the queue now");
  givenWorker(t, context);
  const readyOnes = () => count(context, "workspaces where id = any($1) and agents_ready", [waiting]);
  await waitFor("both to be ready", async () => (await readyOnes()) === 2 || undefined);
});

it("unfinished builds are found by their index, however many have ended", async (t) => {
  const context = await givenContext(t);
  await context.pool.query(
    `insert into provisioner_jobs (created_at, started_at, completed_at, organization_id, initiator_id, provisioner, type, input)
     select now(), now(), case when n > 10 then now() end, gen_random_uuid(), gen_random_uuid(), 'command',
       'workspace_build', '{}'
     from generate_series(1, 20000) as n`,
  );
  await context.pool.query("analyze provisioner_jobs");
  const plans: string[] = [];
  const query = async (text: string, values: unknown[]) => {
    const { rows } = await context.pool.query<{ "QUERY PLAN": string }>(`explain ${text}`, values);
    plans.push(...rows.map((row) => row["QUERY PLAN"]));
    return { rows: [] };
  };
  const explaining = Object.assign(Object.create(context.pool), { query });
  await readUnfinishedJobs(explaining, "workspace_build", later(context).clock.now());
  assert.match(plans.join("\n"), /Index Scan using provisioner_jobs_unfinished/);
});
it("a build that runs while the queue is emptied goes on, and its worker does not run it twice", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const gate = Promise.withResolvers<void>();
  t.after(() => gate.resolve());
  let runs = 0;
  const build = async (): Promise<BuildResult> => {
    runs += 1;
    await gate.promise;
    return { ok: true, state: null, agents: [{ name: "main", ready: true }] };
  };
  const worker = givenWorker(t, context, { driver: givenDriver({ build }) });
  await waitFor("the build to run", () => runs === 1 || undefined);
  await emptyQueue(context);
  assert.deepEqual(await reapLostWork(later(context), GRACE), { builds: 1, imports: 0, readiness: 0 });
  worker.poke();
  await waitFor(
    "the item to be taken",
    async () => (await count(context, "pgboss.job where state = 'active'")) === 1 || undefined,
  );
  assert.equal(worker.running, 1);
  gate.resolve();
  await settled(context);
  assert.equal(runs, 1);
  assert.equal(await count(context, "pgboss.job where state = 'completed'"), 1, "the second taking is settled");
});
