import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import pg from "pg";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { asking } from "../support/asking.ts";
import { givenContext, givenPool } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { type Dates, DEADLINE, insertBuilds, LATER, type Place, setUp } from "./lifecycle-rows.ts";

const OUTSIDE = { code: "23514", constraint: "workspaces_prebuilds_outside_lifecycle" };
const WITHIN_MAX = { code: "23514", constraint: "workspace_builds_deadline_within_max" };

/** Each column of workspaces that a prebuild has nothing in, with a value that other workspaces may have. */
const FIELDS: Readonly<Record<string, string>> = {
  autostart_schedule: "CRON_TZ=UTC 0 9 * * *",
  next_start_at: "2030-01-01T09:00:00Z",
  ttl: "3600000000000",
  dormant_at: "2030-01-01T09:00:00Z",
  deleting_at: "2030-02-01T09:00:00Z",
  latest_deadline: "2030-01-01T17:00:00Z",
};
/** Inserts a workspace with one of the fields. */
function insert({ pool, given }: Place, ownerId: string, field: string): Promise<unknown> {
  return pool.query(
    `insert into workspaces (owner_id, organization_id, template_id, name, ${field}) values ($1, $2, $3, $4, $5)`,
    [ownerId, given.organizationId, given.templateId, randomUUID().slice(0, 20), FIELDS[field]],
  );
}

function setDates(pool: pg.Pool, workspaceId: string, { deadline, maxDeadline }: Dates): Promise<unknown> {
  return pool.query(
    `update workspace_builds b set deadline = $2, max_deadline = $3
     from workspaces w where w.id = $1 and b.id = w.latest_build_id`,
    [workspaceId, deadline, maxDeadline],
  );
}

/** Copies one row in, as whoever restores a table does. */
async function copyIn(pool: pg.Pool, statement: string, row: readonly string[]): Promise<void> {
  const client = await pool.connect();
  const copied = Promise.withResolvers<void>();
  const query = Object.assign(new pg.Query(statement), {
    callback: (error: Error | null) => (error ? copied.reject(error) : copied.resolve()),
    handleCopyInResponse(connection: { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }) {
      connection.sendCopyFromChunk(Buffer.from(`${row.join("\t")}\n`));
      connection.endCopyFrom();
    },
  });
  client.query(query);
  await copied.promise.finally(() => client.release());
}

