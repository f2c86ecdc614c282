import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type { Context } from "../../src/context.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import type { BuildRequest, BuildResult, Driver } from "../../src/provisioner/driver.ts";
import { queueBuild } from "../../src/workspaces/builds.ts";
import { asking } from "../support/asking.ts";
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
import { givenReadyPool } from "../support/ready-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const never = new AbortController().signal;
const PLACES = 2;
const QUEUED = 500;

type Busy = {
  /** What the driver was asked to do, in the order in which it was asked: whose workspace, and what with it. */
  readonly begun: readonly string[];
  /** Ends the build that was begun first among those that run, and waits until another one has taken its place. */
  next(): Promise<string | undefined>;
};

/** A worker whose two places are taken by prebuilds that do not end, with hundreds more of them waiting. */
async function givenBusyWorker(t: TestContext, context: Context): Promise<Busy> {
  await givenPool(context, { desired: QUEUED });
  await runPass(context, never);
  assert.equal(await count(context, "provisioner_jobs where job_status = 'pending'"), QUEUED);

  const begun: string[] = [];
  const ending: (() => void)[] = [];
  let over = false;
  t.after(() => {
    over = true;
    for (const end of ending) end();
  });
  const build = async ({ workspace, transition }: BuildRequest): Promise<BuildResult> => {
    const latch = Promise.withResolvers<void>();
    begun.push(`${workspace.ownerName === "prebuilds" ? "prebuild" : "person"}: ${transition}`);
    ending.push(latch.resolve);
    if (!over) await latch.promise;
    return { ok: true, state: null, agents: transition === "start" ? [{ name: "main", ready: true }] : [] };
  };
  givenWorker(t, context, { concurrency: PLACES, driver: givenDriver({ build }) });
  await waitFor("both places to be taken", () => begun.length === PLACES || undefined);
  assert.deepEqual(begun, ["prebuild: start", "prebuild: start"]);
  let ended = 0;
  return {
    begun,
    async next() {
      ending[ended]?.();
      ended += 1;
      return waitFor("the free place to be taken", () => begun[PLACES + ended - 1]);
    },
  };
}

/** A workspace of a person's that runs. */
async function givenWorkspace(context: Context): Promise<{ workspaceId: string; initiatorId: string }> {
  const { workspaceId } = await (await asking(context, await withoutPool(context)))();
  return { workspaceId, initiatorId: await givenUser(context) };
}

const withoutPool = (context: Context): Promise<GivenPool> => givenPool(context, { desired: null });

it("SYS-19: a person's workspace takes the first place that becomes free, before the hundreds of prebuilds that came earlier", async (t) => {
  const context = await givenContext(t);
  const { begun, next } = await givenBusyWorker(t, context);
  const ask = await asking(context, await withoutPool(context));
  await ask();
  assert.equal(begun.length, PLACES, "nothing that runs is interrupted");
  assert.equal(await next(), "person: start");
  assert.equal(await next(), "prebuild: start");
  assert.equal(await count(context, "provisioner_jobs where job_status = 'pending'"), QUEUED - PLACES - 1);
});

it("a person's claim, stop and delete take the first places that become free, in the order in which they came", async (t) => {
  const context = await givenContext(t);
  const ready = await givenReadyPool(t, context, { desired: 1 });
  const stopped = await givenWorkspace(context);
  const deleted = await givenWorkspace(context);
  const first = givenWorker(t, context);
  await settled(context);
  await first.drain(5_000);

  const { next } = await givenBusyWorker(t, context);
  await queueBuild(context, { ...stopped, transition: "stop" });
  const claim = await (await asking(context, ready))();
  assert.ok(claim.claimed);
  await queueBuild(context, { ...deleted, transition: "delete" });
  assert.deepEqual(
    [await next(), await next(), await next(), await next()],
    ["person: stop", "person: start", "person: delete", "prebuild: start"],
  );
});

it("prebuilds are deleted before any are made, and people come before both", async (t) => {
  const context = await givenContext(t);
  const old = await givenReadyPool(t, context, { desired: 3 });
  const { next } = await givenBusyWorker(t, context);
  await context.pool.query("update template_version_presets set desired_instances = 0 where id = $1", [old.presetId]);
  await runPass(context, never);
  await (await asking(context, await withoutPool(context)))();
  assert.deepEqual(
    [await next(), await next(), await next(), await next(), await next()],
    ["person: start", "prebuild: delete", "prebuild: delete", "prebuild: delete", "prebuild: start"],
  );
});

it("what rules do with people's workspaces comes after what people ask for, and before anything of the pools", async (t) => {
  const context = await givenContext(t);
  const old = await givenReadyPool(t, context, { desired: 1 });
  const stopped = await givenWorkspace(context);
  const deleted = await givenWorkspace(context);
  const first = givenWorker(t, context);
  await settled(context);
  await first.drain(5_000);

  const { next } = await givenBusyWorker(t, context);
  await context.pool.query("update template_version_presets set desired_instances = 0 where id = $1", [old.presetId]);
  await runPass(context, never);
  await queueBuild(context, { ...stopped, transition: "stop", reason: "autostop" });
  await queueBuild(context, { ...deleted, transition: "delete", reason: "autodelete" });
  await (await asking(context, await withoutPool(context)))();
  assert.deepEqual(
    [await next(), await next(), await next(), await next(), await next()],
    ["person: start", "person: stop", "person: delete", "prebuild: delete", "prebuild: start"],
  );
});

it("194 of jobs that came by turns those of people are all done first, and each kind in the order in which it came", async (t) => {
  const context = await givenContext(t);
  const user = await asking(context, await withoutPool(context));
  const known = new Set<string>();
  const came = { people: [] as string[], prebuilds: [] as string[] };
  for (let turn = 0; turn < 5; turn += 1) {
    await givenPool(context);
    await runPass(context, never);
    const { rows } = await context.pool.query<{ id: string }>("select id from workspaces");
    came.prebuilds.push(...rows.map(({ id }) => id).filter((id) => !known.has(id)));
    const { workspaceId } = await user();
    came.people.push(workspaceId);
    for (const id of [...came.people, ...came.prebuilds]) known.add(id);
  }
  assert.deepEqual([came.people.length, came.prebuilds.length], [5, 5]);

  const begun: string[] = [];
  const driver = givenDriver();
  const build: Driver["build"] = (request, options) => {
    begun.push(request.workspace.id);
    return driver.build(request, options);
  };
  givenWorker(t, context, { concurrency: 1, driver: givenDriver({ build }) });
  await settled(context);
  assert.deepEqual(begun, [...came.people, ...came.prebuilds]);
});
