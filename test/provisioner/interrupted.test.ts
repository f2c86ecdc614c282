import assert from "node:assert/strict";
import { it } from "node:test";
import type { Context } from "../../src/context.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import type { BuildRequest, BuildResult, Driver } from "../../src/provisioner/driver.ts";
import { cancelBuild, queueBuild } from "../../src/workspaces/builds.ts";
import { count, givenContext, givenDriver, givenPool, givenWorker, settled } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

const never = new AbortController().signal;
const agents = [{ name: "main", ready: true }];

async function onlyWorkspace({ pool }: Context): Promise<{ id: string; ownerId: string }> {
  const { rows } = await pool.query<{ id: string; owner_id: string }>("select id, owner_id from workspaces");
  assert.equal(rows.length, 1);
  return { id: rows[0]?.id ?? "", ownerId: rows[0]?.owner_id ?? "" };
}

it("a build that was canceled before it ran does not hide the state that the next one needs", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const seen: string[] = [];
  const build = async ({ transition, state }: BuildRequest): Promise<BuildResult> => {
    seen.push(`${transition}: ${state?.toString() ?? "nothing"}`);
    return {
      ok: true,
      state: transition === "delete" ? null : Buffer.from("a machine"),
      agents: transition === "start" ? agents : [],
    };
  };
  const first = givenWorker(t, context, { driver: givenDriver({ build }) });
  await settled(context);
  await first.drain(5_000);

  const workspace = await onlyWorkspace(context);
  const { buildId } = await queueBuild(context, {
    workspaceId: workspace.id,
    transition: "stop",
    initiatorId: workspace.ownerId,
  });
  await cancelBuild(context, { buildId });
  await queueBuild(context, { workspaceId: workspace.id, transition: "delete", initiatorId: workspace.ownerId });
  givenWorker(t, context, { driver: givenDriver({ build }) });
  await settled(context);
  assert.deepEqual(seen, ["start: nothing", "delete: a machine"]);
});

it("a build that left nothing behind says so to the next one", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const seen: (string | undefined)[] = [];
  const build = async ({ transition, state }: BuildRequest): Promise<BuildResult> => {
    seen.push(state?.toString());
    return {
      ok: true,
      state: transition === "start" && seen.length === 1 ? Buffer.from("a machine") : null,
      agents: [],
    };
  };
  givenWorker(t, context, { driver: givenDriver({ build }) });
  await settled(context);
  const { id: workspaceId, ownerId: initiatorId } = await onlyWorkspace(context);
  for (const transition of ["stop", "start"] as const) {
    await queueBuild(context, { workspaceId, transition, initiatorId });
    await settled(context);
  }
  assert.deepEqual(seen, [undefined, "a machine", undefined]);
});

it("a worker that seemed dead and takes its own job again goes on with it and does not run it twice", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const build = async (): Promise<BuildResult> => {
    runs += 1;
    await gate.promise;
    return { ok: true, state: null, agents };
  };
  const worker = givenWorker(t, context, { driver: givenDriver({ build }) });
  await waitFor("the build to run", () => runs === 1 || undefined);
  // What the queue's upkeep does with work whose heartbeat has stopped.
  await context.pool.query("update pgboss.job set state = 'retry' where state = 'active' and name = 'prebuildd.build'");
  worker.poke();
  await waitFor(
    "the job to be taken again",
    async () => (await count(context, "pgboss.job where state = 'active' and retry_count = 1")) === 1 || undefined,
  );
  assert.equal(worker.running, 1);
  gate.resolve();
  await settled(context);
  assert.equal(runs, 1);
  assert.equal(
    await count(context, "pgboss.job where name = 'prebuildd.build' and state = 'completed'"),
    1,
    "the second taking is settled too",
  );
});

