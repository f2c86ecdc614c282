import assert from "node:assert/strict";
import { test } from "node:test";
import { givenVersion } from "../support/given.ts";
import { givenWorkspace } from "./given-workspaces.ts";
import { assertDone, givenLifecycle, type LifecycleWorld } from "./support.ts";

const MORNING = {
  transition: "stop",
  autostart: "CRON_TZ=UTC 0 9 * * *",
  nextStartAt: "2024-01-01T09:00Z",
} as const;

async function versionOf({ context }: LifecycleWorld, id: string): Promise<string> {
  const { rows } = await context.pool.query("select latest_template_version_id as id from workspaces where id = $1", [
    id,
  ]);
  return rows[0].id;
}

test("an autostart takes the active version where its owner wants that always, and else the one that it has", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const always = await givenWorkspace(world, { ...MORNING, automaticUpdates: "always" });
  const never = await givenWorkspace(world, MORNING);
  const active = await givenVersion(world.context, world.pool.templateId);
  assertDone(await world.tick("2024-01-01T09:00Z"), { autostart: 2 });
  assert.equal(await versionOf(world, always), active);
  assert.equal(await versionOf(world, never), world.pool.versionId);
});

test("an autostart takes the active version where the template demands that, and an autostop never does", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 0,
    template: { require_active_version: true },
  });
  const starts = await givenWorkspace(world, MORNING);
  const stops = await givenWorkspace(world, { automaticUpdates: "always", deadline: "2024-01-01T09:00Z" });
  const active = await givenVersion(world.context, world.pool.templateId);
  assertDone(await world.tick("2024-01-01T09:00Z"), { autostart: 1, autostop: 1 });
  assert.equal(await versionOf(world, starts), active);
  assert.equal(await versionOf(world, stops), world.pool.versionId);
});

test("an autostart whose new version demands a parameter that is missing waits for the next day, and says so", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0 });
  const { pool } = world.context;
  const id = await givenWorkspace(world, { ...MORNING, automaticUpdates: "always" });
  const other = await givenWorkspace(world, MORNING);
  const active = await givenVersion(world.context, world.pool.templateId);
  await pool.query("insert into template_version_parameters (template_version_id, name) values ($1, 'region')", [
    active,
  ]);
  const refused = await world.tick("2024-01-01T09:00Z");
  assertDone(refused, { autostart: 1 });
  assert.equal(refused.skipped.get("refused"), 1);
  assert.deepEqual(await world.builds(id), ["stop initiator succeeded"]);
  assert.equal((await world.builds(other)).at(-1), "start autostart succeeded");
  assert.deepEqual((await world.row(id)).next_start_at, new Date("2024-01-02T09:00Z"));
  const { rows } = await pool.query("select count(*)::int as n from provisioner_jobs where completed_at is null");
  assert.equal(rows[0].n, 0);
  const told = world.logged.filter(({ level, msg }) => level === "warn" && msg.includes(`ws-${id}`));
  assert.equal(told.length, 1);
  assert.match(
    told[0]?.msg ?? "",
    /autostart of user-\S+\/ws-\S+ is not possible, next try 2024-01-02T09:00:00.000Z: .*region/,
  );

  const again = await world.tick("2024-01-01T09:01Z");
  assert.equal(again.skipped.size, 0, "it is not tried every minute");
  assert.equal((await world.tick("2024-01-02T09:00Z")).skipped.get("refused"), 1);
  await pool.query("update template_version_parameters set required = false");
  assertDone(await world.tick("2024-01-03T09:00Z"), { autostart: 1 });
  assert.equal(await versionOf(world, id), active);
});
