import assert from "node:assert/strict";
import { test } from "node:test";
import { givenControlPlane } from "../support/control-plane.ts";
import { count } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { givenWorkspace, givenWorkspaces } from "./given-workspaces.ts";
import { allowAnything, assertDone, givenLifecycle, type LifecycleWorld } from "./support.ts";

const HOUR_MS = 3_600_000;
const EVERY_MORNING = "CRON_TZ=UTC 0 9 * * *";
const NOTHING = { prebuilds: 0, unsettled: 0, future: 0, unscheduled: 0 };
const { signal } = new AbortController();

function assertTold({ logged }: LifecycleWorld, told: RegExp) {
  assert.equal(logged.filter(({ level, msg }) => level === "warn" && told.test(msg)).length, 1, String(told));
}

test("a workspace whose latest build nobody has settled gets its deadline and next start from the build's end", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const id = await givenWorkspace(world, {
    settled: false,
    builtAt: "2024-01-01T07:30Z",
    ttlMs: 2 * HOUR_MS,
    autostart: EVERY_MORNING,
    nextStartAt: "2020-01-01T09:00Z",
  });
  // It is to start at nine, so it would end on the day for which it is to be there: it gets its ttl from then.
  const { repairs } = await world.tick("2024-01-01T08:00Z");
  assert.deepEqual(repairs, { ...NOTHING, unsettled: 1 });
  const row = await world.row(id);
  assert.deepEqual([row.deadline, row.next_start_at], [new Date("2024-01-01T11:00Z"), new Date("2024-01-01T09:00Z")]);
  assertTold(world, /^1 workspace: the lifecycle was never computed from the end of the latest build/);
  assert.deepEqual((await world.tick("2024-01-01T08:01Z")).repairs, NOTHING);
  assert.deepEqual(await world.row(id), row);
});

test("a deadline that is over before anybody has computed it is counted from now, so that nobody is surprised", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const late = await givenWorkspace(world, { settled: false, builtAt: "2023-12-01T08:00Z", ttlMs: 2 * HOUR_MS });
  const early = await givenWorkspace(world, { settled: false, builtAt: "2024-01-01T07:00Z", ttlMs: 2 * HOUR_MS });
  const tick = await world.tick("2024-01-01T08:00Z");
  assertDone(tick, {});
  assert.equal(tick.repairs.unsettled, 2);
  assert.deepEqual((await world.row(late)).deadline, new Date("2024-01-01T10:00Z"));
  assert.deepEqual((await world.row(early)).deadline, new Date("2024-01-01T09:00Z"));
  assertDone(await world.tick("2024-01-01T09:00Z"), { autostop: 1 });
  assertDone(await world.tick("2024-01-01T10:00Z"), { autostop: 1 });
});

test("a stopped workspace with a schedule and without a next start gets it, even if that is this minute", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const ids = await givenWorkspaces(world, { count: 3, transition: "stop", autostart: EVERY_MORNING });
  const { repairs } = await world.tick("2024-01-01T08:30Z");
  assert.deepEqual(repairs, { ...NOTHING, unscheduled: 3 });
  for (const id of ids) assert.deepEqual((await world.row(id)).next_start_at, new Date("2024-01-01T09:00Z"));
  assertTold(world, /^3 workspaces: an autostart schedule had no next start, and has one now/);
  await world.context.pool.query("update workspaces set next_start_at = null");
  assertDone(await world.tick("2024-01-01T09:00:40Z"), { autostart: 3 });
  assert.deepEqual((await world.tick("2024-01-01T09:01Z")).repairs, NOTHING);
});

test("a schedule that never comes true or is not allowed is no reason to repair anything, minute after minute", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  for (const autostart of ["CRON_TZ=UTC 0 9 31 2 *", "nonsense"]) {
    await givenWorkspaces(world, { transition: "stop", autostart });
  }
  await givenWorkspaces(world, { transition: "stop", autostart: "CRON_TZ=UTC 0 9 * * 2" });
  await world.template({ autostart_days: 1 });
  assert.deepEqual((await world.tick("2024-01-01T08:01Z")).repairs, NOTHING);
  await world.template({ autostart_days: 127, allow_user_autostart: false });
  assert.deepEqual((await world.tick("2024-01-01T08:02Z")).repairs, NOTHING);
  await world.template({ allow_user_autostart: true });
  assert.deepEqual((await world.tick("2024-01-01T08:03Z")).repairs, { ...NOTHING, unscheduled: 1 });
});

