import assert from "node:assert/strict";
import { test } from "node:test";
import { count, givenWorker } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";
import { givenWorkspace } from "./given-workspaces.ts";
import { assertDone, givenIdleWorker, givenLifecycle } from "./support.ts";

const { signal } = new AbortController();
const HOUR_NS = 3_600_000_000_000;

test("LIF-17: without a worker nothing is queued, the log says what to do, and it is done once one is there", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, idle: true });
  const stops = await givenWorkspace(world, { deadline: "2024-01-01T09:00Z" });
  const morning = { autostart: "CRON_TZ=UTC 0 9 * * *", nextStartAt: "2024-01-01T09:00Z" };
  const starts = await givenWorkspace(world, { transition: "stop", ...morning });
  for (const at of ["2024-01-01T09:00Z", "2024-01-01T09:01Z"]) {
    const { done, skipped } = await world.tick(at);
    assert.deepEqual([done.size, [...skipped]], [0, [["no_provisioner", 2]]]);
  }
  assert.equal(await count(world.context, "provisioner_jobs where completed_at is null"), 0);
  assert.deepEqual((await world.row(starts)).next_start_at, new Date("2024-01-01T09:00Z"));
  const told = world.logged.filter(({ level, msg }) => level === "warn" && msg.includes(`ws-${stops}`));
  assert.equal(told.length, 2, "once a minute");
  assert.match(told[0]?.msg ?? "", /^waiting for a worker for command templates.*autostop of user-.*; start a daemon/);

  const worker = givenWorker(t, world.context);
  await waitFor("the worker to be known", () => count(world.context, "provisioner_daemons"));
  assertDone(await world.tick("2024-01-01T09:02Z"), { autostop: 1, autostart: 1 });
  worker.poke();
  await world.settled();
  assert.equal((await world.builds(stops)).at(-1), "stop autostop succeeded");
});

test("LIF-17: what needs no build needs no worker: a stopped workspace becomes dormant all the same", async (t) => {
  const template = { time_til_dormant: HOUR_NS };
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, idle: true, template });
  await givenWorkspace(world, { transition: "stop" });
  const running = await givenWorkspace(world);
  const { done, skipped } = await world.tick("2024-01-01T09:01Z");
  assert.deepEqual([[...done], [...skipped]], [[["dormancy", 1]], [["no_provisioner", 1]]]);
  assert.equal((await world.row(running)).dormant_at, null);
});

test("LIF-17: a worker that has said nothing for a minute, or has other drivers, does not count as one", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, idle: true });
  const { context, clock, executor } = world;
  await givenWorkspace(world, { deadline: "2024-01-01T09:00Z" });
  clock.at("2024-01-01T09:00Z");
  await givenIdleWorker(context, { provisioners: ["terraform"] });
  await givenIdleWorker(context, { seenAt: new Date("2024-01-01T08:59:00Z") });
  assert.deepEqual([...(await executor.tick(signal)).skipped], [["no_provisioner", 1]]);
  await givenIdleWorker(context, { seenAt: new Date("2024-01-01T08:59:01Z") });
  assertDone(await executor.tick(signal), { autostop: 1 });
});