describe("the database itself, whoever writes SQL,", () => {
  it("keeps every field of the lifecycle off prebuilds and takes the same for people's workspaces", async (t) => {
    const place = await setUp(t);
    const { pool, prebuild, mine, person } = place;
    const { rows } = await pool.query("select rolsuper from pg_roles where rolname = current_user");
    t.diagnostic(`as ${rows[0].rolsuper ? "a superuser" : "an ordinary role"}`);
    for (const [field, value] of Object.entries(FIELDS)) {
      const update = `update workspaces set ${field} = $2 where id = $1`;
      await assert.rejects(pool.query(update, [prebuild, value]), OUTSIDE, `update of ${field}`);
      await assert.rejects(insert(place, PREBUILDS_SYSTEM_USER_ID, field), OUTSIDE, `insert with ${field}`);
      await assert.rejects(pool.query(`update workspaces set ${field} = $1`, [value]), OUTSIDE, `${field} of all`);
      await pool.query(update, [mine, value]);
      await insert(place, person, field);
    }
  });

  it("refuses a copy, an upsert and a merge, too", async (t) => {
    const { pool, given, prebuild, mine, person } = await setUp(t);
    await pool.query("update workspaces set ttl = 1 where id = $1", [mine]);
    await pool.query("create table copied (like workspaces)");
    await pool.query("insert into copied select * from workspaces where id = $1", [mine]);
    await pool.query("update copied set id = gen_random_uuid(), name = 'copied', owner_id = $1", [
      PREBUILDS_SYSTEM_USER_ID,
    ]);
    const upsert = "on conflict (id) do update set ttl = excluded.ttl";
    for (const statement of [
      "insert into workspaces select * from copied",
      `insert into workspaces select (jsonb_populate_record(c, jsonb_build_object('id', '${prebuild}'))).* from copied c ${upsert}`,
      `merge into workspaces w using copied c on w.id = '${prebuild}' when matched then update set ttl = c.ttl`,
    ]) {
      await assert.rejects(pool.query(statement), OUTSIDE, statement);
    }
    const values = [randomUUID(), PREBUILDS_SYSTEM_USER_ID, given.organizationId, given.templateId, "copied", "1"];
    const copy = "copy workspaces (id, owner_id, organization_id, template_id, name, ttl) from stdin";
    await assert.rejects(copyIn(pool, copy, values), OUTSIDE);
    await copyIn(pool, copy, values.with(1, person));
  });

  it("LIF-11: refuses a deadline of a prebuild's latest build, with a latest one or without", async (t) => {
    const place = await setUp(t);
    const { pool, prebuild, mine } = place;
    for (const maxDeadline of [null, DEADLINE, LATER]) {
      const dates = { deadline: DEADLINE, maxDeadline };
      await assert.rejects(setDates(pool, prebuild, dates), OUTSIDE);
      await assert.rejects(insertBuilds(place, prebuild, [dates]), OUTSIDE);
      await assert.rejects(insertBuilds(place, prebuild, [{ deadline: null, maxDeadline: null }, dates]), OUTSIDE);
      await setDates(pool, mine, dates);
      await insertBuilds(place, mine, [dates]);
    }
  });

  it("lets nobody hand a workspace with such fields over to the system user", async (t) => {
    const { pool, mine, person } = await setUp(t);
    const give = (owner: string) => pool.query("update workspaces set owner_id = $2 where id = $1", [mine, owner]);
    for (const [field, value] of Object.entries(FIELDS)) {
      await pool.query(`update workspaces set ${field} = $2 where id = $1`, [mine, value]);
      await assert.rejects(give(PREBUILDS_SYSTEM_USER_ID), OUTSIDE, field);
      await pool.query(`update workspaces set ${field} = null where id = $1`, [mine]);
    }
    await setDates(pool, mine, { deadline: DEADLINE, maxDeadline: null });
    await assert.rejects(give(PREBUILDS_SYSTEM_USER_ID), OUTSIDE, "a deadline");
    await setDates(pool, mine, { deadline: null, maxDeadline: null });
    await give(PREBUILDS_SYSTEM_USER_ID);
    await give(person);
  });

  it("LIF-10: takes a claim that makes a prebuild somebody's and sets the fields in the same statement", async (t) => {
    const { pool, prebuild, person } = await setUp(t);
    const fields = Object.entries(FIELDS).filter(([field]) => field !== "latest_deadline");
    const sets = fields.map(([field], index) => `${field} = $${index + 3}`);
    const { rowCount } = await pool.query(`update workspaces set owner_id = $2, ${sets} where id = $1`, [
      prebuild,
      person,
      ...fields.map(([, value]) => value),
    ]);
    assert.equal(rowCount, 1);
  });

  it("LIF-10: takes a claim with schedule and ttl through the daemon", async (t) => {
    const context = await givenContext(t);
    const pool = await givenPool(context, { defaultTtl: 3_600_000_000_000 });
    const { id } = await givenPrebuild(context, pool);
    const ask = await asking(context, pool);
    const claim = await ask({ autostartSchedule: "CRON_TZ=UTC 0 9 * * *" });
    assert.deepEqual([claim.claimed, claim.workspaceId], [true, id]);
    const { rows } = await context.pool.query(
      `select ttl, dormant_at, deleting_at, last_used_at = updated_at as used, next_start_at > now() as next
       from workspaces where id = $1`,
      [id],
    );
    assert.deepEqual(rows, [{ ttl: "3600000000000", dormant_at: null, deleting_at: null, used: true, next: true }]);
  });

  it("refuses a deadline after the latest one, and a latest one without a deadline, for everybody", async (t) => {
    const place = await setUp(t);
    const { pool, mine, prebuild } = place;
    for (const dates of [
      { deadline: LATER, maxDeadline: DEADLINE },
      { deadline: null, maxDeadline: DEADLINE },
    ]) {
      for (const id of [mine, prebuild]) {
        await assert.rejects(setDates(pool, id, dates), WITHIN_MAX);
        await assert.rejects(insertBuilds(place, id, [dates]), WITHIN_MAX);
      }
    }
  });
});
