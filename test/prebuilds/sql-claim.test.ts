import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { difference } from "../../src/audit/entry.ts";
import type { Context } from "../../src/context.ts";
import { migrateDown } from "../../src/db/migrate.ts";
import { finishClaims } from "../../src/prebuilds/finish-claims.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { CHANNELS } from "../../src/wake.ts";
import { givenControlPlane } from "../support/control-plane.ts";
import { count, givenContext, givenPool, givenUser } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";

const HOUR_MS = 3_600_000;
const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS);

async function givenPlace(t: TestContext, given: Parameters<typeof givenPool>[1] = {}) {
  const context = await givenContext(t);
  const pool = await givenPool(context, given);
  return { context, pool, plane: await givenControlPlane(t, context, pool) };
}

const rowOf = async ({ pool }: Context, id: string | null) =>
  (await pool.query("select * from workspaces where id = $1", [id])).rows[0];

describe("a claim in SQL", () => {
  it("gives the oldest ready prebuild its new owner and name, the template's lifetime, and no other lifecycle", async (t) => {
    const { context, pool, plane } = await givenPlace(t, { defaultTtl: 28_800_000_000_000 });
    await givenPrebuild(context, pool, { createdAt: ago(1) });
    const oldest = await givenPrebuild(context, pool, { createdAt: ago(3) });
    await givenPrebuild(context, pool, { createdAt: ago(4), ready: false });
    // The database would not let anybody set it on a prebuild.
    await context.pool.query("alter table workspaces drop constraint workspaces_prebuilds_outside_lifecycle");
    await context.pool.query(
      `update workspaces set autostart_schedule = '0 9 * * 1-5', next_start_at = now(), dormant_at = now(),
         deleting_at = now(), last_used_at = $1, updated_at = $1`,
      [ago(5)],
    );
    await plane.client.query("begin");
    const { rows } = await plane.client.query<{ begun_at: Date }>("select now() as begun_at");
    assert.equal(await plane.claim({ name: "Mine-2" }), oldest.id);
    await plane.client.query("commit");

    const workspace = await rowOf(context, oldest.id);
    const unset = { autostart_schedule: null, next_start_at: null, dormant_at: null, deleting_at: null };
    const given = { owner_id: plane.userId, name: "Mine-2", ttl: "28800000000000", created_as_prebuild: true };
    assert.partialDeepStrictEqual(workspace, { ...unset, ...given, automatic_updates: "never" });
    assert.deepEqual(workspace.last_used_at, workspace.updated_at);
    assert.ok(workspace.last_used_at > (rows[0]?.begun_at ?? 0), "it is the time of the claim, not of the transaction");
    assert.equal(await count(context, "workspaces where owner_id = $1", [PREBUILDS_SYSTEM_USER_ID]), 2);
  });

  it("leaves no deadline where the template has none", async (t) => {
    const { context, pool, plane } = await givenPlace(t);
    await givenPrebuild(context, pool);
    assert.equal((await rowOf(context, await plane.claim()))?.ttl, null);
  });

  it("is in the audit log, as the new owner's doing and with what changed", async (t) => {
    const { context, pool, plane } = await givenPlace(t);
    const { id } = await givenPrebuild(context, pool);
    const before = await rowOf(context, id);
    await plane.claim({ name: "mine" });
    const { rows } = await context.pool.query("select * from audit_logs");
    const { username } = (await context.pool.query("select username from users where id = $1", [plane.userId])).rows[0];
    const after = await rowOf(context, id);
    const nobody = { ip: null, user_agent: null, request_id: null };
    const what = { action: "claim", resource_type: "workspace", resource_id: id, resource_target: `${username}/mine` };
    const who = { user_id: plane.userId, organization_id: pool.organizationId, ...nobody };
    const fields = (row: typeof before) => ({ owner_id: row.owner_id, name: row.name });
    const diff = difference(fields(before), fields(after));
    assert.deepEqual(rows, [{ id: rows[0]?.id, at: after.updated_at, ...who, ...what, diff }]);
  });

  it("is null when there is nothing to claim, and then nothing is written", async (t) => {
    const { context, pool, plane } = await givenPlace(t);
    await givenPrebuild(context, pool, { ready: false });
    await givenPrebuild(context, pool, { transition: "stop" });
    await givenPrebuild(context, pool, { status: "failed" });
    await givenPrebuild(context, pool, { ownerId: await givenUser(context) });
    assert.equal(await plane.claim(), null);
    assert.equal(await count(context, "audit_logs"), 0);
    assert.equal(await count(context, "unfinished_claims"), 0);
  });

  it("is null where the preset keeps no pool, although prebuilds are left there", async (t) => {
    const { context, pool, plane } = await givenPlace(t, { desired: null });
    await givenPrebuild(context, pool);
    assert.equal(await plane.claim(), null);
  });

  it("works in a pool that is paused", async (t) => {
    const { context, pool, plane } = await givenPlace(t);
    await context.pool.query(
      "insert into pool_pauses (template_id, preset_name, paused_at, paused_by) values ($1, 'small', now(), $2)",
      [pool.templateId, plane.userId],
    );
    const { id } = await givenPrebuild(context, pool);
    assert.equal(await plane.claim(), id);
  });

  it("takes an expired prebuild only when no fresh one is left, by age and by invalidation", async (t) => {
    const { context, pool, plane } = await givenPlace(t, { ttlSeconds: 4 * 3_600 });
    const outlived = await givenPrebuild(context, pool, { createdAt: ago(5) });
    const invalidated = await givenPrebuild(context, pool, { createdAt: ago(3) });
    const fresh = await givenPrebuild(context, pool, { createdAt: ago(1) });
    await context.pool.query("update template_version_presets set last_invalidated_at = $1", [ago(2)]);
    const claimed = [await plane.claim(), await plane.claim(), await plane.claim(), await plane.claim()];
    assert.deepEqual(claimed, [fresh.id, outlived.id, invalidated.id, null]);
  });

  it("never takes a prebuild whose last build is of another version than the pool's", async (t) => {
    const { context, pool, plane } = await givenPlace(t);
    const { id } = await givenPrebuild(context, pool);
    await context.pool.query("update workspaces set latest_template_version_id = null where id = $1", [id]);
    assert.equal(await plane.claim(), null);
  });
});

