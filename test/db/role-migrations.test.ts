import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import type pg from "pg";
import journal from "../../drizzle/meta/_journal.json" with { type: "json" };
import { migrateDown, migrateUp } from "../../src/db/migrate.ts";
import { readCatalogue } from "../support/catalogue.ts";
import { createTestDatabase } from "../support/database.ts";

const before = (name: string) => journal.entries.findIndex(({ tag }) => tag === name);
const WITHOUT_ROLES = before("0007_custom_roles");
const WITHOUT_SYSTEM_ROLES = before("0008_system_roles");
const WITHOUT_MEMBER_ROLE = before("0009_organization_member_role");

const READ = '[{"negate": false, "resource_type": "template", "action": "read"}]';
const EMPTY = { display_name: "", is_system: true, site: [], org: [], user: [], member: [] };

async function insertOrganizations(pool: pg.Pool, ...names: string[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    "insert into organizations (name) select unnest($1::text[]) returning id",
    [names],
  );
  return rows.map(({ id }) => id);
}

/** The roles of an organization by name. */
async function rolesOf(pool: pg.Pool, organizationId: string | undefined) {
  const { rows } = await pool.query(
    `select name, display_name, is_system, site_permissions as site, org_permissions as org, user_permissions as user,
       member_permissions as member
     from custom_roles where organization_id = $1 order by name collate "C"`,
    [organizationId],
  );
  return Object.fromEntries(rows.map(({ name, ...rest }) => [name, rest]));
}

/** A member of an organization with these roles; the result reads them. */
async function givenMember(pool: pg.Pool, organizationId: string | undefined, roles: string[]) {
  const { rows } = await pool.query<{ id: string }>(
    `with u as (insert into users (email, username)
       select 'user-' || n || '@example.com', 'user-' || n from (select count(*) as n from users) c returning id)
     insert into organization_members (organization_id, user_id, roles) select $1, id, $2 from u returning user_id as id`,
    [organizationId, roles],
  );
  return async () =>
    (await pool.query("select roles from organization_members where user_id = $1", [rows[0]?.id])).rows[0].roles;
}

it("every organization gets an empty role of all members, and none gets two", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const file = await readFile(new URL("../../drizzle/0009_organization_member_role.sql", import.meta.url), "utf8");
  await migrateDown(url, WITHOUT_MEMBER_ROLE);
  const [first, second, deleted] = await insertOrganizations(pool, "first", "second", "deleted");
  await pool.query("update organizations set deleted = true where id = $1", [deleted]);
  await pool.query(
    "insert into custom_roles (name, organization_id, is_system, org_permissions) values ('organization-member', $1, true, $2)",
    [second, READ],
  );
  await migrateUp(url);

  await t.test("it grants nothing until the daemon fills it", async () => {
    for (const id of [first, deleted]) assert.deepEqual(await rolesOf(pool, id), { "organization-member": EMPTY });
  });

  await t.test("REC-20: one that is there already stays as it is, however often the migration is run", async () => {
    const read = async () => (await pool.query("select *, xmin::text from custom_roles order by id")).rows;
    const roles = await read();
    assert.deepEqual(roles.map(({ organization_id }) => organization_id).sort(), [first, second, deleted].sort());
    const kept = { ...EMPTY, org: JSON.parse(READ) };
    assert.deepEqual(await rolesOf(pool, second), { "organization-member": kept });
    for (const statement of file.split("--> statement-breakpoint").slice(0, 2)) await pool.query(statement);
    assert.deepEqual(await read(), roles);
  });

  await t.test("a trigger makes it for each new one, whoever inserts it", async () => {
    const [id] = await insertOrganizations(pool, "new");
    assert.deepEqual(await rolesOf(pool, id), { "organization-member": EMPTY });
    await insertOrganizations(pool, ...Array.from({ length: 20 }, (_, n) => `many-${n}`));
    const { rows } = await pool.query(
      "select count(*)::int from organizations o join custom_roles r on r.organization_id = o.id where o.name like 'many-%'",
    );
    assert.deepEqual(rows, [{ count: 20 }]);
  });

  await t.test("which leaves alone the one that comes with the organization in one statement", async () => {
    const { rows } = await pool.query(
      `with o as (insert into organizations (name) values ('filled') returning id)
       insert into custom_roles (name, organization_id, is_system, org_permissions)
         select 'organization-member', id, true, $1 from o returning organization_id as id`,
      [READ],
    );
    assert.deepEqual(await rolesOf(pool, rows[0].id), { "organization-member": { ...EMPTY, org: JSON.parse(READ) } });
  });

  await t.test("it goes with the organization", async () => {
    await pool.query("delete from organizations where id = $1", [first]);
    assert.deepEqual(await rolesOf(pool, first), {});
  });
});

