import type pg from "pg";
import { BEGIN, type Queryable, withTransaction } from "../db/connection.ts";
import { isVisible, VISIBILITY_PARAMETERS, visibilityValues } from "../db/visible.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import type { Visibility } from "../rbac/visibility.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { filledRoles, insertFilledRoles } from "./system-role-store.ts";
import type { OrganizationRow } from "./view.ts";

const COLUMNS = "o.id, o.name, o.display_name, o.description, o.icon, o.is_default, o.created_at, o.updated_at";

/** Finds an organization by its id, by its name in any case, or the default one by `default`. */
export async function findOrganization(db: Queryable, reference: string): Promise<OrganizationRow | undefined> {
  const { rows } = await db.query<OrganizationRow>(
    `select ${COLUMNS} from organizations o
      where not o.deleted
        and (o.id::text = lower($1) or lower(o.name) = lower($1) or ($1 = 'default' and o.is_default))
      order by ($1 = 'default' and o.is_default) desc, o.id::text = lower($1) desc
      limit 1`,
    [reference],
  );
  return rows[0];
}

/** Which part of a list is wanted. */
export type Page = { readonly limit: number; readonly offset: number };

/** One page of the organizations that may be seen, in the order of their names, and how many there are in all. */
export async function listOrganizations(
  db: Queryable,
  visible: Visibility,
  page: Page,
): Promise<{ organizations: OrganizationRow[]; total: number }> {
  const limit = `limit $${VISIBILITY_PARAMETERS + 1} offset $${VISIBILITY_PARAMETERS + 2}`;
  const { rows } = await db.query<OrganizationRow & { total: number }>(
    `with matching as (
        select ${COLUMNS} from organizations o
        where not o.deleted and ${isVisible({ id: "o.id", organization: "o.id" })}),
      page as (select * from matching order by lower(name) ${limit})
      select total.count as total, page.* from (select count(*)::int as count from matching) total
      left join page on true
      order by lower(page.name)`,
    [...visibilityValues(visible), page.limit, page.offset],
  );
  return { organizations: rows.filter(({ id }) => id !== null), total: rows[0]?.total ?? 0 };
}

/** What people say of an organization. */
type OrganizationText = Pick<OrganizationRow, "name" | "display_name" | "description" | "icon">;
type NewOrganization = Pick<OrganizationText, "name"> & { readonly [K in keyof OrganizationText]?: string | undefined };

/**
 * Creates an organization with its Everyone group, whose id is the organization's own, and its system roles.
 * @throws ProblemError when the name is taken.
 */
export async function createOrganization(
  db: Queryable,
  text: NewOrganization,
  { isDefault = false }: { readonly isDefault?: boolean } = {},
): Promise<OrganizationRow> {
  const { name, display_name = "", description = "", icon = "" } = text;
  return unlessTaken(name, async () => {
    const { rows } = await db.query<OrganizationRow>(
      `with o as (
          insert into organizations (name, display_name, description, icon, is_default) values ($1, $2, $3, $4, $5)
          returning *),
        everyone as (
          insert into groups (id, name, organization_id) select o.id, 'Everyone', o.id from o),
        roles as (${insertFilledRoles("$6")})
        select ${COLUMNS} from o`,
      [name, display_name, description, icon, isDefault, filledRoles],
    );
    return rows[0] as OrganizationRow;
  });
}

async function unlessTaken<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUniqueViolation(error, "organizations_name_unique")) throw error;
    throw new ProblemError("conflict", `there is an organization ${JSON.stringify(name)} already`);
  }
}

/** Locks an organization that is to be changed or deleted; undefined when it has been deleted. */
export async function lockOrganization(client: pg.PoolClient, id: string): Promise<OrganizationRow | undefined> {
  const { rows } = await client.query<OrganizationRow>(
    `select ${COLUMNS} from organizations o where o.id = $1 and not o.deleted for update`,
    [id],
  );
  return rows[0];
}

/** Keeps an organization from being deleted until the transaction ends; false when it has been already. */
export async function holdOrganization(client: pg.PoolClient, id: string): Promise<boolean> {
  const { rowCount } = await client.query("select from organizations where id = $1 and not deleted for key share", [
    id,
  ]);
  return rowCount === 1;
}

/**
 * Changes what is said of an organization.
 * @throws ProblemError when the name is taken.
 */
export async function updateOrganization(
  client: pg.PoolClient,
  id: string,
  { name, display_name, description, icon }: OrganizationText,
  now: Date,
): Promise<OrganizationRow> {
  return unlessTaken(name, async () => {
    const { rows } = await client.query<OrganizationRow>(
      `update organizations o set name = $2, display_name = $3, description = $4, icon = $5, updated_at = $6
        where o.id = $1 returning ${COLUMNS}`,
      [id, name, display_name, description, icon, now],
    );
    return rows[0] as OrganizationRow;
  });
}

/** Makes a user a member of an organization; a user who is one already stays as is. */
export async function addMember(
  db: Queryable,
  input: { readonly organizationId: string; readonly userId: string; readonly roles?: readonly string[] },
): Promise<void> {
  await db.query(
    `insert into organization_members (organization_id, user_id, roles) values ($1, $2, $3::text[])
      on conflict do nothing`,
    [input.organizationId, input.userId, input.roles ?? []],
  );
}

/** Whether a user is a member of an organization. */
export async function isMember(db: Queryable, organizationId: string, userId: string): Promise<boolean> {
  const { rowCount } = await db.query("select from organization_members where organization_id = $1 and user_id = $2", [
    organizationId,
    userId,
  ]);
  return rowCount === 1;
}

/**
 * Makes sure that there is a default organization with its Everyone group and the system user as a member.
 * Replicas that start at once take turns, and the second one finds everything done.
 */
export function ensureDefaultOrganization(pool: pg.Pool): Promise<OrganizationRow> {
  return withTransaction(pool, BEGIN.readWrite, async (client) => {
    await client.query("select pg_advisory_xact_lock(hashtextextended('prebuildd:default-organization', 0))");
    const organization = await findOrMakeDefault(client);
    await addMember(client, { organizationId: organization.id, userId: PREBUILDS_SYSTEM_USER_ID });
    return organization;
  });
}

async function findOrMakeDefault(client: pg.PoolClient): Promise<OrganizationRow> {
  const found = await findOrganization(client, "default");
  if (!found) return createOrganization(client, { name: "default" }, { isDefault: true });
  if (!found.is_default) await client.query("update organizations set is_default = true where id = $1", [found.id]);
  return { ...found, is_default: true };
}
