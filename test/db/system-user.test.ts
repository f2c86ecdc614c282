import assert from "node:assert/strict";
import { it } from "node:test";
import type pg from "pg";
import journal from "../../drizzle/meta/_journal.json" with { type: "json" };
import { migrateDown, migrateUp } from "../../src/db/migrate.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { createTestDatabase } from "../support/database.ts";

const WITHOUT_SYSTEM_USER = journal.entries.findIndex(({ tag }) => tag === "0003_system_user");

/** The columns of the view of all members of all groups, in their order. */
const COLUMNS = [
  ...["user_id", "user_email", "user_username", "user_hashed_password", "user_created_at", "user_updated_at"],
  ...["user_status", "user_rbac_roles", "user_login_type", "user_avatar_url", "user_deleted", "user_last_seen_at"],
  ...["user_quiet_hours_schedule", "user_name", "user_github_com_user_id"],
];
const GROUP_COLUMNS = ["organization_id", "group_name", "group_id"];

async function columnsOf(pool: pg.Pool, table: string): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    "select column_name as name from information_schema.columns where table_name = $1 order by ordinal_position",
    [table],
  );
  return rows.map(({ name }) => name);
}

/** The rows of a table that are about the system user. */
async function rowsAbout(pool: pg.Pool, table: string, column = "user_id") {
  return (await pool.query(`select * from ${table} where ${column} = $1`, [PREBUILDS_SYSTEM_USER_ID])).rows;
}

async function assertThere(pool: pg.Pool): Promise<void> {
  const [user, ...others] = await rowsAbout(pool, "users", "id");
  assert.deepEqual(others, []);
  assert.partialDeepStrictEqual(user, {
    ...{ id: "c42fdf75-3097-471c-8c33-fb52454d81c0", email: "prebuilds@system", username: "prebuilds" },
    ...{ name: "Prebuilds Owner", status: "active", rbac_roles: [], login_type: "none", hashed_password: "none" },
    ...{ is_system: true, deleted: false, created_at: user.updated_at },
  });
  const changes = await rowsAbout(pool, "user_status_changes");
  assert.deepEqual(
    changes.map(({ new_status, changed_at }) => [new_status, changed_at]),
    [["active", user.created_at]],
    "the trigger has noted how its status began",
  );
  assert.deepEqual(await columnsOf(pool, "group_members_expanded"), [...COLUMNS, "user_is_system", ...GROUP_COLUMNS]);
}

it("SYS-01: a migrated database has the system user, and without a default organization it is a member of none", async (t) => {
  const { pool } = await createTestDatabase(t);
  await assertThere(pool);
  assert.deepEqual(await rowsAbout(pool, "organization_members"), []);
});

it("the system user goes with its migration and comes with it", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  await pool.query("insert into organizations (name, is_default) values ('ours', true), ('other', false)");
  await pool.query("insert into organization_members (organization_id, user_id) select id, $1 from organizations", [
    PREBUILDS_SYSTEM_USER_ID,
  ]);

  await t.test("SYS-13: undone, it leaves nothing behind, and the view is what it was", async () => {
    await migrateDown(url, WITHOUT_SYSTEM_USER);
    assert.deepEqual(await columnsOf(pool, "group_members_expanded"), [...COLUMNS, ...GROUP_COLUMNS]);
    assert.equal([...COLUMNS, ...GROUP_COLUMNS].length, 18);
    assert.ok(!(await columnsOf(pool, "users")).includes("is_system"));
    for (const table of ["organization_members", "user_status_changes", "group_members_expanded"]) {
      assert.deepEqual(await rowsAbout(pool, table), [], table);
    }
    assert.deepEqual(await rowsAbout(pool, "users", "id"), []);
  });

  await t.test(
    "SYS-14: made again, it is as at first, and a member of the default organization alone, without roles",
    async () => {
      await migrateUp(url);
      await assertThere(pool);
      const { rows } = await pool.query(
        `select o.name, m.roles, m.created_at = m.updated_at as new
       from organization_members m join organizations o on o.id = m.organization_id where m.user_id = $1`,
        [PREBUILDS_SYSTEM_USER_ID],
      );
      assert.deepEqual(rows, [{ name: "ours", roles: [], new: true }]);
    },
  );
});

it("the view of all members has each user once in each group", async (t) => {
  const { pool } = await createTestDatabase(t);
  const { rows } = await pool.query<{ user_id: string; organization_id: string }>(
    `with u as (insert into users (email, username) values ('ada@example.com', 'ada') returning id),
       o as (insert into organizations (name) values ('ours') returning id),
       everyone as (insert into groups (id, name, organization_id) select id, 'Everyone', id from o returning id),
       crew as (insert into groups (name, organization_id) select 'crew', id from o returning id),
       m as (insert into organization_members (organization_id, user_id) select o.id, u.id from o, u),
       gm as (insert into group_members (group_id, user_id) select g.id, u.id
         from (select id from everyone union all select id from crew) g, u)
     select u.id as user_id, o.id as organization_id from u, o`,
  );
  const [{ user_id, organization_id } = { user_id: "", organization_id: "" }] = rows;
  const groups = async () =>
    (
      await pool.query(
        `select group_name, user_username, user_is_system, organization_id = $2 as here from group_members_expanded
         where user_id = $1 order by group_name collate "C"`,
        [user_id, organization_id],
      )
    ).rows.map(({ group_name, ...rest }) => [group_name, ...Object.values(rest)]);

  await t.test("SYS-16: in a group and in Everyone, though it is in that one for two reasons", async () => {
    assert.deepEqual(await groups(), [
      ["Everyone", "ada", false, true],
      ["crew", "ada", false, true],
    ]);
  });

  await t.test("but not in Everyone where there is no such group", async () => {
    await pool.query(
      `with o as (insert into organizations (name) values ('groupless') returning id)
       insert into organization_members (organization_id, user_id) select id, $1 from o`,
      [user_id],
    );
    assert.equal((await groups()).length, 2);
  });

  await t.test("SYS-17: and in none when the user is deleted", async () => {
    await pool.query("update users set deleted = true where id = $1", [user_id]);
    assert.deepEqual(await groups(), []);
  });
});
