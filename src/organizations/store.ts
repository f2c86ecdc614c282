import type pg from "pg";
import { BEGIN, type Queryable, withTransaction } from "../db/connection.ts";
import { isVisible, visibilityValues } from "../db/visible.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import type { Visibility } from "../rbac/visibility.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";

export type OrganizationRow = {
  readonly id: string;
  readonly name: string;
  readonly display_name: string;
  readonly description: string;
  readonly icon: string;
  readonly is_default: boolean;
  readonly created_at: Date;
  readonly updated_at: Date;
};

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

/** All organizations that may be seen, in the order of their names. */
export async function listOrganizations(db: Queryable, visible: Visibility): Promise<OrganizationRow[]> {
  const { rows } = await db.query<OrganizationRow>(
    `select ${COLUMNS} from organizations o
      where not o.deleted and ${isVisible({ id: "o.id", organization: "o.id" })}
      order by lower(o.name)`,
    visibilityValues(visible),
  );
  return rows;
}

/**
 * Creates an organization with its Everyone group, whose id is the organization's own.
 * @throws ProblemError when the name is taken.
 */
export async function createOrganization(
  db: Queryable,
  input: { readonly name: string; readonly displayName?: string; readonly isDefault?: boolean },
): Promise<OrganizationRow> {
  try {
    const { rows } = await db.query<OrganizationRow>(
      `with o as (
          insert into organizations (name, display_name, is_default) values ($1, $2, $3) returning *),
        everyone as (
          insert into groups (id, name, organization_id) select o.id, 'Everyone', o.id from o)
        select ${COLUMNS} from o`,
      [input.name, input.displayName ?? "", input.isDefault ?? false],
    );
    return rows[0] as OrganizationRow;
  } catch (error) {
    if (!isUniqueViolation(error, "organizations_name_unique")) throw error;
    throw new ProblemError("conflict", `there is an organization ${JSON.stringify(input.name)} already`);
  }
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
  if (!found) return createOrganization(client, { name: "default", isDefault: true });
  if (!found.is_default) await client.query("update organizations set is_default = true where id = $1", [found.id]);
  return { ...found, is_default: true };
}
