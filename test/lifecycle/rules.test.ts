import assert from "node:assert/strict";
import { test } from "node:test";
import { finishClaims } from "../../src/prebuilds/finish-claims.ts";
import { givenControlPlane } from "../support/control-plane.ts";
import { givenUser } from "../support/given.ts";
import { givenWorkspace, givenWorkspaces } from "./given-workspaces.ts";
import { assertDone, givenLifecycle } from "./support.ts";

const HOUR_NS = 3_600_000_000_000;
const MORNING = { autostart: "CRON_TZ=UTC 0 9 * * *", nextStartAt: "2024-01-01T09:00Z" } as const;
const { signal } = new AbortController();

test("what is due for autostop and for dormancy at once is stopped first, and put to rest in the next minute", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 0,
    template: { time_til_dormant: HOUR_NS, time_til_dormant_autodelete: HOUR_NS },
  });
  const id = await givenWorkspace(world, { deadline: "2024-01-01T09:00Z" });
  assertDone(await world.tick("2024-01-01T09:01Z"), { autostop: 1 });
  assert.equal((await world.row(id)).dormant_at, null);
  assertDone(await world.tick("2024-01-01T09:02Z"), { dormancy: 1 });
  assert.deepEqual(await world.builds(id), ["start initiator succeeded", "stop autostop succeeded"]);
  const { dormant_at, deleting_at } = await world.row(id);
  assert.deepEqual([dormant_at, deleting_at], [new Date("2024-01-01T09:02Z"), new Date("2024-01-01T10:02Z")]);
  assertDone(await world.tick("2024-01-01T10:03Z"), { autodelete: 1 });
});

test("what is due to start and for dormancy at once is started, and its use counts from before", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 0,
    template: { time_til_dormant: HOUR_NS },
  });
  const id = await givenWorkspace(world, { transition: "stop", ...MORNING, lastUsedAt: "2024-01-01T07:00Z" });
  assertDone(await world.tick("2024-01-01T09:00Z"), { autostart: 1 });
  assertDone(await world.tick("2024-01-01T09:01Z"), { dormancy: 1 });
  assert.deepEqual((await world.builds(id)).slice(1), ["start autostart succeeded", "stop dormancy succeeded"]);
});

test("workspaces of a suspended user are stopped without any deadline, and do not start until the user is back", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const { pool } = world.context;
  const ownerId = await givenUser(world.context);
  const running = await givenWorkspace(world, { ownerId });
  const canceled = await givenWorkspace(world, { ownerId, status: "canceled" });
  const stopped = await givenWorkspace(world, { ownerId, transition: "stop", ...MORNING });
  const others = await givenWorkspace(world);
  await pool.query("update users set status = 'suspended' where id = $1", [ownerId]);
  assertDone(await world.tick("2024-01-01T09:00Z"), { autostop: 2 });
  for (const id of [running, canceled]) assert.equal((await world.builds(id)).at(-1), "stop autostop succeeded");
  assert.equal((await world.builds(others)).length, 1);
  for (const status of ["suspended", "dormant"]) {
    await pool.query("update users set status = $2 where id = $1", [ownerId, status]);
    assertDone(await world.tick("2024-01-01T09:01Z"), {});
  }
  await pool.query("update users set status = 'active' where id = $1", [ownerId]);
  assertDone(await world.tick("2024-01-01T09:02Z"), { autostart: 1 });
  assert.equal((await world.builds(stopped)).at(-1), "start autostart succeeded");
});

test("a canceled build counts as what it was to become: a start has no deadline, and a stop is started", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const start = await givenWorkspace(world, { status: "canceled", ttlMs: 3_600_000 });
  const stop = await givenWorkspace(world, { status: "canceled", transition: "stop", ...MORNING });
  assertDone(await world.tick("2024-01-01T12:00Z"), { autostart: 1 });
  assert.deepEqual(await world.builds(start), ["start initiator canceled"]);
  assert.equal((await world.builds(stop)).at(-1), "start autostart succeeded");
});

test("nothing is done with a workspace that has a build under way, whatever is due", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 0,
    idle: true,
    template: { time_til_dormant: HOUR_NS, time_til_dormant_autodelete: HOUR_NS, failure_ttl: HOUR_NS },
  });
  const ownerId = await givenUser(world.context);
  await world.context.pool.query("update users set status = 'suspended' where id = $1", [ownerId]);
  for (const status of ["pending", "running", "canceling"] as const) {
    const dormant = { dormantAt: "2024-01-01T07:00Z", deletingAt: "2024-01-01T08:00Z" } as const;
    await givenWorkspaces(world, { ownerId, status, deadline: "2024-01-01T08:00Z" });
    await givenWorkspaces(world, { status, deadline: "2024-01-01T08:00Z" });
    await givenWorkspaces(world, { status, transition: "stop", ...MORNING });
    await givenWorkspaces(world, { status, transition: "stop", ...dormant });
  }
  const { done, skipped } = await world.tick("2024-01-01T12:00Z");
  assert.deepEqual([done.size, skipped.size], [0, 0]);
});

test("nothing is done with workspaces that have been deleted", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 0,
    template: { time_til_dormant: HOUR_NS, time_til_dormant_autodelete: HOUR_NS, failure_ttl: HOUR_NS },
  });
  const dates = { ...MORNING, deadline: "2024-01-01T08:00Z", deleted: true, settled: false } as const;
  const dormant = { dormantAt: "2024-01-01T07:00Z", deletingAt: "2024-01-01T08:00Z" } as const;
  for (const transition of ["start", "stop", "delete"] as const) {
    for (const status of ["succeeded", "failed", "canceled"] as const) {
      await givenWorkspaces(world, { ...dates, transition, status });
      await givenWorkspaces(world, { ...dates, ...dormant, transition, status });
    }
  }
  const { done, skipped, repairs } = await world.tick("2024-01-05T09:00Z");
  assert.deepEqual([done.size, skipped.size], [0, 0]);
  assert.deepEqual(repairs, { prebuilds: 0, unsettled: 0, future: 0, unscheduled: 0 });
});

test("a workspace that was claimed in SQL is left alone until its claim build has ended", async (t) => {
  const world = await givenLifecycle(t, {
    at: new Date().toISOString(), // a claim in SQL goes by the server's clock
    template: { default_ttl: HOUR_NS, time_til_dormant: HOUR_NS },
  });
  const plane = await givenControlPlane(t, world.context, world.pool);
  const id = (await plane.claim()) ?? "";
  await world.context.pool.query("update users set status = 'suspended' where id = $1", [plane.userId]);
  const { done, skipped, repairs } = await world.tickIn(120);
  assert.deepEqual([done.size, [...skipped], repairs.unsettled], [0, [["not_due", 1]], 0]);
  assert.deepEqual(await world.builds(id), ["start initiator succeeded"]);
  assert.equal((await world.row(id)).deadline, null);

  await world.context.pool.query("update users set status = 'active' where id = $1", [plane.userId]);
  await finishClaims(world.context, signal);
  await world.settled();
  const claimed = await world.row(id);
  assert.deepEqual(claimed.deadline, new Date(world.clock.now().getTime() + 3_600_000));
  assertDone(await world.tickIn(61), { autostop: 1 });
  assertDone(await world.tickIn(1), { dormancy: 1 });
});
