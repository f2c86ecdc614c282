import assert from "node:assert/strict";
import { test } from "node:test";
import { readLifecycle } from "../../src/lifecycle/facts-store.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { givenWorkspace } from "./given-workspaces.ts";
import { assertDone, givenLifecycle, onlyPrebuild } from "./support.ts";

const HOUR_NS = 3_600_000_000_000;
const FAILURE = { failure_ttl: 2 * HOUR_NS };

for (const { number, transition } of [
  { number: "TV-7 170", transition: "stop" },
  { number: "LIF-07", transition: "start" },
] as const) {
  test(`${number}: a prebuild whose ${transition} has failed is not stopped by the lifecycle, however long ago`, async (t) => {
    const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, template: FAILURE });
    const { id } = await givenPrebuild(world.context, world.pool, { transition, status: "failed" });
    const before = await world.builds(id);
    assertDone(await world.tick("2024-01-01T12:00Z"), {});
    assertDone(await world.tick("2024-02-01T12:00Z"), {});
    assert.deepEqual(await world.builds(id), before);
  });
}

test("LIF-11: a prebuild has no deadlines when its build has ended, whatever the template demands", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    template: { max_ttl: 2 * HOUR_NS, default_ttl: HOUR_NS, autostop_requirement_days: 127 },
  });
  const id = await onlyPrebuild(world);
  const none = { deadline: null, max_deadline: null, next_start_at: null, ttl: null };
  assert.partialDeepStrictEqual(await world.row(id), { ...none, latest_job_status: "succeeded" });
  for (const transition of ["stop", "start"] as const) {
    await world.build(id, transition);
    assert.partialDeepStrictEqual(await world.row(id), { ...none, latest_transition: transition });
  }
});

test("LIF-12: a prebuild whose build fails has no deadlines, and people's keep what they had", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    template: { default_ttl: HOUR_NS, ...FAILURE },
    driver: { build: async () => ({ ok: false, state: Buffer.from("half"), error: "no room" }) },
  });
  const id = await onlyPrebuild(world);
  const none = { deadline: null, max_deadline: null };
  assert.partialDeepStrictEqual(await world.row(id), { ...none, latest_job_status: "failed" });
  const schedule = { transition: "stop", autostart: "CRON_TZ=UTC 0 9 * * *", ttlMs: 3_600_000 } as const;
  const own = await givenWorkspace(world, { ...schedule, nextStartAt: "2024-01-01T09:00Z" });
  await world.build(own, "start");
  const kept = { ...none, latest_job_status: "failed", next_start_at: new Date("2024-01-01T09:00Z") };
  assert.partialDeepStrictEqual(await world.row(own), kept);
  assert.equal((await readLifecycle(world.context.pool, own))?.build.deadline, null);
});

test("a start that has failed is stopped when the template's time for it is over, and so is a stop, until it works", async (t) => {
  const driver = { fails: true };
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 0,
    template: FAILURE,
    driver: {
      build: async () =>
        driver.fails ? { ok: false, state: null, error: "no" } : { ok: true, state: null, agents: [] },
    },
  });
  const id = await givenWorkspace(world, { status: "failed" });
  assertDone(await world.tick("2024-01-01T10:00Z"), {});
  assertDone(await world.tick("2024-01-01T10:01Z"), { autostop: 1 });
  assert.deepEqual(await world.builds(id), ["start initiator failed", "stop autostop failed"]);
  assertDone(await world.tick("2024-01-01T12:01Z"), {});
  driver.fails = false;
  assertDone(await world.tick("2024-01-01T12:02Z"), { autostop: 1 });
  assert.equal((await world.builds(id)).at(-1), "stop autostop succeeded");
  assertDone(await world.tick("2024-01-02T12:02Z"), {});
});

test("what has failed is left as it is without a time for it, and a canceled build is no failure", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  await givenWorkspace(world, { status: "failed", deadline: "2024-01-01T08:30Z" });
  await givenWorkspace(world, { status: "failed", transition: "stop" });
  assertDone(await world.tick("2024-02-01T08:00Z"), {});
  await world.template(FAILURE);
  await givenWorkspace(world, { status: "canceled", builtAt: "2024-01-01T08:00Z" });
  await givenWorkspace(world, { status: "canceled", transition: "stop", builtAt: "2024-01-01T08:00Z" });
  assertDone(await world.tick("2024-02-01T08:01Z"), { autostop: 2 });
});
