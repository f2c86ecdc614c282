import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openPool } from "../../src/db/connection.ts";
import { createExecutor, type TickResult } from "../../src/lifecycle/executor.ts";
import { queueBuild } from "../../src/workspaces/builds.ts";
import { asking } from "../support/asking.ts";
import { count, givenUser, silent } from "../support/given.ts";
import { builtFor, givenWorkspace, givenWorkspaces } from "./given-workspaces.ts";
import { assertDone, givenIdleWorker, givenLifecycle, type LifecycleWorld } from "./support.ts";

const { signal } = new AbortController();
const AT = "2024-01-01T09:00Z";
const DUE = { deadline: AT } as const;
const HOUR_NS = 3_600_000_000_000;

/** A world in which what is queued stays queued, so that whoever comes second finds it. */
async function givenQueueing(
  t: TestContext,
  template: Readonly<Record<string, unknown>> = {},
): Promise<LifecycleWorld> {
  const world = await givenLifecycle(t, { at: AT, desired: 0, idle: true, template });
  await givenIdleWorker(world.context);
  return world;
}

/** The executor of another replica: a pool and a memory of its own. */
function anotherExecutor(t: TestContext, { context, clock }: LifecycleWorld) {
  const pool = openPool(context.url, silent);
  t.after(() => pool.end());
  return createExecutor({ ...context, pool }, clock.monotonicMs);
}

function sum(results: readonly TickResult[], reason: "autostop" | "dormancy"): number {
  return results.reduce((total, { done }) => total + (done.get(reason) ?? 0), 0);
}

test("two executors at once stop each workspace once", async (t) => {
  const world = await givenQueueing(t);
  const ids = await givenWorkspaces(world, { ...DUE, count: 50 });
  const results = await Promise.all([world.executor, anotherExecutor(t, world)].map(({ tick }) => tick(signal)));
  assert.equal(sum(results, "autostop"), 50);
  assert.deepEqual(await builtFor(world, ids, "autostop"), { once: 50, more: 0 });
  assert.equal(await count(world.context, "provisioner_jobs where completed_at is null"), 50);
  for (const { skipped } of results) assert.equal(skipped.get("failed"), undefined);
});

test("ten executors at once put each workspace to rest once, with one build and one entry in the audit log", async (t) => {
  const world = await givenQueueing(t, { time_til_dormant: HOUR_NS });
  const ids = await givenWorkspaces(world, { count: 30, lastUsedAt: "2024-01-01T07:00Z" });
  const executors = Array.from({ length: 5 }, () => anotherExecutor(t, world));
  const results = await Promise.all([...executors, ...executors].map(({ tick }) => tick(signal)));
  assert.equal(sum(results, "dormancy"), 30);
  assert.deepEqual(await builtFor(world, ids, "dormancy"), { once: 30, more: 0 });
  assert.equal(await count(world.context, "audit_logs where action = 'write' and resource_type = 'workspace'"), 30);
  assert.equal(await count(world.context, "audit_logs where action = 'stop'"), 30);
});

test("each workspace is stopped once when owners stop theirs while two executors do", async (t) => {
  const world = await givenQueueing(t);
  const initiatorId = await givenUser(world.context);
  const ids = await givenWorkspaces(world, { ...DUE, count: 50, ownerId: initiatorId });
  const other = anotherExecutor(t, world);
  const pressed = ids.map((workspaceId) => queueBuild(world.context, { workspaceId, transition: "stop", initiatorId }));
  const [answers, ...results] = await Promise.all([
    Promise.allSettled(pressed),
    world.executor.tick(signal),
    other.tick(signal),
  ]);
  const stopped = answers.filter(({ status }) => status === "fulfilled").length;
  for (const answer of answers) {
    if (answer.status === "rejected") assert.equal(answer.reason.kind, "conflict");
  }
  assert.equal(stopped + sum(results, "autostop"), 50);
  const builds = "(select workspace_id, count(*) as n from workspace_builds where transition = 'stop' group by 1) x";
  assert.equal(await count(world.context, `${builds} where n = 1`), 50);
  assert.equal(ids.length, 50);
  for (const { skipped } of results) assert.equal(skipped.get("failed"), undefined);
});

test("LIF-18: a workspace on which another executor works is skipped, and done at the next tick", async (t) => {
  const world = await givenQueueing(t);
  const [held, free] = await givenWorkspaces(world, { ...DUE, count: 2 });
  const client = await world.context.pool.connect();
  await client.query("begin");
  await client.query("select pg_advisory_xact_lock(hashtextextended('lifecycle-executor:' || $1::text, 0))", [held]);
  const { done, skipped } = await world.executor.tick(signal);
  await client.query("rollback");
  client.release();
  assert.deepEqual([[...done], [...skipped]], [[["autostop", 1]], [["busy", 1]]]);
  assert.equal((await world.builds(held ?? "")).length, 1);
  assert.equal((await world.builds(free ?? "")).length, 2);
  assertDone(await world.executor.tick(signal), { autostop: 1 });
});

test("LIF-19: of two people who claim at once one gets the prebuild, the other a new workspace, and both are stopped", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", template: { default_ttl: HOUR_NS } });
  const asks = await Promise.all([1, 2].map(() => asking(world.context, world.pool)));
  const outcomes = await Promise.all(asks.map((ask) => ask()));
  assert.deepEqual(outcomes.map(({ claimed }) => claimed).toSorted(), [false, true]);
  await world.settled();
  for (const { workspaceId } of outcomes) {
    assert.deepEqual((await world.row(workspaceId)).deadline, new Date("2024-01-01T09:00Z"));
  }
  assertDone(await world.tick("2024-01-01T09:00Z"), { autostop: 2 });
});

test("a tick that is called off does nothing more", async (t) => {
  const world = await givenQueueing(t);
  const ids = await givenWorkspaces(world, { ...DUE, count: 5 });
  const { done, skipped } = await world.executor.tick(AbortSignal.abort());
  assert.deepEqual([done.size, skipped.size], [0, 0]);
  assert.deepEqual(await builtFor(world, ids, "autostop"), { once: 0, more: 0 });
});

test("a workspace whose template is deleted, or whose owner has left the organization, is stopped all the same", async (t) => {
  const world = await givenQueueing(t);
  const { context, pool } = world;
  const ownerId = await givenUser(context);
  const id = await givenWorkspace(world, { ...DUE, ownerId });
  await context.pool.query("delete from organization_members where user_id = $1", [ownerId]);
  await context.pool.query("update templates set deleted = true where id = $1", [pool.templateId]);
  assertDone(await world.executor.tick(signal), { autostop: 1 });
  assert.equal((await world.builds(id)).at(-1), "stop autostop pending");
});