it("a role that people have made under the name gets another one, and its holders keep it", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  await migrateDown(url, WITHOUT_MEMBER_ROLE);
  for (const [index, name] of ["organization-member", "Organization-Member", "ORGANIZATION-MEMBER"].entries()) {
    await t.test(`such as ${name}`, async () => {
      const [taken, other] = await insertOrganizations(pool, `taken-${index}`, `beside-${index}`);
      const { rows } = await pool.query<{ id: string }>(
        `insert into custom_roles (name, display_name, organization_id, org_permissions) values ($1, 'Crew', $2, $3)
         returning id`,
        [name, taken, READ],
      );
      const holder = await givenMember(pool, taken, ["organization-admin", name, "reader"]);
      const bystander = await givenMember(pool, taken, ["reader"]);
      const elsewhere = await givenMember(pool, other, [name]);
      await migrateUp(url);
      const renamed = `organization-member-${rows[0]?.id}`;
      assert.deepEqual(await rolesOf(pool, taken), {
        "organization-member": EMPTY,
        [renamed]: { ...EMPTY, display_name: "Crew", is_system: false, org: JSON.parse(READ) },
      });
      assert.deepEqual(await holder(), ["organization-admin", renamed, "reader"]);
      assert.deepEqual([await bystander(), await elsewhere()], [["reader"], [name]]);
      await migrateDown(url, WITHOUT_MEMBER_ROLE);
    });
  }
});

it("going back and forth keeps what people have made as far as there is a place for it, and ends in the same database", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const newest = await readCatalogue(pool);
  const [ours, other] = await insertOrganizations(pool, "ours", "other");
  await pool.query("update organizations set workspace_sharing_disabled = true where id = $1", [other]);
  await pool.query("insert into custom_roles (name, organization_id, org_permissions) values ('reader', $1, $2)", [
    ours,
    READ,
  ]);
  const filled = '[{"negate": true, "resource_type": "*", "action": "*"}]';
  await pool.query("update custom_roles set org_permissions = $1, member_permissions = $1 where is_system", [filled]);
  // What only somebody who writes by hand makes.
  await pool.query("update custom_roles set name = 'Organization-Member' where is_system and organization_id = $1", [
    other,
  ]);
  await pool.query(
    "insert into custom_roles (name, organization_id, is_system, site_permissions) values ('everywhere', null, true, $1)",
    [filled],
  );
  const holder = await givenMember(pool, ours, ["reader"]);
  await pool.query(
    `with t as (insert into templates (organization_id, name, provisioner, created_by)
       select $1, 'devbox', 'command', id from users where username <> 'prebuilds' returning id, created_by)
     insert into workspaces (name, owner_id, organization_id, template_id, user_acl, group_acl)
       select 'shared', created_by, $1, id, '{"${ours}": "use"}', '{"${ours}": "admin"}' from t`,
    [ours],
  );
  const reader = { ...EMPTY, is_system: false, org: JSON.parse(READ) };
  for (const [count, roles] of [
    [WITHOUT_MEMBER_ROLE, { reader }],
    [WITHOUT_SYSTEM_ROLES, { reader }],
    [WITHOUT_ROLES, {}],
  ] as const) {
    await migrateDown(url, count);
    await migrateUp(url);
    assert.deepEqual(await readCatalogue(pool), newest);
    assert.deepEqual(await rolesOf(pool, ours), { "organization-member": EMPTY, ...roles });
    assert.deepEqual(await rolesOf(pool, other), { "organization-member": EMPTY });
    assert.deepEqual(await holder(), ["reader"]);
  }
  const { rows } = await pool.query("select name, user_acl, group_acl from workspaces");
  assert.deepEqual(rows, [{ name: "shared", user_acl: {}, group_acl: {} }]);
  const { rows: settings } = await pool.query(
    "select distinct workspace_sharing_disabled as disabled from organizations",
  );
  assert.deepEqual(settings, [{ disabled: false }]);
});
