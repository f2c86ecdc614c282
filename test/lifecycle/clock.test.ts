import assert from "node:assert/strict";
import { test } from "node:test";
import { givenWorkspace, givenWorkspaces } from "./given-workspaces.ts";
import { assertDone, givenLifecycle } from "./support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const EVERY_MORNING = "CRON_TZ=UTC 0 9 * * *";
const START = new Date("2024-01-01T08:00Z");

/** Deadlines of twenty workspaces: at a quarter past eight, and every quarter of an hour from then on. */
const QUARTERS = Array.from({ length: 20 }, (_, index) => new Date(START.getTime() + (index + 1) * 15 * MINUTE_MS));

test("a clock that jumps ahead stops nobody before time, until it has run steadily for half an hour", async (t) => {
  const world = await givenLifecycle(t, { at: START.toISOString(), desired: 0 });
  await givenWorkspaces(world, { count: 20, deadline: QUARTERS });
  assertDone(await world.tickIn(0), {});
  world.clock.jump(5 * HOUR_MS);
  assertDone(await world.tickIn(1), {});
  assert.match(world.logged.at(-1)?.msg ?? "", /^the clock has jumped by 5.0 h; what stops or deletes workspaces/);
  assertDone(await world.tickIn(13), {});
  // Who would be due without the jump too is stopped.
  assertDone(await world.tickIn(1), { autostop: 1 });
  assertDone(await world.tickIn(15), { autostop: 1 });
  assertDone(await world.tickIn(1), { autostop: 18 });
});

test("autostarts that a jump ahead has skipped happen at once, and once", async (t) => {
  const world = await givenLifecycle(t, { at: START.toISOString(), desired: 0 });
  const slot = { transition: "stop", autostart: EVERY_MORNING, nextStartAt: "2024-01-01T09:00Z" } as const;
  const ids = await givenWorkspaces(world, { ...slot, count: 5 });
  assertDone(await world.tickIn(0), {});
  world.clock.jump(5 * HOUR_MS);
  assertDone(await world.tickIn(1), { autostart: 5 });
  assertDone(await world.tickIn(1), {});
  for (const id of ids) assert.equal((await world.builds(id)).length, 2);
});

test("a clock that jumps ahead and back has stopped nobody", async (t) => {
  const world = await givenLifecycle(t, { at: START.toISOString(), desired: 0 });
  await givenWorkspaces(world, { count: 20, deadline: QUARTERS });
  assertDone(await world.tickIn(0), {});
  world.clock.jump(5 * HOUR_MS);
  assertDone(await world.tickIn(5), {});
  world.clock.jump(-5 * HOUR_MS);
  const back = await world.tickIn(5);
  assertDone(back, {});
  assert.equal(back.repairs.future, 0);
  assertDone(await world.tickIn(5), { autostop: 1 });
  assertDone(await world.tickIn(15), { autostop: 1 });
});

test("dormancy and deletion do not go by a clock that has just jumped either", async (t) => {
  const template = { time_til_dormant: HOUR_MS * 1e6, time_til_dormant_autodelete: HOUR_MS * 1e6 };
  const world = await givenLifecycle(t, {
    at: START.toISOString(),
    desired: 0,
    template: { ...template, failure_ttl: 1 },
  });
  await givenWorkspace(world);
  const dormant = { transition: "stop", dormantAt: START, deletingAt: "2024-01-01T09:00Z" } as const;
  const id = await givenWorkspace(world, dormant);
  assertDone(await world.tickIn(0), {});
  world.clock.jump(30 * 24 * HOUR_MS);
  assertDone(await world.tickIn(1), {});
  world.clock.jump(-30 * 24 * HOUR_MS);
  assertDone(await world.tickIn(58), {});
  assert.equal((await world.row(id)).deleted, false);
  assertDone(await world.tickIn(2), { dormancy: 1, autodelete: 1 });
});

test("a clock that is put back brings back the dates that came from the future", async (t) => {
  const world = await givenLifecycle(t, { at: START.toISOString(), desired: 0 });
  const own = { ttlMs: 2 * HOUR_MS, transition: "stop" } as const;
  const started = await givenWorkspace(world, own);
  const morning = await givenWorkspace(world, { ...own, autostart: EVERY_MORNING, nextStartAt: "2024-01-01T09:00Z" });
  const stopped = await givenWorkspace(world, { ...own, autostart: EVERY_MORNING, nextStartAt: "2024-01-01T09:00Z" });
  assertDone(await world.tickIn(0), {});
  world.clock.jump(5 * HOUR_MS);
  assertDone(await world.tickIn(1), { autostart: 2 });
  await world.build(started, "start");
  await world.build(stopped, "stop");
  assert.deepEqual((await world.row(started)).deadline, new Date("2024-01-01T15:01Z"));
  assert.deepEqual((await world.row(stopped)).next_start_at, new Date("2024-01-02T09:00Z"));

  world.clock.jump(-5 * HOUR_MS);
  const back = await world.tickIn(1); // 08:02
  assertDone(back, {});
  assert.equal(back.repairs.future, 3);
  const told = world.logged.filter(({ msg }) =>
    /^the clock has jumped by -5.0 h; dates that follow from builds/.test(msg),
  );
  assert.equal(told.length, 1);
  assert.deepEqual((await world.row(started)).deadline, new Date("2024-01-01T10:02Z"));
  assert.deepEqual((await world.row(stopped)).next_start_at, new Date("2024-01-01T09:00Z"));
  assert.equal((await world.tickIn(1)).repairs.future, 0);

  assertDone(await world.tick("2024-01-01T09:00Z"), { autostart: 1 });
  const starts = async (id: string) => (await world.builds(id)).filter((build) => build.startsWith("start autostart"));
  assert.equal((await starts(morning)).length, 1, "what runs already does not start again");
  assert.equal((await starts(stopped)).length, 2, "the slot of today is not lost");
  assertDone(await world.tick("2024-01-01T09:01Z"), {});
  assertDone(await world.tick("2024-01-01T10:02Z"), { autostop: 1 });
});

test("after ten minutes in which the process stood still, all that became due is done", async (t) => {
  const world = await givenLifecycle(t, { at: START.toISOString(), desired: 0 });
  const deadlines = QUARTERS.map((_, index) => new Date(START.getTime() + (index % 10) * MINUTE_MS + 1));
  await givenWorkspaces(world, { count: 20, deadline: deadlines });
  const slot = { transition: "stop", autostart: "CRON_TZ=UTC 5 8 * * *", nextStartAt: "2024-01-01T08:05Z" } as const;
  await givenWorkspaces(world, { ...slot, count: 5 });
  assertDone(await world.tickIn(0), {});
  assertDone(await world.tickIn(10), { autostop: 20, autostart: 5 });
});