it("a job that its worker has taken but not begun yet is not taken for another worker's", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const blocker = await context.pool.connect();
  t.after(() => blocker.release(true));
  await blocker.query("begin");
  await blocker.query("select from provisioner_jobs for update");
  const abortedAtStart: boolean[] = [];
  const build: Driver["build"] = async (_, { signal }) => {
    abortedAtStart.push(signal.aborted);
    return signal.aborted ? { ok: false, state: null, error: "aborted" } : { ok: true, state: null, agents };
  };
  givenWorker(t, context, { driver: givenDriver({ build }) });
  await waitFor(
    "the worker to look after what it has taken",
    async () => (await count(context, "pgboss.job where heartbeat_on > started_on")) === 1 || undefined,
  );
  await blocker.query("commit");
  await waitFor("the build to run", () => abortedAtStart.length > 0 || undefined);
  assert.deepEqual(abortedAtStart, [false]);
  await settled(context);
});

it("an outcome that cannot be stored at first is stored later, and the driver does not run again", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  let runs = 0;
  const build = async (): Promise<BuildResult> => {
    runs += 1;
    await context.pool.query("alter table workspace_agents rename to elsewhere");
    return { ok: true, state: Buffer.from("a machine"), agents };
  };
  const warned: string[] = [];
  const log = context.log.child({});
  log.warn = (_fields: unknown, text?: string) => warned.push(text ?? "");
  log.child = () => log as never;
  givenWorker(t, { ...context, log }, { driver: givenDriver({ build }) });
  await waitFor("the first failure", () => warned.find((text) => text.includes("could not be stored")));
  await context.pool.query("alter table elsewhere rename to workspace_agents");
  await settled(context);
  assert.equal(runs, 1);
  assert.equal(await count(context, "workspaces where agents_ready"), 1);
});

it("a worker that cannot ask for readiness asks again", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  let asked = 0;
  const isReady = async (): Promise<boolean> => {
    asked += 1;
    if (asked < 3) throw new Error("no space left on device");
    return true;
  };
  const build = async (): Promise<BuildResult> => ({ ok: true, state: null, agents: [{ name: "main", ready: false }] });
  givenWorker(t, context, { driver: { build, isReady } });
  await settled(context);
  assert.equal(asked, 3);
  assert.equal(await count(context, "workspaces where agents_ready"), 1);
});

it("a build that succeeds while it is being canceled has succeeded", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const build = async (): Promise<BuildResult> => {
    await context.pool.query("update provisioner_jobs set canceled_at = now()");
    return { ok: true, state: null, agents };
  };
  givenWorker(t, context, { driver: givenDriver({ build }) });
  await settled(context);
  assert.equal(await count(context, "provisioner_jobs where job_status = 'succeeded'"), 1);
  assert.equal((await runPass(context, never)).pools[0]?.plan.state.eligible, 1);
});

it("two agents that become ready at the same moment make their workspace ready", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  const both = [
    { name: "one", ready: true },
    { name: "two", ready: true },
  ];
  givenWorker(t, context, { driver: givenDriver({ build: async () => ({ ok: true, state: null, agents: both }) }) });
  await settled(context);
  const { rows } = await context.pool.query<{ id: string }>(
    "update workspace_agents set lifecycle_state = 'starting' returning id",
  );
  const clients = await Promise.all(rows.map(() => context.pool.connect()));
  const ready = async (n: number) => {
    await clients[n]?.query("begin");
    await clients[n]?.query("update workspace_agents set lifecycle_state = 'ready' where id = $1", [rows[n]?.id]);
  };
  await ready(0);
  const second = ready(1);
  await waitFor(
    "the second to wait for the first",
    async () =>
      (await count(context, "pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")) ===
        1 || undefined,
  );
  await clients[0]?.query("commit");
  await second;
  await clients[1]?.query("commit");
  for (const client of clients) client.release();
  assert.equal(await count(context, "workspaces where agents_ready"), 1);
});

it("a worker that stops writes no state for a build that another one has taken over", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  let begun = false;
  const worker = givenWorker(t, context, {
    driver: givenDriver({
      build: (_request, { signal }) =>
        new Promise((resolve) => {
          begun = true;
          const stale: BuildResult = { ok: false, state: Buffer.from("stale"), error: "stopped" };
          signal.addEventListener("abort", () => resolve(stale));
        }),
    }),
  });
  await waitFor("the build to run", () => begun || undefined);
  await context.pool.query("update provisioner_jobs set worker_id = gen_random_uuid()");
  await worker.drain(1);
  assert.equal(await count(context, "workspace_builds where provisioner_state is not null"), 0);
});
