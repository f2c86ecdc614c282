import assert from "node:assert/strict";
import { it } from "node:test";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import type { BuildRequest } from "../../src/provisioner/driver.ts";
import { PRIORITY, WORK } from "../../src/provisioner/queue.ts";
import { cancelBuild, queueBuild } from "../../src/workspaces/builds.ts";
import { createWorkspace } from "../../src/workspaces/create.ts";
import { count, givenContext, givenDriver, givenPool, givenUser, givenWorker, settled } from "../support/given.ts";
import { givenReadyPool } from "../support/ready-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const never = new AbortController().signal;
const started = [{ name: "main", ready: true }];

it("people's builds go first, then deletions of prebuilds, then the making of prebuilds", async (t) => {
  const context = await givenContext(t);
  const old = await givenReadyPool(t, context, { desired: 2 });
  const fresh = await givenPool(context, { desired: 2 });
  await runPass(context, never);
  await context.pool.query("update template_version_presets set desired_instances = 0 where id = $1", [old.presetId]);
  await runPass(context, never);
  const ownerId = await givenUser(context);
  const { organizationId, templateId } = fresh;
  const person = {
    organizationId,
    templateId,
    ownerId,
    initiatorId: ownerId,
    actor: COMMAND_LINE,
    name: "mine",
    parameters: [],
    automaticUpdates: "never",
    waitMs: 0,
  } as const;
  await createWorkspace(context, person);

  const order: string[] = [];
  const build = async ({ transition, workspace }: BuildRequest) => {
    order.push(workspace.ownerName === "prebuilds" ? transition : "person");
    return { ok: true, state: null, agents: transition === "start" ? started : [] } as const;
  };
  givenWorker(t, context, { concurrency: 1, driver: givenDriver({ build }) });
  await settled(context);
  assert.deepEqual(order, ["person", "delete", "delete", "start", "start"]);
});

it("a worker runs as many builds at once as it may, and never more", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 7 });
  await runPass(context, never);
  let running = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const build = async () => {
    running += 1;
    most = Math.max(most, running);
    await gate.promise;
    running -= 1;
    return { ok: true, state: null, agents: started } as const;
  };
  givenWorker(t, context, { concurrency: 3, driver: givenDriver({ build }) });
  await waitFor("three builds to run", () => running === 3 || undefined);
  gate.resolve();
  await settled(context);
  assert.equal(most, 3);
});

it("a build's lines are stored in order while it runs, and its error at the end", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const gate = Promise.withResolvers<void>();
  givenWorker(t, context, {
    driver: givenDriver({
      build: async (_request, { log }) => {
        for (let n = 1; n <= 1_200; n += 1) log({ level: "info", stage: "start", output: `line ${n}` });
        await gate.promise;
        return { ok: false, state: Buffer.from("half"), error: "the disk is full" };
      },
    }),
  });
  await waitFor(
    "the lines, before the build has ended",
    async () => (await count(context, "provisioner_job_logs")) === 1_200 || undefined,
  );
  gate.resolve();
  await settled(context);
  const { rows } = await context.pool.query<{ level: string; output: string }>(
    "select level, output from provisioner_job_logs order by id",
  );
  assert.deepEqual(
    rows.slice(0, 1_200).map((row) => row.output),
    Array.from({ length: 1_200 }, (_, n) => `line ${n + 1}`),
  );
  assert.deepEqual(rows.slice(1_200), [{ level: "error", output: "the disk is full" }]);
  const { rows: jobs } = await context.pool.query(
    "select j.job_status, j.error, b.provisioner_state from provisioner_jobs j join workspace_builds b on b.job_id = j.id",
  );
  assert.deepEqual(jobs, [{ job_status: "failed", error: "the disk is full", provisioner_state: Buffer.from("half") }]);
});

it("a build gets the state that the workspace's previous build left, and readiness is asked with its own", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const seen: string[] = [];
  const tell = (what: string, { state }: BuildRequest) => seen.push(`${what}: ${state?.toString() ?? "nothing"}`);
  givenWorker(t, context, {
    driver: {
      async build(request) {
        tell(request.transition, request);
        return {
          ok: true,
          state: Buffer.from(`after ${request.transition}`),
          agents: request.transition === "start" ? [{ name: "main", ready: false }] : [],
        };
      },
      async isReady(request) {
        tell("ready", request);
        return true;
      },
    },
  });
  await settled(context);
  const { rows } = await context.pool.query<{ id: string; owner_id: string }>("select id, owner_id from workspaces");
  const workspace = rows[0];
  assert.ok(workspace);
  await queueBuild(context, { workspaceId: workspace.id, transition: "stop", initiatorId: workspace.owner_id });
  await settled(context);
  assert.deepEqual(seen, ["start: nothing", "ready: after start", "stop: after start"]);
});