it("a claim in SQL is told to the daemons when it is committed, once for all claims of a transaction, and not when it is rolled back", async (t) => {
  const { context, pool, plane } = await givenPlace(t);
  for (let n = 0; n < 3; n += 1) await givenPrebuild(context, pool);
  const { client } = await givenControlPlane(t, context, pool);
  const heard: string[] = [];
  client.on("notification", ({ channel }) => heard.push(channel));
  await client.query(`listen ${CHANNELS.claims}`);
  await plane.client.query("begin");
  await plane.claim();
  await plane.client.query("rollback");
  await plane.client.query("begin");
  await plane.claim();
  await plane.claim();
  await client.query("select 1"); // what has been sent arrives before the answer
  assert.deepEqual(heard, []);
  await plane.client.query("commit");
  await client.query("select 1");
  assert.deepEqual(heard, [CHANNELS.claims]);
});

it("claims in SQL cannot be migrated away while one is not finished, for it would never be", async (t) => {
  const { context, pool, plane } = await givenPlace(t);
  await givenPrebuild(context, pool);
  await plane.claim();
  const down = () => migrateDown(context.url, 6);
  await assert.rejects(down(), { kind: "conflict", message: /0006_claim_prebuild: .* claim build is still to come/ });
  await finishClaims(context, new AbortController().signal);
  await down();
  await assert.rejects(plane.claim(), { code: "42883" });
});

describe("who may claim in SQL:", () => {
  /** A role that may log in and nothing else; it is gone at the end of the test. */
  async function givenRole(t: TestContext, { pool }: Context) {
    const name = `role_${process.pid}_${Date.now()}`;
    await pool.query(`create role ${name}`);
    t.after(async () => {
      await pool.query(`drop owned by ${name}`);
      await pool.query(`drop role ${name}`);
    });
    return name;
  }

  it("a role that may only execute the function, and one that may not is refused", async (t) => {
    const { context, pool, plane } = await givenPlace(t);
    const { id } = await givenPrebuild(context, pool);
    const role = await givenRole(t, context);
    await plane.client.query(`set role ${role}`);
    await assert.rejects(plane.claim(), { code: "42501", message: /permission denied for function claim_prebuild/ });
    await context.pool.query(`grant execute on function claim_prebuild(uuid, uuid, text) to ${role}`);
    assert.equal(await plane.claim(), id);
    for (const table of ["workspaces", "audit_logs", "unfinished_claims"]) {
      await assert.rejects(plane.client.query(`select from ${table}`), { code: "42501" }, table);
    }
  });

  it("nobody can slip tables, functions or types of their own under it", async (t) => {
    const { context, pool, plane } = await givenPlace(t);
    const { id } = await givenPrebuild(context, pool);
    await plane.client.query(`
      create temporary table workspaces (like public.workspaces);
      create temporary table users (like public.users);
      create function pg_temp.refuse() returns boolean language plpgsql as $$ begin raise 'hijacked'; end $$;
      create domain pg_temp.timestamptz as pg_catalog.timestamptz check (pg_temp.refuse());
      create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.refuse());
      create domain pg_temp.text as pg_catalog.text check (pg_temp.refuse());
      create schema mine;
      create function mine.clock_timestamp() returns timestamptz language sql as $$ select timestamptz '2000-01-01' $$;
      create function mine.length(text) returns int language sql as $$ select 99 $$;
      set search_path = mine, pg_temp, public, pg_catalog`);
    assert.equal(await plane.claim(), id);
    assert.ok((await rowOf(context, id)).last_used_at > ago(1));
  });
});
