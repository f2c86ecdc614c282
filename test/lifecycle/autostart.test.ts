import assert from "node:assert/strict";
import { test } from "node:test";
import { givenWorkspace, givenWorkspaces } from "./given-workspaces.ts";
import { assertDone, givenLifecycle, onlyPrebuild } from "./support.ts";

const EVERY_MORNING = "CRON_TZ=UTC 0 9 * * *";
const HALF_PAST_TWO = "CRON_TZ=Europe/Berlin 30 2 * * *";

test("TV-7 168: a prebuild starts by no schedule, and a claimed one that was stopped does at its slot", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z" });
  const prebuild = await onlyPrebuild(world);
  await world.build(prebuild, "stop");
  assertDone(await world.tick("2024-01-01T09:00Z"), {});
  assert.partialDeepStrictEqual(await world.row(prebuild), { autostart_schedule: null, next_start_at: null });
  await world.build(prebuild, "start");
  world.clock.at("2024-01-01T11:00Z");
  const id = await world.claim({ autostartSchedule: EVERY_MORNING });
  const tomorrow = new Date("2024-01-02T09:00Z");
  assert.deepEqual((await world.row(id)).next_start_at, tomorrow);
  await world.build(id, "stop");
  assert.deepEqual((await world.row(id)).next_start_at, tomorrow);
  assertDone(await world.tick("2024-01-02T08:59Z"), {});
  assertDone(await world.tick("2024-01-02T09:01Z"), { autostart: 1 });
  assert.equal((await world.builds(id)).at(-1), "start autostart succeeded");
  assert.deepEqual((await world.row(id)).next_start_at, new Date("2024-01-03T09:00Z"));
});

test("LIF-04: a claimed workspace that was stopped starts in the minute of its slot, once", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z" });
  const id = await world.claim({ autostartSchedule: EVERY_MORNING });
  await world.build(id, "stop");
  assertDone(await world.tick("2024-01-01T08:59:59Z"), {});
  assertDone(await world.tick("2024-01-01T09:00Z"), { autostart: 1 });
  assertDone(await world.tick("2024-01-01T09:01Z"), {});
  assert.equal((await world.builds(id)).at(-1), "start autostart succeeded");
});

test("a workspace that somebody stops after its slot is not started again on the same day", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const due = { transition: "stop", autostart: EVERY_MORNING, nextStartAt: "2024-01-01T09:00Z" } as const;
  const id = await givenWorkspace(world, due);
  assertDone(await world.tick("2024-01-01T09:00Z"), { autostart: 1 });
  world.clock.at("2024-01-01T09:30Z");
  await world.build(id, "stop");
  assertDone(await world.tick("2024-01-01T09:31Z"), {});
  // Whoever writes a stale time changes nothing about it.
  await world.context.pool.query("update workspaces set next_start_at = '2024-01-01T09:00Z'");
  assertDone(await world.tick("2024-01-01T09:32Z"), {});
  assertDone(await world.tick("2024-01-02T09:00Z"), { autostart: 1 });
});

test("nothing starts by itself without the template's leave, or while it is dormant or runs", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 0,
    template: { allow_user_autostart: false },
  });
  const slot = { autostart: EVERY_MORNING, nextStartAt: "2024-01-01T09:00Z" };
  const due = { ...slot, transition: "stop", builtAt: "2024-01-01T08:00Z" } as const;
  await givenWorkspaces(world, { ...due, count: 3 });
  assertDone(await world.tick("2024-01-01T09:00Z"), {});
  await world.template({ allow_user_autostart: true });
  await givenWorkspaces(world, { ...due, dormantAt: "2024-01-01T08:00Z" });
  await givenWorkspaces(world, { ...due, transition: "start" });
  await givenWorkspaces(world, { ...due, transition: "delete", deleted: true });
  await givenWorkspaces(world, { ...due, status: "failed" });
  assertDone(await world.tick("2024-01-01T09:01Z"), { autostart: 3 });
});

for (const { title, from, until, starts } of [
  {
    title: "leaves it out",
    from: "2024-03-29T12:00Z",
    until: "2024-04-01T06:00Z",
    starts: ["2024-03-30T01:30Z", "2024-03-31T01:00Z", "2024-04-01T00:30Z"],
  },
  {
    title: "has it twice",
    from: "2024-10-25T12:00Z",
    until: "2024-10-28T06:00Z",
    starts: ["2024-10-26T00:30Z", "2024-10-27T00:30Z", "2024-10-28T01:30Z"],
  },
]) {
  test(`a workspace starts once a day at half past two, also on the day whose clock ${title}`, async (t) => {
    const world = await givenLifecycle(t, { at: from, desired: 0 });
    const id = await givenWorkspace(world, { transition: "stop", autostart: HALF_PAST_TWO, ttlMs: 20 * 60_000 });
    for (; world.clock.now() < new Date(until); ) await world.tickIn(30);
    const { rows } = await world.context.pool.query<{ created_at: Date }>(
      "select created_at from workspace_builds where workspace_id = $1 and reason = 'autostart' order by created_at",
      [id],
    );
    assert.deepEqual(
      rows.map(({ created_at }) => created_at),
      starts.map((start) => new Date(start)),
    );
    const stops = (await world.builds(id)).filter((build) => build === "stop autostop succeeded");
    assert.equal(stops.length, 3, "each of them is stopped again before the clock shows the time once more");
  });
}
