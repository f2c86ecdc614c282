import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { isVisible, VISIBILITY_PARAMETERS, visibilityValues } from "../db/visible.ts";
import type { Visibility } from "../rbac/visibility.ts";
import type { MemberRow } from "./member-view.ts";
import type { Page } from "./store.ts";

const COLUMNS = `m.organization_id, m.user_id, u.username, u.name, u.email, u.avatar_url, u.status, u.is_system,
  u.rbac_roles as site_roles, m.roles, m.created_at, m.updated_at`;
const MEMBERS = `organization_members m join users u on u.id = m.user_id and not u.deleted
  join organizations o on o.id = m.organization_id and not o.deleted`;

/** Finds a member of an organization; the system user, too. */
export async function findMember(
  db: Queryable,
  organizationId: string,
  userId: string,
): Promise<MemberRow | undefined> {
  const { rows } = await db.query<MemberRow>(
    `select ${COLUMNS} from ${MEMBERS} where m.organization_id = $1 and m.user_id = $2`,
    [organizationId, userId],
  );
  return rows[0];
}

/** Finds a member who is to be changed or removed, and keeps others from doing so; the system user is not found. */
export async function lockMember(
  client: pg.PoolClient,
  organizationId: string,
  userId: string,
): Promise<MemberRow | undefined> {
  const { rows } = await client.query<MemberRow>(
    `select ${COLUMNS} from ${MEMBERS} where m.organization_id = $1 and m.user_id = $2 and not u.is_system
      for update of m`,
    [organizationId, userId],
  );
  return rows[0];
}

/**
 * One page of the members of an organization that may be seen, in the order of their usernames, and how many there are
 * in all.
 * @param filter `search` is a part of a username, a name or an email address, in any case
 */
export async function listMembers(
  db: Queryable,
  organizationId: string,
  visible: Visibility,
  filter: { readonly includeSystem: boolean; readonly search: string },
  page: Page,
): Promise<{ members: MemberRow[]; total: number }> {
  const [organization, system, search, limit, offset] = [1, 2, 3, 4, 5].map((n) => `$${VISIBILITY_PARAMETERS + n}`);
  const { rows } = await db.query<MemberRow & { total: number }>(
    `with matching as (
        select ${COLUMNS} from ${MEMBERS}
        where m.organization_id = ${organization}
          and ${isVisible({ id: "m.user_id", organization: "m.organization_id", owner: "m.user_id" })}
          and (${system}::bool or not u.is_system)
          and (strpos(lower(u.username), lower(${search})) > 0 or strpos(lower(u.name), lower(${search})) > 0
            or strpos(lower(u.email), lower(${search})) > 0)),
      page as (select * from matching order by lower(username) limit ${limit} offset ${offset})
      select total.count as total, page.* from (select count(*)::int as count from matching) total
      left join page on true
      order by lower(page.username)`,
    [...visibilityValues(visible), organizationId, filter.includeSystem, filter.search, page.limit, page.offset],
  );
  return { members: rows.filter((row) => row.user_id !== null), total: rows[0]?.total ?? 0 };
}

/** Makes a user a member without roles; false when it is one already, or is no longer there. */
export async function insertMember(client: pg.PoolClient, organizationId: string, userId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `insert into organization_members (organization_id, user_id)
      select $1, u.id from users u where u.id = $2 and not u.deleted for key share
      on conflict do nothing`,
    [organizationId, userId],
  );
  return rowCount === 1;
}

/** Gives a member these roles and no others. */
export async function updateMemberRoles(
  client: pg.PoolClient,
  { organization_id, user_id }: MemberRow,
  roles: readonly string[],
  now: Date,
): Promise<void> {
  await client.query(
    `update organization_members set roles = $3, updated_at = $4 where organization_id = $1 and user_id = $2`,
    [organization_id, user_id, roles, now],
  );
}

/**
 * Ends a membership. Triggers take the member out of the lists of the organization's workspaces, then out of its groups,
 * and delete an AI budget of theirs that counts for one of these.
 */
export async function deleteMember(client: pg.PoolClient, { organization_id, user_id }: MemberRow): Promise<void> {
  await client.query("delete from organization_members where organization_id = $1 and user_id = $2", [
    organization_id,
    user_id,
  ]);
}
