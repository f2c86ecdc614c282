import assert from "node:assert/strict";
import { test } from "node:test";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { readLifecycle } from "../../src/lifecycle/facts-store.ts";
import { recomputeLifecycle } from "../../src/lifecycle/recompute-store.ts";
import { givenWorkspace } from "./given-workspaces.ts";
import { assertDone, givenLifecycle, type LifecycleWorld, onlyPrebuild } from "./support.ts";

const HOUR_NS = 3_600_000_000_000;

/** Changes the template and what follows from it, as whoever edits templates does. */
async function change(world: LifecycleWorld, settings: Readonly<Record<string, unknown>>): Promise<void> {
  const { context, pool, clock } = world;
  const templateOf = async () => {
    const { rows } = await context.pool.query("select id from workspaces where template_id = $1", [pool.templateId]);
    const facts = await readLifecycle(context.pool, rows[0].id);
    assert.ok(facts);
    return facts.template;
  };
  const before = await templateOf();
  await world.template(settings);
  const given = { templateId: pool.templateId, before, after: await templateOf(), now: clock.now() };
  await withTransaction(context.pool, BEGIN.readWrite, (client) => recomputeLifecycle(client, given));
}

test("LIF-08: a new default ttl goes to people's workspaces, and prebuilds stay as they are", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", template: { default_ttl: HOUR_NS } });
  const prebuild = await onlyPrebuild(world);
  const before = await world.row(prebuild);
  const id = await givenWorkspace(world, { ttlMs: 3_600_000 });
  await change(world, { default_ttl: 3 * HOUR_NS });
  assert.equal((await world.row(id)).ttl, String(3 * HOUR_NS));
  assert.deepEqual(await world.row(prebuild), before);
  world.clock.at("2024-01-01T10:00Z");
  const claimed = await world.row(await world.claim());
  assert.deepEqual([claimed.ttl, claimed.deadline], [String(3 * HOUR_NS), new Date("2024-01-01T13:00Z")]);
});

test("LIF-09: a new time until deletion moves people's dormant workspaces, and prebuilds stay as they are", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    template: { time_til_dormant: HOUR_NS, time_til_dormant_autodelete: HOUR_NS },
  });
  const prebuild = await onlyPrebuild(world);
  const before = await world.row(prebuild);
  const dates = { dormantAt: "2024-01-01T08:00Z", deletingAt: "2024-01-01T09:00Z" } as const;
  const id = await givenWorkspace(world, { transition: "stop", ...dates });
  await change(world, { time_til_dormant_autodelete: 5 * HOUR_NS });
  assert.deepEqual((await world.row(id)).deleting_at, new Date("2024-01-01T13:00Z"));
  assert.deepEqual(await world.row(prebuild), before);
  assertDone(await world.tick("2024-01-01T13:00Z"), {});
  assertDone(await world.tick("2024-01-01T13:01Z"), { autodelete: 1 });
  assert.deepEqual(await world.row(prebuild), before);
});

test("TV-7 173: new days of autostart and required stops move what belongs to people, and no prebuild", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 2 });
  const id = await world.claim({ autostartSchedule: "CRON_TZ=UTC 0 9 * * *" });
  const { rows } = await world.context.pool.query("select id from workspaces where id <> $1", [id]);
  const prebuild: string = rows[0].id;
  const before = await world.row(prebuild);
  const { max_deadline: maxDeadline, next_start_at: nextStartAt } = await world.row(id);
  assert.deepEqual([maxDeadline, nextStartAt], [null, new Date("2024-01-01T09:00Z")]);
  await change(world, { autostart_days: 4, autostop_requirement_days: 127 });
  const changed = await world.row(id);
  assert.deepEqual(changed.next_start_at, new Date("2024-01-03T09:00Z"), "the first Wednesday");
  assert.deepEqual([changed.deadline, changed.max_deadline], Array(2).fill(new Date("2024-01-02T00:00Z")));
  assert.deepEqual(await world.row(prebuild), before);
  assertDone(await world.tick("2024-01-02T00:00Z"), { autostop: 1 });
  assertDone(await world.tick("2024-01-02T09:00Z"), {});
  assertDone(await world.tick("2024-01-03T09:00Z"), { autostart: 1 });
  assert.deepEqual(await world.row(prebuild), before);
});
