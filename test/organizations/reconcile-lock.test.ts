import assert from "node:assert/strict";
import { it } from "node:test";
import pg from "pg";
import { reconcileSystemRoles } from "../../src/organizations/reconcile.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  assertRight,
  editRole,
  expected,
  givenWorld,
  insertOrganization,
  recordWrites,
  rolesOf,
  type World,
} from "./support.ts";

/** Takes the lock of everybody who writes system roles, as a client of its own; the result lets it go. */
async function holdLock({ url }: World): Promise<{ readonly pid: number; release(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url, application_name: "somebody" });
  await client.connect();
  await client.query("begin");
  const { rows } = await client.query("select pg_advisory_xact_lock(8), pg_backend_pid() as pid");
  return {
    pid: rows[0].pid,
    release: async () => {
      await client.query("commit");
      await client.end();
    },
  };
}

const isWaiting = async ({ pool }: World) => {
  const { rows } = await pool.query(
    `select from pg_locks where locktype = 'advisory' and not granted
      and database = (select oid from pg_database where datname = current_database())`,
  );
  return rows.length > 0;
};

it("REC-16: of replicas that start at once each stale role is written by one, and the others find nothing to do", async (t) => {
  const world = await givenWorld(t);
  const { pool } = world;
  const writes = await recordWrites(pool);
  const { rows } = await pool.query<{ id: string }>(
    "insert into organizations (name) select 'organization-' || n from generate_series(1, 200) n returning id",
  );
  const [removed] = rows.splice(0, 1);
  await pool.query("delete from custom_roles where organization_id = $1", [removed?.id]);
  await pool.query("truncate role_writes");
  const results = await Promise.all(Array.from({ length: 3 }, () => reconcileSystemRoles(world)));
  assert.deepEqual(
    results.map((written) => written.length).sort((a, b) => b - a),
    [200, 0, 0],
  );
  assert.deepEqual(await writes(), new Map([removed, ...rows].map((row) => [row?.id, 1])));
});

it("REC-17: a pass waits for the lock as long as somebody has it, says who that is, and then does its work", async (t) => {
  const world = await givenWorld(t);
  const { lines, pool } = world;
  const id = await insertOrganization(pool, "waiting");
  const lock = await holdLock(world);
  const pass = reconcileSystemRoles(world, { waits: { lockMs: 20, tellMs: 100 } });
  await waitFor("the log to say twice who has the lock", () => lines.length >= 2);
  const [first, second] = lines;
  assert.match(String(first?.["msg"]), /^waited 0\.1 s for the lock on the organization roles, held by process /);
  assert.match(String(second?.["msg"]), /^waited 0\.2 s /);
  const { rows } = await pool.query("select current_user as user");
  const who = `process ${lock.pid} of the database server (application somebody, user ${rows[0].user}, `;
  assert.ok(String(first?.["msg"]).includes(who), String(first?.["msg"]));
  assert.match(String(first?.["msg"]), /idle in transaction, in a transaction since 20\d\d-.*Z\)$/);
  assert.partialDeepStrictEqual(first?.["holders"], [{ pid: lock.pid, application: "somebody" }]);
  assert.deepEqual((await rolesOf(pool, id))[0]?.org_permissions, [], "nothing is written without the lock");
  // What is changed while it waits counts, too.
  const late = await insertOrganization(pool, "late");
  await lock.release();
  assert.equal((await pass).length, 2);
  for (const one of [id, late]) await assertRight(world, one);
});

it("a pass that is no longer wanted gives up waiting for the lock, and leaves its connection as it was", async (t) => {
  const world = await givenWorld(t);
  await insertOrganization(world.pool, "waiting");
  const lock = await holdLock(world);
  const stop = new AbortController();
  const pass = reconcileSystemRoles(world, { signal: stop.signal, waits: { lockMs: 20 } });
  await waitFor("the pass to wait", () => isWaiting(world));
  const reason = new Error("no longer wanted");
  stop.abort(reason);
  await assert.rejects(pass, reason);
  assert.equal(await isWaiting(world), false);
  assert.deepEqual((await world.pool.query("select current_setting('lock_timeout') as it")).rows, [{ it: "0" }]);
  await lock.release();
  await assert.rejects(reconcileSystemRoles(world, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal((await reconcileSystemRoles(world)).length, 1);
});

it("the lock is free again after a pass, one that failed too", async (t) => {
  const world = await givenWorld(t);
  const { pool } = world;
  const id = await insertOrganization(pool, "taken");
  const isFree = async () => (await pool.query("select pg_try_advisory_xact_lock(8) as free")).rows[0].free as boolean;
  await reconcileSystemRoles(world);
  assert.ok(await isFree());
  await pool.query("update custom_roles set name = 'other' where organization_id = $1", [id]);
  await pool.query("insert into custom_roles (name, organization_id) values ('organization-member', $1)", [id]);
  await assert.rejects(reconcileSystemRoles(world), /cannot be written/);
  assert.ok(await isFree());
});

it("a role whose row somebody keeps locked is named soon, and nothing is written", async (t) => {
  const world = await givenWorld(t);
  const { pool } = world;
  const [free, locked] = [await insertOrganization(pool, "free"), await insertOrganization(pool, "locked")];
  const somebody = await pool.connect();
  await somebody.query("begin");
  await somebody.query("select from custom_roles where organization_id = $1 for update", [locked]);
  const message = `the system role organization-member of organization locked (${locked}) cannot be written: canceling statement due to lock timeout`;
  await assert.rejects(reconcileSystemRoles(world, { waits: { rowMs: 100 } }), { message });
  assert.deepEqual((await rolesOf(pool, free))[0]?.org_permissions, []);
  await somebody.query("rollback");
  somebody.release();
  assert.equal((await reconcileSystemRoles(world, { waits: { rowMs: 100 } })).length, 2);
});

it("who edits a role while a pass wants to write it does not stop the pass, whose word is the last", async (t) => {
  const world = await givenWorld(t);
  const { pool } = world;
  const id = await insertOrganization(pool, "edited");
  const somebody = await pool.connect();
  await somebody.query("begin");
  await editRole(somebody, id, { org_permissions: expected(true).org });
  const pass = reconcileSystemRoles(world);
  await waitFor("the pass to wait for the row", async () => {
    const { rows } = await pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rows.length > 0;
  });
  await somebody.query("commit");
  somebody.release();
  assert.equal((await pass).length, 1);
  await assertRight(world, id);
});
