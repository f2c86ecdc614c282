import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import { type Permission, readPermissions } from "../rbac/permission.ts";
import { isNotCustom } from "../rbac/roles.ts";
import type { CustomRoleRow } from "./role-view.ts";

// Every statement here leaves the system roles out: they are the daemon's, and nobody sees or changes them.
const COLUMNS = "r.id, r.name, r.display_name, r.organization_id, r.org_permissions as permissions";

type StoredRow = Omit<CustomRoleRow, "permissions"> & { readonly permissions: unknown };

/** An entry that is no permission is read as a denial, which no role of people's has; it is nothing to show. */
function rowOf({ permissions, ...row }: StoredRow): CustomRoleRow {
  return { ...row, permissions: readPermissions(permissions).filter(({ negate }) => !negate) };
}

/** The roles that people have made for an organization, by name. Those that a built-in one hides are nobody's. */
export async function listCustomRoles(db: Queryable, organizationId: string): Promise<CustomRoleRow[]> {
  const { rows } = await db.query<StoredRow>(
    `select ${COLUMNS} from custom_roles r where r.organization_id = $1 and not r.is_system order by lower(r.name)`,
    [organizationId],
  );
  return rows.filter(({ name }) => !isNotCustom(name)).map(rowOf);
}

/** The roles that people have made for the organization of those that these name, in any case; by their stored names. */
export function findCustomRoles(db: Queryable, organizationId: string, names: readonly string[]): Promise<string[]> {
  return readNames(db, organizationId, names, "");
}

/**
 * The same, of roles that are to be given: they are not deleted until the transaction ends. Locks roles before members,
 * like who deletes a role.
 */
export function holdCustomRoles(
  client: pg.PoolClient,
  organizationId: string,
  names: readonly string[],
): Promise<string[]> {
  return readNames(client, organizationId, names, "for key share");
}

async function readNames(
  db: Queryable,
  organizationId: string,
  names: readonly string[],
  lock: "" | "for key share",
): Promise<string[]> {
  const custom = names.filter((name) => !isNotCustom(name));
  if (custom.length === 0) return [];
  const { rows } = await db.query<{ name: string }>(
    `select r.name from custom_roles r
      where r.organization_id = $1 and not r.is_system and lower(r.name) = any ($2::text[]) ${lock}`,
    [organizationId, custom.map((name) => name.toLowerCase())],
  );
  return rows.map(({ name }) => name);
}

/**
 * Finds a role that is to be changed or deleted, by its name in any case, and keeps others from doing so. It can still be
 * given meanwhile; the deletion itself waits for those who do.
 */
export async function lockCustomRole(
  client: pg.PoolClient,
  organizationId: string,
  name: string,
): Promise<CustomRoleRow | undefined> {
  if (isNotCustom(name)) return undefined;
  const { rows } = await client.query<StoredRow>(
    `select ${COLUMNS} from custom_roles r
      where r.organization_id = $1 and not r.is_system and lower(r.name) = lower($2) for no key update`,
    [organizationId, name],
  );
  return rows[0] && rowOf(rows[0]);
}

/** What people say of a role. */
type CustomRole = Pick<CustomRoleRow, "name" | "display_name"> & { readonly permissions: readonly Permission[] };

/**
 * Makes a role, which nobody has.
 * @throws ProblemError when the name is taken
 */
export async function insertCustomRole(
  client: pg.PoolClient,
  organizationId: string,
  { name, display_name, permissions }: CustomRole,
  now: Date,
): Promise<CustomRoleRow> {
  try {
    const { rows } = await client.query<StoredRow>(
      `insert into custom_roles as r (name, display_name, organization_id, org_permissions, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $5) returning ${COLUMNS}`,
      [name, display_name, organizationId, JSON.stringify(permissions), now],
    );
    const made = rowOf(rows[0] as StoredRow);
    // Where the name has been left behind, whoever has it was given something else.
    await takeFromAll(client, made, now);
    return made;
  } catch (error) {
    if (!isUniqueViolation(error, "custom_roles_organization_id_name_unique")) throw error;
    throw new ProblemError("conflict", `there is a role ${JSON.stringify(name)} in this organization already`);
  }
}

/** Changes what is said of a role, and what it grants; who has it has it still. */
export async function updateCustomRole(
  client: pg.PoolClient,
  { id, display_name, permissions }: CustomRoleRow,
  now: Date,
): Promise<void> {
  await client.query(
    `update custom_roles set display_name = $2, org_permissions = $3, updated_at = $4 where id = $1 and not is_system`,
    [id, display_name, JSON.stringify(permissions), now],
  );
}

/** Deletes a role, and takes it from all who have it, those who get it at this moment included; tells how many they were. */
export async function deleteCustomRole(client: pg.PoolClient, role: CustomRoleRow, now: Date): Promise<number> {
  await client.query("delete from custom_roles where id = $1 and not is_system", [role.id]);
  return takeFromAll(client, role, now);
}

/** Two roles that are deleted at once meet the members who have both in the same order. */
async function takeFromAll(
  client: pg.PoolClient,
  { organization_id, name }: CustomRoleRow,
  now: Date,
): Promise<number> {
  const { rowCount } = await client.query(
    `with holders as (
        select user_id from organization_members where organization_id = $1 and $2 = any (roles)
        order by user_id for no key update)
      update organization_members m set roles = array_remove(m.roles, $2), updated_at = $3
      from holders h where m.organization_id = $1 and m.user_id = h.user_id`,
    [organization_id, name, now],
  );
  return rowCount ?? 0;
}