test("a claim in SQL whose build is still to come is not taken for one that nobody has settled", async (t) => {
  const world = await givenLifecycle(t, { at: new Date().toISOString() });
  const plane = await givenControlPlane(t, world.context, world.pool);
  const id = (await plane.claim()) ?? "";
  assert.deepEqual((await world.tickIn(1)).repairs, NOTHING);
  await world.context.pool.query("update workspaces set ttl = $2 where id = $1", [id, HOUR_MS * 1_000_000]);
  // As if the claim build had been dropped, because there was another build: then somebody has to compute it.
  await world.context.pool.query("delete from unfinished_claims");
  assert.deepEqual((await world.tickIn(1)).repairs, { ...NOTHING, unsettled: 1 });
});

test("thousands of workspaces are put right in one pass, and a second one finds nothing to do", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, idle: true });
  const many = { count: 2_500, ttlMs: HOUR_MS, settled: false, autostart: EVERY_MORNING } as const;
  await givenWorkspaces(world, many);
  await givenWorkspaces(world, { ...many, transition: "stop", settled: true });
  const { done, repairs } = await world.executor.tick(signal);
  assert.deepEqual(repairs, { ...NOTHING, unsettled: 2_500, unscheduled: 2_500 });
  assert.equal(done.size, 0);
  const right = "workspaces where next_start_at = '2024-01-01T09:00Z' and lifecycle_build_id = latest_build_id";
  // The next start is within the ttl, so that counts from then.
  assert.equal(await count(world.context, `${right} and latest_deadline = '2024-01-01T10:00Z'`), 2_500);
  assert.equal(await count(world.context, `${right} and latest_deadline is null`), 2_500);
  assert.deepEqual((await world.executor.tick(signal)).repairs, NOTHING);
});

test("prebuilds that have got lifecycle fields lose all of them, and nothing else", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const { context, pool } = world;
  const made = await Promise.all(Array.from({ length: 5 }, () => givenPrebuild(context, pool)));
  const prebuilds = made.map(({ id }) => id);
  const own = await givenWorkspace(world, { ttlMs: HOUR_MS, deadline: "2024-01-01T12:00Z" });
  const before = await Promise.all([...prebuilds, own].map(world.row));
  await allowAnything(world);
  for (const [index, column] of ["autostart_schedule", "next_start_at", "ttl", "dormant_at", "deleting_at"].entries()) {
    const values: Readonly<Record<string, unknown>> = { autostart_schedule: EVERY_MORNING, ttl: 1 };
    const value = values[column] ?? "2024-01-01T07:00Z";
    await context.pool.query(`update workspaces set ${column} = $2 where id = $1`, [prebuilds[index], value]);
  }
  await context.pool.query("update workspace_builds set deadline = $2, max_deadline = $2 where workspace_id = $1", [
    prebuilds[0],
    "2024-01-01T07:00Z",
  ]);
  const tick = await world.tick("2024-01-01T08:00Z");
  assertDone(tick, {});
  assert.deepEqual(tick.repairs, { ...NOTHING, prebuilds: 5 });
  assertTold(world, /^5 workspaces: a prebuild had lifecycle dates, which are taken away/);
  assert.deepEqual(await Promise.all([...prebuilds, own].map(world.row)), before);
  assert.deepEqual((await world.tick("2024-01-01T08:01Z")).repairs, NOTHING);
});

test("what somebody holds is put right as soon as it is let go", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const [held] = await givenWorkspaces(world, { count: 2, settled: false, ttlMs: HOUR_MS });
  const client = await world.context.pool.connect();
  await client.query("begin");
  await client.query("select from workspaces where id = $1 for update", [held]);
  const during = await world.tick("2024-01-01T08:00Z");
  await client.query("rollback");
  client.release();
  assert.equal(during.repairs.unsettled, 1);
  assert.equal((await world.tick("2024-01-01T08:01Z")).repairs.unsettled, 1);
});
