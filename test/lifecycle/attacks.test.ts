import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { openPool } from "../../src/db/connection.ts";
import { createExecutor, type TickResult } from "../../src/lifecycle/executor.ts";
import { count, givenVersion, silent } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";
import { builtFor, givenWorkspace, givenWorkspaces } from "./given-workspaces.ts";
import { assertDone, givenIdleWorker, givenLifecycle, type LifecycleWorld } from "./support.ts";

const { signal } = new AbortController();
const AT = "2024-01-01T09:00Z";
const BUILDS = "workspace_builds where reason = 'autostop'";

test("an executor whose connections are killed three times stops every workspace once", async (t) => {
  const world = await givenLifecycle(t, { at: AT, desired: 0, idle: true });
  const { context, clock } = world;
  await givenIdleWorker(context);
  const ids = await givenWorkspaces(world, { count: 100, deadline: AT });
  const url = new URL(context.url);
  url.searchParams.set("application_name", "doomed");
  const pool = openPool(url.href, silent);
  t.after(() => pool.end());
  const executor = createExecutor({ ...context, pool }, clock.monotonicMs);
  const ticking = executor.tick(signal);
  for (const done of [5, 30, 55]) {
    await waitFor("some builds", async () => (await count(context, BUILDS)) >= done, { intervalMs: 1 });
    const doomed = "pg_stat_activity where application_name = 'doomed'";
    assert.ok((await count(context, `(select pg_terminate_backend(pid) from ${doomed}) killed`)) > 0);
  }
  const { done, skipped } = await ticking;
  assert.ok((skipped.get("failed") ?? 0) > 0, "some of them were just worked on");
  assert.equal((done.get("autostop") ?? 0) + (skipped.get("failed") ?? 0), 100);
  const { once, more } = await builtFor(world, ids, "autostop");
  assert.ok(once < 100 && more === 0, `${once} are stopped once and ${more} more often`);
  const again = await executor.tick(signal);
  assert.deepEqual([...again.done], [["autostop", 100 - once]]);
  assert.deepEqual(await builtFor(world, ids, "autostop"), { once: 100, more: 0 });
  // Neither a build without a place in the queue, nor a place without a build.
  assert.equal(await count(context, "provisioner_jobs where completed_at is null"), 100);
  const queued =
    "pgboss.job q join provisioner_jobs j on j.id::text = q.data->>'subjectId' where j.completed_at is null";
  assert.equal(await count(context, queued), 100);
  assert.equal(await count(context, "audit_logs where action = 'stop'"), 100);
});

test("workspaces that somebody holds for long keep nobody waiting, and are stopped when they are let go", async (t) => {
  const world = await givenLifecycle(t, { at: AT, desired: 0, idle: true });
  const { context, executor } = world;
  await givenIdleWorker(context);
  const ids = await givenWorkspaces(world, { count: 60, deadline: AT });
  const held = ids.slice(0, 30);
  const holder = new pg.Client({ connectionString: context.url });
  await holder.connect();
  t.after(() => holder.end());
  await holder.query("begin");
  await holder.query("select from workspaces where id = any($1) for update", [held]);
  let result: TickResult | undefined;
  const ticking = executor.tick(signal).then((ended) => {
    result = ended;
  });
  await waitFor("the tick to end", () => result, { timeoutMs: 2_500 });
  await ticking;
  assert.deepEqual([...(result?.done ?? [])], [["autostop", 30]]);
  assert.deepEqual([...(result?.skipped ?? [])], [["busy", 30]]);
  await holder.query("rollback");
  assertDone(await executor.tick(signal), { autostop: 30 });
  assert.deepEqual(await builtFor(world, ids, "autostop"), { once: 60, more: 0 });
});

/** From now on the database refuses a new value of a column of this workspace. */
async function poison({ context }: LifecycleWorld, column: string, id: string): Promise<void> {
  await context.pool.query("create function refuse() returns trigger language plpgsql as 'begin raise ''no''; end'");
  await context.pool.query(
    `create trigger refuse before update on workspaces for each row
     when (old.id = '${id}' and old.${column} is distinct from new.${column}) execute function refuse()`,
  );
}

test("a workspace that cannot be put right keeps none from being stopped", async (t) => {
  const world = await givenLifecycle(t, { at: AT, desired: 0, idle: true });
  await givenIdleWorker(world.context);
  const id = await givenWorkspace(world, { settled: false, ttlMs: 3_600_000 });
  await poison(world, "lifecycle_build_id", id);
  await givenWorkspaces(world, { count: 3, deadline: AT });
  await givenWorkspaces(world, { count: 2, transition: "stop", autostart: "CRON_TZ=UTC 0 10 * * *" });
  const tick = await world.executor.tick(signal);
  assertDone(tick, { autostop: 3 });
  assert.deepEqual(tick.repairs, { prebuilds: 0, unsettled: 0, future: 0, unscheduled: 2 });
  assert.equal(world.logged.filter(({ level, msg }) => level === "error" && /unsettled/.test(msg)).length, 1);
});

test("a workspace whose refused start cannot be put off keeps none from being started", async (t) => {
  const world = await givenLifecycle(t, { at: AT, desired: 0, idle: true });
  const { context, pool } = world;
  await givenIdleWorker(context);
  const due = { transition: "stop", autostart: "CRON_TZ=UTC 0 9 * * *", nextStartAt: AT } as const;
  const before = { ...due, builtAt: "2023-12-31T12:00Z" } as const;
  const refused = await givenWorkspace(world, { ...before, automaticUpdates: "always" });
  await givenWorkspaces(world, { ...before, count: 30 });
  const active = await givenVersion(context, pool.templateId);
  await context.pool.query(
    "insert into template_version_parameters (template_version_id, name) values ($1, 'region')",
    [active],
  );
  await poison(world, "next_start_at", refused);
  const { done, skipped } = await world.executor.tick(signal);
  assert.deepEqual([[...done], [...skipped]], [[["autostart", 30]], [["failed", 1]]]);
});
