import assert from "node:assert/strict";
import { test } from "node:test";
import { givenWorkspace } from "./given-workspaces.ts";
import { assertDone, givenLifecycle, onlyPrebuild } from "./support.ts";

const HOUR_NS = 3_600_000_000_000;
const DORMANCY = { time_til_dormant: 2 * HOUR_NS, time_til_dormant_autodelete: 3 * HOUR_NS };

test("TV-7 169: a prebuild never becomes dormant, and a claimed one is put to rest, stopped and deleted in time", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", template: DORMANCY });
  const prebuild = await onlyPrebuild(world);
  assertDone(await world.tick("2024-01-01T10:01Z"), {});
  assert.partialDeepStrictEqual(await world.row(prebuild), { dormant_at: null, deleting_at: null });
  world.clock.at("2024-01-01T11:01Z");
  const id = await world.claim();
  const claimed = { last_used_at: new Date("2024-01-01T11:01Z"), dormant_at: null, deleting_at: null };
  assert.partialDeepStrictEqual(await world.row(id), claimed);
  assertDone(await world.tick("2024-01-01T13:01Z"), {});
  assertDone(await world.tick("2024-01-01T13:02Z"), { dormancy: 1 });
  assert.equal((await world.builds(id)).at(-1), "stop dormancy succeeded");
  assert.partialDeepStrictEqual(await world.row(id), {
    dormant_at: new Date("2024-01-01T13:02Z"),
    deleting_at: new Date("2024-01-01T16:02Z"),
  });
  assertDone(await world.tick("2024-01-01T16:02Z"), {});
  assertDone(await world.tick("2024-01-01T16:03Z"), { autodelete: 1 });
  assert.equal((await world.builds(id)).at(-1), "delete autodelete succeeded");
  assert.equal((await world.row(id)).deleted, true);
  assertDone(await world.tick("2024-01-03T16:03Z"), {});
});

test("what is stopped already becomes dormant without another build", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, template: DORMANCY });
  const id = await givenWorkspace(world, { transition: "stop" });
  assertDone(await world.tick("2024-01-01T10:01Z"), { dormancy: 1 });
  assert.deepEqual(await world.builds(id), ["stop initiator succeeded"]);
  assert.deepEqual((await world.row(id)).dormant_at, new Date("2024-01-01T10:01Z"));
});

test("the audit log tells that the lifecycle has put a workspace to rest and what it has built", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, template: DORMANCY });
  await givenWorkspace(world);
  await world.tick("2024-01-01T10:01Z");
  const { rows } = await world.context.pool.query(
    "select action, resource_type from audit_logs where at >= '2024-01-01T10:00Z' order by action",
  );
  assert.deepEqual(
    rows.map(({ action, resource_type }) => [action, resource_type]),
    [
      ["stop", "workspace_build"],
      ["write", "workspace"],
    ],
  );
});

const DORMANT = { transition: "stop", dormantAt: "2024-01-01T00:00Z", deletingAt: "2024-01-01T07:00Z" } as const;

test("LIF-13: a dormant workspace whose deletion failed an hour ago is not deleted again yet", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-03T08:00Z", desired: 0, template: DORMANCY });
  const failed = { ...DORMANT, transition: "delete", status: "failed", builtAt: "2024-01-03T07:00Z" } as const;
  const id = await givenWorkspace(world, failed);
  assertDone(await world.tick("2024-01-03T08:00Z"), {});
  assertDone(await world.tick("2024-01-04T06:59Z"), {});
  assert.deepEqual(await world.builds(id), ["delete initiator failed"]);
});

test("LIF-14: a dormant workspace whose deletion failed 25 hours ago is deleted, and once a day while it fails", async (t) => {
  const gone = { works: false };
  const world = await givenLifecycle(t, {
    at: "2024-01-03T08:00Z",
    desired: 0,
    template: DORMANCY,
    driver: {
      build: async () => (gone.works ? { ok: true, state: null, agents: [] } : { ok: false, state: null, error: "no" }),
    },
  });
  const failed = { ...DORMANT, transition: "delete", status: "failed", builtAt: "2024-01-02T07:00Z" } as const;
  const id = await givenWorkspace(world, failed);
  assertDone(await world.tick("2024-01-03T08:00Z"), { autodelete: 1 });
  assert.equal((await world.builds(id)).at(-1), "delete autodelete failed");
  for (const at of ["2024-01-03T08:01Z", "2024-01-03T20:00Z", "2024-01-04T07:59Z"])
    assertDone(await world.tick(at), {});
  gone.works = true;
  assertDone(await world.tick("2024-01-04T08:00Z"), { autodelete: 1 });
  assert.equal((await world.row(id)).deleted, true);
});

test("LIF-15: a dormant workspace is kept for ever when the template deletes none", async (t) => {
  const world = await givenLifecycle(t, {
    at: "2024-01-01T08:00Z",
    desired: 0,
    template: { ...DORMANCY, time_til_dormant_autodelete: 0 },
  });
  const id = await givenWorkspace(world);
  const stale = await givenWorkspace(world, DORMANT);
  assertDone(await world.tick("2024-01-01T10:01Z"), { dormancy: 1 });
  assert.equal((await world.row(id)).deleting_at, null);
  assertDone(await world.tick("2034-01-01T10:01Z"), {});
  assert.deepEqual([(await world.row(id)).deleted, (await world.row(stale)).deleted], [false, false]);
});
