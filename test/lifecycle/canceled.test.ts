import assert from "node:assert/strict";
import { test } from "node:test";
import { cancelBuild, queueBuild } from "../../src/workspaces/builds.ts";
import { givenWorker } from "../support/given.ts";
import { givenWorkspace } from "./given-workspaces.ts";
import { assertDone, givenIdleWorker, givenLifecycle, type LifecycleWorld } from "./support.ts";

const HOUR_NS = 3_600_000_000_000;
const MORNING = { autostart: "CRON_TZ=UTC 0 9 * * *", nextStartAt: "2024-01-01T09:00Z" } as const;
const { signal } = new AbortController();

/** Cancels the latest build, which waits. */
async function cancelLatest({ context }: LifecycleWorld, id: string): Promise<void> {
  const { rows } = await context.pool.query("select latest_build_id as id from workspaces where id = $1", [id]);
  await cancelBuild(context, { buildId: rows[0].id });
}

test("nobody gets around a deadline by canceling builds: it stays with the workspace until that is stopped", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, idle: true });
  await givenIdleWorker(world.context);
  const [deadline, maxDeadline] = ["2024-01-01T09:00Z", "2024-01-01T10:00Z"];
  const id = await givenWorkspace(world, { deadline, maxDeadline });
  const { executor, clock } = world;
  for (const transition of ["start", "stop", "delete"] as const) {
    await queueBuild(world.context, { workspaceId: id, transition, initiatorId: (await world.row(id)).owner_id });
    await cancelLatest(world, id);
    const row = await world.row(id);
    assert.deepEqual([row.deadline, row.max_deadline], [new Date(deadline), new Date(maxDeadline)], transition);
  }
  for (const at of ["2024-01-01T09:00Z", "2024-01-01T09:01Z"]) {
    clock.at(at);
    assertDone(await executor.tick(signal), { autostop: 1 });
    await cancelLatest(world, id);
  }
  clock.at("2024-01-01T09:02Z");
  assertDone(await executor.tick(signal), { autostop: 1 });
  const worker = givenWorker(t, world.context);
  worker.poke();
  await world.settled();
  const { deadline: none, max_deadline } = await world.row(id);
  assert.deepEqual([none, max_deadline], [null, null]);
});

test("a workspace whose stop has failed is stopped when it becomes dormant", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 0,
    template: { time_til_dormant: HOUR_NS },
  });
  const id = await givenWorkspace(world, { transition: "stop", status: "failed" });
  assertDone(await world.tick("2024-01-01T09:01Z"), { dormancy: 1 });
  assert.equal((await world.builds(id)).at(-1), "stop dormancy succeeded");
});

test("a deletion that somebody has canceled is repeated, because the workspace is still to go", async (t) => {
  const settings = { time_til_dormant_autodelete: HOUR_NS };
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, template: settings });
  const dormant = { dormantAt: "2024-01-01T06:00Z", deletingAt: "2024-01-01T07:00Z" };
  await givenWorkspace(world, { transition: "delete", status: "canceled", ...dormant });
  assertDone(await world.tick("2024-01-01T08:01Z"), { autodelete: 1 });
});

test("who starts a workspace uses it, and a start by its schedule is no use of it", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const id = await givenWorkspace(world, { transition: "stop", lastUsedAt: "2024-01-01T01:00Z" });
  const scheduled = await givenWorkspace(world, { transition: "stop", ...MORNING, lastUsedAt: "2024-01-01T01:00Z" });
  await world.build(id, "start");
  assert.deepEqual((await world.row(id)).last_used_at, new Date("2024-01-01T08:00Z"));
  assertDone(await world.tick("2024-01-01T09:00Z"), { autostart: 1 });
  assert.deepEqual((await world.row(scheduled)).last_used_at, new Date("2024-01-01T01:00Z"));
  await world.build(id, "stop");
  assert.deepEqual((await world.row(id)).last_used_at, new Date("2024-01-01T08:00Z"));
});