it("a workspace is ready only when its driver has said so", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  let ready = false;
  givenWorker(t, context, {
    driver: givenDriver({
      build: async () => ({ ok: true, state: null, agents: [{ name: "main", ready: false }] }),
      isReady: async () => ready,
    }),
  });
  await waitFor(
    "the build to end",
    async () => (await count(context, "provisioner_jobs where job_status = 'succeeded'")) === 1 || undefined,
  );
  const { pools } = await runPass(context, never);
  assert.deepEqual([pools[0]?.plan.state.actual, pools[0]?.plan.state.eligible], [1, 0]);
  ready = true;
  await settled(context);
  assert.equal((await runPass(context, never)).pools[0]?.plan.state.eligible, 1);
});

it("a build that waits is canceled at once and never run; one that runs is stopped", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2 });
  await runPass(context, never);
  const { rows } = await context.pool.query<{ id: string }>("select id from workspace_builds order by id");
  const [waiting, running] = rows;
  assert.ok(waiting && running);
  await cancelBuild(context, { buildId: waiting.id });
  assert.equal(await count(context, "provisioner_jobs where job_status = 'canceled'"), 1);

  const begun: string[] = [];
  const worker = givenWorker(t, context, {
    driver: givenDriver({
      build: ({ buildId }, { signal }) =>
        new Promise((resolve) => {
          begun.push(buildId);
          signal.addEventListener("abort", () => resolve({ ok: false, state: null, error: "canceled" }));
        }),
    }),
  });
  await waitFor("the other build to run", () => begun.length === 1 || undefined);
  await cancelBuild(context, { buildId: running.id });
  const { rows: jobs } = await context.pool.query<{ id: string; job_status: string }>(
    "select id, job_status from provisioner_jobs where completed_at is null",
  );
  assert.equal(jobs[0]?.job_status, "canceling");
  worker.cancel(jobs[0]?.id ?? "");
  await settled(context);
  assert.deepEqual(begun, [running.id]);
  assert.equal(await count(context, "provisioner_jobs where job_status = 'canceled'"), 2);
  await assert.rejects(cancelBuild(context, { buildId: running.id }), /ended or is being canceled/);
});

it("a cancellation whose notification was lost is noticed all the same", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  let begun = false;
  givenWorker(t, context, {
    driver: givenDriver({
      build: (_request, { signal }) =>
        new Promise((resolve) => {
          begun = true;
          signal.addEventListener("abort", () => resolve({ ok: false, state: null, error: "canceled" }));
        }),
    }),
  });
  await waitFor("the build to run", () => begun || undefined);
  await context.pool.query("update provisioner_jobs set canceled_at = now()");
  await settled(context);
  assert.equal(await count(context, "provisioner_jobs where job_status = 'canceled'"), 1);
});

it("a worker that has lost its job to another one writes nothing for it", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const gate = Promise.withResolvers<void>();
  let begun = false;
  const worker = givenWorker(t, context, {
    driver: givenDriver({
      build: async () => {
        begun = true;
        await gate.promise;
        return { ok: true, state: Buffer.from("late"), agents: started };
      },
    }),
  });
  await waitFor("the build to run", () => begun || undefined);
  await context.pool.query("update provisioner_jobs set worker_id = gen_random_uuid()");
  gate.resolve();
  await worker.drain(5_000);
  const { rows } = await context.pool.query(
    "select j.completed_at, b.provisioner_state from provisioner_jobs j join workspace_builds b on b.job_id = j.id",
  );
  assert.deepEqual(rows, [{ completed_at: null, provisioner_state: null }]);
});

it("a job that kills every worker is failed, so that nobody waits for it for ever", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const [item] = await context.queue.take(WORK.build, 1);
  assert.ok(item);
  await context.queue.add(context.pool, WORK.deadBuild, [item.subjectId], PRIORITY.person);
  givenWorker(t, context);
  await settled(context);
  assert.equal(
    await count(
      context,
      "provisioner_jobs where job_status = 'failed' and error like 'given up after too many attempts%'",
    ),
    1,
  );
});

it("a second build of a workspace is refused while one is under way", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const { rows } = await context.pool.query<{ id: string; owner_id: string }>("select id, owner_id from workspaces");
  const build = { workspaceId: rows[0]?.id ?? "", transition: "delete", initiatorId: rows[0]?.owner_id ?? "" } as const;
  await assert.rejects(queueBuild(context, build), /another build of this workspace is under way/);
});
