import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type pg from "pg";
import { createOrganization } from "../../src/organizations/store.ts";
import { createTestDatabase } from "../support/database.ts";

const SOME = [{ negate: false, resource_type: "workspace", action: "read" }];

/** The columns of a row of custom_roles; lists as JSON. */
type Row = Readonly<Record<string, unknown>>;

async function setUp(t: TestContext) {
  const { pool } = await createTestDatabase(t);
  const { id } = await createOrganization(pool, { name: "lab" });
  return { pool, id };
}

function insert(pool: pg.Pool, row: Row): Promise<unknown> {
  const names = Object.keys(row);
  const values = Object.values(row).map((value) => (typeof value === "object" ? JSON.stringify(value) : value));
  const places = names.map((_, place) => `$${place + 1}`);
  return pool.query(`insert into custom_roles (${names}) values (${places})`, values);
}

const refusedBy = (constraint: string) => ({ code: "23514", constraint });

describe("the database itself, whoever writes SQL,", () => {
  it("takes roles that grant something in their organization", async (t) => {
    const { pool, id: organization_id } = await setUp(t);
    await insert(pool, { name: "reader", organization_id, org_permissions: SOME });
    await insert(pool, { name: "nothing", organization_id });
    await assert.rejects(insert(pool, { name: "READER", organization_id }), { code: "23505" });
  });

  it("ORG-16: refuses a role that denies something and is no system role", async (t) => {
    const { pool, id: organization_id } = await setUp(t);
    const org_permissions = [...SOME, { ...SOME[0], negate: true }];
    const row = { name: "reader", organization_id, org_permissions };
    await assert.rejects(insert(pool, row), refusedBy("custom_roles_grant_one_by_one"));
    await insert(pool, { ...row, is_system: true });
  });

  it("ORG-17: refuses a role that grants every action, or one on everything, and is no system role", async (t) => {
    const { pool, id: organization_id } = await setUp(t);
    for (const change of [{ action: "*" }, { resource_type: "*" }, { resource_type: "*", action: "*" }]) {
      const row = { name: "reader", organization_id, org_permissions: [{ ...SOME[0], ...change }] };
      await assert.rejects(insert(pool, row), refusedBy("custom_roles_grant_one_by_one"));
      await assert.rejects(
        pool.query("update custom_roles set is_system = false, org_permissions = $1 where is_system", [
          JSON.stringify(row.org_permissions),
        ]),
      );
    }
  });

  it("ORG-19: refuses a role of no organization that grants something in organizations, or is no system role", async (t) => {
    const { pool } = await setUp(t);
    const nowhere = refusedBy("custom_roles_in_organization");
    await assert.rejects(insert(pool, { name: "reader", org_permissions: SOME }), nowhere);
    await assert.rejects(insert(pool, { name: "reader", org_permissions: SOME, is_system: true }), nowhere);
    await assert.rejects(insert(pool, { name: "reader", member_permissions: SOME, is_system: true }), nowhere);
    await assert.rejects(insert(pool, { name: "reader" }), nowhere);
  });

  it("ORG-20: lets no system role cease to be one, nor another role become one", async (t) => {
    const { pool, id: organization_id } = await setUp(t);
    await insert(pool, { name: "reader", organization_id, org_permissions: SOME });
    const denied = { code: "42501" };
    const { rows: before } = await pool.query("select * from custom_roles order by id");
    await assert.rejects(pool.query("update custom_roles set is_system = false where is_system"), denied);
    await assert.rejects(pool.query("update custom_roles set is_system = true where name = 'reader'"), denied);
    await assert.rejects(
      pool.query("update custom_roles set is_system = false, name = 'mine', org_permissions = '[]' where is_system"),
      denied,
    );
    assert.deepEqual((await pool.query("select * from custom_roles order by id")).rows, before);
    await pool.query("update custom_roles set is_system = is_system, display_name = 'x'");
  });

  it("refuses a role that grants something on other levels and is no system role, and lists that are none", async (t) => {
    const { pool, id: organization_id } = await setUp(t);
    for (const level of ["site_permissions", "user_permissions", "member_permissions"]) {
      const row = { name: "reader", organization_id, [level]: SOME };
      await assert.rejects(insert(pool, row), refusedBy("custom_roles_grant_in_organization_only"));
    }
    for (const level of ["org_permissions", "site_permissions", "user_permissions", "member_permissions"]) {
      const row = { name: "system", organization_id, is_system: true, [level]: { a: 1 } };
      await assert.rejects(insert(pool, row), refusedBy("custom_roles_lists"));
    }
  });
});
