import assert from "node:assert/strict";
import { test } from "node:test";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { allowAnything, assertDone, givenLifecycle, type LifecycleWorld, onlyPrebuild } from "./support.ts";

const HOUR_NS = 3_600_000_000_000;
const EVERY_MORNING = "CRON_TZ=UTC 0 9 * * *";

/** Forces columns of a prebuild upon the database, past everything that knows better. */
async function force({ context }: LifecycleWorld, id: string, columns: Readonly<Record<string, unknown>>) {
  for (const [column, value] of Object.entries(columns)) {
    if (column.endsWith("deadline")) {
      await context.pool.query(`update workspace_builds set ${column} = $2 where workspace_id = $1`, [id, value]);
    } else {
      await context.pool.query(`update workspaces set ${column} = $2 where id = $1`, [id, value]);
    }
  }
}

/** Makes the database ignore every change of a workspace or a build that is there, or not any more. */
async function keepAsItIs({ context }: LifecycleWorld, keep: boolean) {
  if (!keep) await context.pool.query("drop function keep() cascade");
  else await context.pool.query("create function keep() returns trigger language plpgsql as 'begin return null; end'");
  for (const table of keep ? ["workspaces", "workspace_builds"] : []) {
    await context.pool.query(`create trigger keep before update on ${table} for each row execute function keep()`);
  }
}

/**
 * Shows that the database refuses columns of a prebuild; and that with the constraint gone the executor does nothing at
 * this time, neither while they stay, because every change is ignored, nor when they are put right.
 */
async function assertLeftAlone(
  world: LifecycleWorld,
  { id, at, columns }: { id: string; at: string; columns: Readonly<Record<string, unknown>> },
) {
  const before = [await world.row(id), await world.builds(id)];
  await assert.rejects(force(world, id, columns), {
    code: "23514",
    constraint: "workspaces_prebuilds_outside_lifecycle",
  });
  assertDone(await world.tick(at), {});
  assert.deepEqual([await world.row(id), await world.builds(id)], before);

  await allowAnything(world);
  await force(world, id, columns);
  const forced = await world.row(id);
  await keepAsItIs(world, true);
  const kept = await world.tick(at);
  await keepAsItIs(world, false);
  assert.deepEqual([kept.done.size, kept.skipped.size, kept.repairs.prebuilds], [0, 0, 0]);
  assert.deepEqual([await world.row(id), await world.builds(id)], [forced, before[1]]);

  const repaired = await world.tick(at);
  assertDone(repaired, {});
  assert.equal(repaired.repairs.prebuilds, 1);
  assert.deepEqual([await world.row(id), await world.builds(id)], before);
}

test("LIF-01: a deadline cannot be forced upon a prebuild, and is taken away where it could", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z" });
  const id = await onlyPrebuild(world);
  await assertLeftAlone(world, { id, at: "2024-01-01T10:01Z", columns: { deadline: "2024-01-01T10:00Z" } });
});

test("LIF-02: a prebuild that had a deadline forced upon it is stopped at the one that it gets when claimed", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", template: { default_ttl: 2 * HOUR_NS } });
  await allowAnything(world);
  await force(world, await onlyPrebuild(world), { deadline: "2024-01-01T10:00Z" });
  world.clock.at("2024-01-01T10:30Z");
  const id = await world.claim();
  assert.deepEqual((await world.row(id)).deadline, new Date("2024-01-01T12:30Z"));
  assertDone(await world.tick("2024-01-01T12:29Z"), {});
  assertDone(await world.tick("2024-01-01T12:31Z"), { autostop: 1 });
  assert.equal((await world.builds(id)).at(-1), "stop autostop succeeded");
});

test("LIF-03: an autostart cannot be forced upon a parked prebuild, and is taken away where it could", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const { id } = await givenPrebuild(world.context, world.pool, { transition: "stop" });
  await assertLeftAlone(world, {
    id,
    at: "2024-01-01T09:00Z",
    columns: { autostart_schedule: EVERY_MORNING, next_start_at: "2024-01-01T09:00Z" },
  });
});

test("LIF-05: a prebuild does not become dormant, however long nobody has used it", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    template: { time_til_dormant: HOUR_NS, time_til_dormant_autodelete: HOUR_NS },
  });
  const id = await onlyPrebuild(world);
  await force(world, id, { last_used_at: "2023-01-01T00:00Z" });
  assertDone(await world.tick("2024-01-01T10:00Z"), {});
  assert.partialDeepStrictEqual(await world.row(id), { dormant_at: null, deleting_at: null });
  await assertLeftAlone(world, {
    id,
    at: "2024-01-02T10:00Z",
    columns: { dormant_at: "2024-01-01T09:00Z", deleting_at: "2024-01-01T10:00Z" },
  });
});

test("LIF-06: the time that a prebuild was idle does not count for whoever claims it", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", template: { time_til_dormant: HOUR_NS } });
  const prebuild = await onlyPrebuild(world);
  assertDone(await world.tick("2024-01-05T08:00Z"), {});
  const id = await world.claim();
  assert.equal(id, prebuild);
  assertDone(await world.tick("2024-01-05T09:00Z"), {});
  assertDone(await world.tick("2024-01-05T09:01Z"), { dormancy: 1 });
  assert.equal((await world.builds(id)).at(-1), "stop dormancy succeeded");
});

test("LIF-10: a claim counts as use, ends every dormancy, and gives the ttl that was asked for or the template's", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 2,
    template: { default_ttl: 2 * HOUR_NS, time_til_dormant_autodelete: HOUR_NS },
  });
  await allowAnything(world);
  const { rows } = await world.context.pool.query("select id from workspaces");
  for (const { id } of rows) {
    await force(world, id, { dormant_at: "2024-01-01T08:00Z", deleting_at: "2024-01-01T09:00Z", ttl: 1 });
  }
  const now = "2024-01-01T11:00Z";
  world.clock.at(now);
  const common = { last_used_at: new Date(now), dormant_at: null, deleting_at: null };
  const plain = await world.row(await world.claim());
  assert.partialDeepStrictEqual(plain, {
    ...common,
    ttl: String(2 * HOUR_NS),
    deadline: new Date("2024-01-01T13:00Z"),
  });
  const chosen = await world.row(await world.claim({ ttlMs: 3_600_000 }));
  assert.partialDeepStrictEqual(chosen, { ...common, ttl: String(HOUR_NS), deadline: new Date("2024-01-01T12:00Z") });
});
