import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Driver } from "../../src/provisioner/driver.ts";
import { cancelBuild, queueBuild } from "../../src/workspaces/builds.ts";
import { count, givenContext, givenDriver, givenPool, givenUser, givenWorker, settled } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";
import { commitNew, costsOf, givenAllowance, givenCostly } from "./support.ts";

type Build = Driver["build"];

/** Somebody whose workspace costs all that they may spend, and a build of it that is queued. */
async function given(t: Parameters<typeof givenContext>[0], transition: "start" | "stop" | "delete" = "stop") {
  const context = await givenContext(t);
  const pool = await givenPool(context);
  const userId = await givenUser(context);
  await givenAllowance(context, pool, 10, [userId]);
  const { id } = await givenCostly(context, pool, 10, { ownerId: userId, initiatorId: userId });
  const { buildId } = await queueBuild(context, { workspaceId: id, transition, initiatorId: userId });
  return {
    ...{ context, id, buildId },
    worker: (build: Build) => givenWorker(t, context, { driver: givenDriver({ build }) }),
    /** Why the same person may not have another workspace. */
    another: async (cost: number) => (await commitNew(context, pool, userId, cost)) ?? "permitted",
  };
}

/** Commits a cost, and ends when it is given up. */
function hanging(cost: number) {
  const asked = Promise.withResolvers<void>();
  const build: Build = async ({ state }, { commitCost, signal }) => {
    assert.equal(await commitCost(cost), undefined);
    asked.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { ok: false, state, error: "given up" };
  };
  return { build, asked: asked.promise };
}

const ending =
  (cost: number, ok: boolean): Build =>
  async ({ state }, { commitCost }) => {
    assert.equal(await commitCost(cost), undefined);
    return ok ? { ok, state, agents: [] } : { ok, state, error: "the disk is full" };
  };

describe("what a build would give back", () => {
  it("is free when the build has succeeded, and not before", async (t) => {
    const { context, id, worker, another } = await given(t);
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    worker(async (request, acting) => {
      const result = await ending(4, true)(request, acting);
      asked.resolve();
      await gate.promise;
      return result;
    });
    await asked.promise;
    assert.deepEqual(await costsOf(context, id), [10, 4]);
    assert.match(await another(1), /cost 1 a day; .*, 10 are in use/);
    gate.resolve();
    await waitFor("the build to end", () => count(context, "workspaces where latest_job_status = 'succeeded'"));
    assert.deepEqual(await costsOf(context, id), [4, 4]);
    assert.equal(await another(6), "permitted");
    assert.match(await another(1), /10 are in use/);
  });

  it("stays in use when it fails, for what was there may still be", async (t) => {
    const { context, id, worker, another } = await given(t);
    worker(ending(0, false));
    await settled(context);
    assert.deepEqual(await costsOf(context, id), [10, 0]);
    assert.match(await another(1), /10 are in use/);
  });

  it("stays in use when it is canceled", async (t) => {
    const { context, id, buildId, worker, another } = await given(t);
    const { build, asked } = hanging(0);
    const running = worker(build);
    await asked;
    await cancelBuild(context, { buildId });
    const { rows } = await context.pool.query("select job_id from workspace_builds where id = $1", [buildId]);
    running.cancel(rows[0].job_id);
    await settled(context);
    assert.equal(await count(context, "workspaces where latest_job_status = 'canceled'"), 1);
    assert.deepEqual(await costsOf(context, id), [10, 0]);
    assert.match(await another(1), /10 are in use/);
  });

  it("is what the worker says that ended it, when another one had begun", async (t) => {
    const { context, id, worker } = await given(t);
    const { build, asked } = hanging(3);
    const first = worker(build);
    await asked;
    await first.drain(0);
    assert.deepEqual(await costsOf(context, id), [10, 3]);
    worker(ending(5, true));
    await settled(context);
    assert.deepEqual(await costsOf(context, id), [5, 5]);
  });

  it("is all of it after a deletion, which says nothing of costs", async (t) => {
    const { context, worker, another } = await given(t, "delete");
    worker(async () => ({ ok: true, state: null, agents: [] }));
    await settled(context);
    assert.equal(await another(10), "permitted");
  });
});

it("what a start that failed would have cost counts until a build has succeeded", async (t) => {
  const { context, id, worker, another } = await given(t, "start");
  await context.pool.query("update workspaces set daily_cost = 2 where id = $1", [id]);
  const first = worker(ending(9, false));
  await settled(context);
  await first.drain(5_000);
  assert.deepEqual(await costsOf(context, id), [9, 9]);
  assert.match(await another(2), /9 are in use/);
  const { rows } = await context.pool.query("select owner_id from workspaces where id = $1", [id]);
  await queueBuild(context, { workspaceId: id, transition: "start", initiatorId: rows[0].owner_id });
  worker(ending(2, true));
  await waitFor("the start to end", () =>
    count(context, "workspaces where id = $1 and latest_build_number = 3 and latest_job_status = 'succeeded'", [id]),
  );
  assert.deepEqual(await costsOf(context, id), [2, 2]);
});
