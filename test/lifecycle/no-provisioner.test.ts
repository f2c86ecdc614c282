import assert from "node:assert/strict";
import { test } from "node:test";
import { count, givenPool, givenWorker } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";
import { givenWorkspace } from "./given-workspaces.ts";
import { assertDone, givenIdleWorker, givenLifecycle } from "./support.ts";

const { signal } = new AbortController();
const HOUR_NS = 3_600_000_000_000;

test("LIF-17: without a worker nothing is queued, the log says why at first and every ten minutes, and it is done once one is there", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, idle: true });
  const stops = await givenWorkspace(world, { deadline: "2024-01-01T09:00Z" });
  const morning = { autostart: "CRON_TZ=UTC 0 9 * * *", nextStartAt: "2024-01-01T09:00Z" };
  const starts = await givenWorkspace(world, { transition: "stop", ...morning });
  const told = () => world.logged.filter(({ level, msg }) => level === "warn" && msg.includes(`ws-${stops}`));
  for (let minute = 0; minute <= 20; minute++) {
    const { done, skipped } = await world.tick(`2024-01-01T09:${String(minute).padStart(2, "0")}Z`);
    assert.deepEqual([done.size, [...skipped]], [0, [["no_provisioner", 2]]]);
    assert.equal(told().length, 1 + Math.floor(minute / 10), `after ${minute} minutes`);
  }
  assert.equal(await count(world.context, "provisioner_jobs where completed_at is null"), 0);
  assert.deepEqual((await world.row(starts)).next_start_at, new Date("2024-01-01T09:00Z"));
  assert.match(
    told()[0]?.msg ?? "",
    /^waiting for a worker for command templates, of which none is there: .*autostop of user-.*; a daemon with a driver for them and PREBUILDD_PROVISIONERS above 0 would be one$/,
  );

  const worker = givenWorker(t, world.context);
  await waitFor("the worker to be known", () => count(world.context, "provisioner_daemons"));
  assertDone(await world.tick("2024-01-01T09:21Z"), { autostop: 1, autostart: 1 });
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
  await givenIdleWorker(context);
  await context.pool.query("update provisioner_daemons set last_seen_at = now() - interval '1 minute'");
  await givenIdleWorker(context, { provisioners: ["terraform"] });
  assert.deepEqual([...(await executor.tick(signal)).skipped], [["no_provisioner", 1]]);
  await givenIdleWorker(context);
  assertDone(await executor.tick(signal), { autostop: 1 });
});

for (const [relation, workersTime] of [
  ["behind", "2024-01-01T07:00Z"],
  ["ahead of", "2024-01-01T11:00Z"],
] as const) {
  test(`LIF-17: a worker whose clock is two hours ${relation} the leader's counts as one until it has said nothing for a minute`, async (t) => {
    const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, idle: true });
    const { context, clock, executor } = world;
    givenWorker(t, { ...context, clock: { now: () => new Date(workersTime) } });
    await waitFor("the worker to be known", () => count(context, "provisioner_daemons"));
    await givenWorkspace(world, { deadline: "2024-01-01T09:00Z" });
    clock.at("2024-01-01T09:00Z");
    assertDone(await executor.tick(signal), { autostop: 1 });
    await givenWorkspace(world, { deadline: "2024-01-01T09:00Z" });
    await context.pool.query("update provisioner_daemons set last_seen_at = last_seen_at - interval '1 minute'");
    assert.deepEqual([...(await executor.tick(signal)).skipped], [["no_provisioner", 1]]);
  });
}

test("LIF-17: the log says at once when the templates that lack a worker have changed", async (t) => {
  const world = await givenLifecycle(t, { at: "2024-01-01T08:00Z", desired: 0, idle: true });
  const { context, clock, executor } = world;
  const told = async (at: string) => {
    const before = world.logged.length;
    clock.at(at);
    await executor.tick(signal);
    const lines = world.logged
      .slice(before)
      .map(({ msg }) => /^waiting for a worker for (\w+) templates/.exec(msg)?.[1]);
    return lines.filter((provisioner) => provisioner !== undefined).sort();
  };
  await givenWorkspace(world, { deadline: "2024-01-01T09:00Z" });
  assert.deepEqual(await told("2024-01-01T09:00Z"), ["command"]);
  assert.deepEqual(await told("2024-01-01T09:01Z"), []);
  const other = await givenPool(context, { desired: 0 });
  await context.pool.query("update templates set provisioner = 'terraform' where id = $1", [other.templateId]);
  await givenWorkspace({ ...world, pool: other }, { deadline: "2024-01-01T09:00Z" });
  assert.deepEqual(await told("2024-01-01T09:02Z"), ["command", "terraform"]);
  assert.deepEqual(await told("2024-01-01T09:03Z"), []);
  await givenIdleWorker(context, { provisioners: ["command"] });
  assert.deepEqual(await told("2024-01-01T09:04Z"), ["terraform"]);
});
