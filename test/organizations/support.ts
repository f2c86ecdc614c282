import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type pg from "pg";
import type { Context } from "../../src/context.ts";
import { createLogger } from "../../src/log.ts";
import { reconcileSystemRoles } from "../../src/organizations/reconcile.ts";
import { type Permission, samePermissions } from "../../src/rbac/permission.ts";
import { MEMBER_ROLE, systemRolePermissions } from "../../src/rbac/system-roles.ts";
import { createTestDatabase } from "../support/database.ts";

export const NOW = new Date("2025-06-02T12:00:00Z");

/** What the role of all members is to grant. */
export const expected = (sharingDisabled = false) => systemRolePermissions(MEMBER_ROLE, sharingDisabled);

/** A permission as it is written in the database. */
export const permission = (resource_type: string, action: string, negate = false): Permission => {
  return { negate, resource_type, action };
};

export type World = Pick<Context, "pool" | "clock" | "log"> & {
  readonly url: string;
  /** What was logged at info and above. */
  readonly lines: Record<string, unknown>[];
};

/** A database of the test's own without organizations, and a log that is kept. */
export async function givenWorld(t: TestContext): Promise<World> {
  const { url, pool } = await createTestDatabase(t);
  const lines: Record<string, unknown>[] = [];
  const log = createLogger("info", { write: (line) => void lines.push(JSON.parse(line)) });
  return { url, pool, clock: { now: () => NOW }, log, lines };
}

/** The columns of a role that a test writes by hand; null is SQL's. */
export type Edit = Partial<
  Record<"site_permissions" | "org_permissions" | "user_permissions" | "member_permissions", unknown> & {
    display_name: string;
  }
>;

/** Inserts an organization as any other program would: its role is what the trigger makes of it. */
export async function insertOrganization(
  db: Pick<pg.Pool, "query">,
  name: string,
  { sharingDisabled = false }: { readonly sharingDisabled?: boolean } = {},
): Promise<string> {
  const { rows } = await db.query<{ id: string }>(
    "insert into organizations (name, workspace_sharing_disabled) values ($1, $2) returning id",
    [name, sharingDisabled],
  );
  return rows[0]?.id as string;
}

/** Changes the role of all members of an organization by hand. */
export async function editRole(db: Pick<pg.Pool, "query">, organizationId: string, edit: Edit): Promise<void> {
  const columns = Object.entries(edit);
  const values = columns.map(([column, value]) =>
    column === "display_name" || value === null ? value : JSON.stringify(value),
  );
  const set = columns.map(([column], index) => `${column} = $${index + 2}`).join(", ");
  await db.query(`update custom_roles set ${set} where organization_id = $1 and is_system`, [
    organizationId,
    ...values,
  ]);
}

/** All roles of an organization, with the transaction that wrote each. */
export async function rolesOf(db: Pick<pg.Pool, "query">, organizationId: string) {
  const { rows } = await db.query<{
    readonly id: string;
    readonly name: string;
    readonly display_name: string;
    readonly is_system: boolean;
    readonly site_permissions: Permission[];
    readonly org_permissions: Permission[];
    readonly user_permissions: Permission[];
    readonly member_permissions: Permission[];
    readonly created_at: Date;
    readonly updated_at: Date;
    readonly xmin: string;
  }>("select *, xmin::text from custom_roles where organization_id = $1 order by name", [organizationId]);
  return rows;
}

/** Keeps a record of every row that is written to `custom_roles`; the result reads how often each organization's was. */
export async function recordWrites(pool: pg.Pool): Promise<() => Promise<Map<string, number>>> {
  await pool.query(
    `create table role_writes (organization_id uuid);
     create function record_role_write() returns trigger language plpgsql as $$
     begin insert into role_writes values (new.organization_id); return null; end $$;
     create trigger record_role_write after insert or update on custom_roles
       for each row execute function record_role_write()`,
  );
  return async () => {
    const { rows } = await pool.query<{ organization_id: string; count: number }>(
      "select organization_id, count(*)::int as count from role_writes group by organization_id",
    );
    return new Map(rows.map((row) => [row.organization_id, row.count]));
  };
}

/** Makes the database refuse whatever is written to the roles of one organization. */
export async function refuseRoleOf(pool: pg.Pool, organizationId: string): Promise<void> {
  await pool.query(
    `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$;
     create trigger refuse before insert or update on custom_roles for each row
       when (new.organization_id = '${organizationId}') execute function refuse()`,
  );
}

/** Asserts that an organization has the role of all members as the code says, and returns its row. */
export async function assertRight({ pool }: Pick<World, "pool">, organizationId: string, sharingDisabled = false) {
  const [role] = (await rolesOf(pool, organizationId)).filter(({ is_system }) => is_system);
  assert.ok(role?.name === MEMBER_ROLE);
  assert.ok(samePermissions(role.org_permissions, expected(sharingDisabled).org), "what is granted there");
  assert.ok(samePermissions(role.member_permissions, expected(sharingDisabled).member), "what of one's own");
  return role;
}

/** A world in which passes over all organizations are watched. */
export async function givenPasses(t: TestContext) {
  const world = await givenWorld(t);
  const { pool, lines } = world;
  const readWrites = await recordWrites(pool);
  /** Runs one pass; says how often each organization's role was written, what changed and what was logged. */
  async function pass() {
    await pool.query("truncate role_writes");
    lines.splice(0);
    const written = await reconcileSystemRoles(world);
    return { writes: await readWrites(), written, lines: [...lines] };
  }
  /** Runs one pass that has nothing to do. */
  async function idlePass(): Promise<void> {
    const { writes, written, lines: said } = await pass();
    assert.deepEqual([[...writes], written, said], [[], [], []]);
  }
  /** Makes an organization whose role is right, but for what is then written into it by hand. */
  async function given(name: string, edit: Edit = {}): Promise<string> {
    const id = await insertOrganization(pool, name);
    await reconcileSystemRoles(world);
    if (Object.keys(edit).length > 0) await editRole(pool, id, edit);
    return id;
  }
  return { world, pass, idlePass, given };
}
