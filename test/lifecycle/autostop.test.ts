import assert from "node:assert/strict";
import { test } from "node:test";
import { bumpedDeadline } from "../../src/lifecycle/activity.ts";
import { readLifecycle } from "../../src/lifecycle/facts-store.ts";
import { recordUse } from "../../src/workspaces/dormancy-store.ts";
import { givenWorkspace, givenWorkspaces } from "./given-workspaces.ts";
import { assertDone, givenLifecycle, type LifecycleWorld, onlyPrebuild } from "./support.ts";

const HOUR_NS = 3_600_000_000_000;
const EVERY_DAY = 127;

/** Says that a workspace is in use, as the API does. */
async function use({ context }: LifecycleWorld, workspaceId: string): Promise<void> {
  const facts = await readLifecycle(context.pool, workspaceId);
  assert.ok(facts);
  const now = context.clock.now();
  await recordUse(context.pool, facts, { deadline: bumpedDeadline(facts, now), now });
}

test("TV-7 166: a prebuild outlives the default ttl, and a claimed one is stopped when it is over", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    template: { default_ttl: 2 * HOUR_NS, allow_user_autostop: false },
  });
  const prebuild = await onlyPrebuild(world);
  assertDone(await world.tick("2024-01-01T10:01Z"), {});
  assert.partialDeepStrictEqual(await world.row(prebuild), { deadline: null, max_deadline: null });

  world.clock.at("2024-01-01T11:01Z");
  const id = await world.claim();
  assert.equal(id, prebuild);
  assert.deepEqual((await world.row(id)).deadline, new Date("2024-01-01T13:01Z"));
  assertDone(await world.tick("2024-01-01T13:00:59Z"), {});
  assertDone(await world.tick("2024-01-01T13:02Z"), { autostop: 1 });
  assert.equal((await world.builds(id)).at(-1), "stop autostop succeeded");
  assertDone(await world.tick("2024-01-01T13:03Z"), {});
});

test("TV-7 167: a prebuild runs through the quiet hours of every day, and a claimed one stops in the first", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    template: { autostop_requirement_days: EVERY_DAY },
  });
  const prebuild = await onlyPrebuild(world);
  assertDone(await world.tick("2024-01-02T00:01Z"), {});
  assert.partialDeepStrictEqual(await world.row(prebuild), { deadline: null, max_deadline: null });
  world.clock.at("2024-01-02T11:00Z");
  const id = await world.claim();
  const midnight = new Date("2024-01-03T00:00Z");
  assert.deepEqual((await world.row(id)).deadline, midnight);
  assert.deepEqual((await world.row(id)).max_deadline, midnight);
  assertDone(await world.tick("2024-01-02T23:59Z"), {});
  assertDone(await world.tick("2024-01-03T00:01Z"), { autostop: 1 });
});

test("TV-7 171: a prebuild runs whatever becomes of users, and a claimed one is stopped when its owner is suspended", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 2 });
  const { pool } = world.context;
  const id = await world.claim();
  const prebuild = (await pool.query("select id from workspaces where id <> $1", [id])).rows[0].id;
  assertDone(await world.tick("2024-01-01T10:00Z"), {});
  await pool.query("update users set status = 'suspended' where not is_system");
  assertDone(await world.tick("2024-01-01T10:01Z"), { autostop: 1 });
  assert.equal((await world.builds(id)).at(-1), "stop autostop succeeded");
  await pool.query("update users set status = 'suspended' where is_system");
  assertDone(await world.tick("2024-01-01T10:02Z"), {});
  assert.equal((await world.builds(prebuild)).length, 1);
});

test("TV-7 172: use prolongs what belongs to somebody, even past its deadline, and no prebuild", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    template: { default_ttl: 2 * HOUR_NS, activity_bump: HOUR_NS },
  });
  const prebuild = await onlyPrebuild(world);
  const before = await world.row(prebuild);
  world.clock.at("2024-01-01T10:30Z");
  await use(world, prebuild);
  assert.deepEqual(await world.row(prebuild), before);
  world.clock.at("2024-01-01T11:01Z");
  const id = await world.claim();
  world.clock.at("2024-01-01T13:30Z");
  await use(world, id);
  const used = await world.row(id);
  assert.deepEqual([used.deadline, used.max_deadline], [new Date("2024-01-01T14:30Z"), null]);
  assert.deepEqual(used.last_used_at, new Date("2024-01-01T13:30Z"));
  assertDone(await world.tick("2024-01-01T14:29Z"), {});
  assertDone(await world.tick("2024-01-01T14:30Z"), { autostop: 1 });
});

test("LIF-16: a workspace is stopped in the minute of its deadline, and not in the one before", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const [exact, later, latest] = await givenWorkspaces(world, {
    count: 3,
    deadline: ["2024-01-01T10:00Z", "2024-01-01T10:00:01Z", "2024-01-01T10:01Z"],
  });
  const none = await givenWorkspace(world);
  assertDone(await world.tick("2024-01-01T09:59:59Z"), {});
  assertDone(await world.tick("2024-01-01T10:00:30Z"), { autostop: 1 });
  assert.equal((await world.row(exact ?? "")).latest_transition, "stop");
  assertDone(await world.tick("2024-01-01T10:01Z"), { autostop: 2 });
  for (const id of [later, latest]) assert.equal((await world.row(id ?? "")).latest_transition, "stop");
  assert.equal((await world.row(none)).latest_transition, "start");
});
