import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { isVisible, VISIBILITY_PARAMETERS, visibilityValues } from "../db/visible.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import type { Visibility } from "../rbac/visibility.ts";
import { isUuid } from "../uuid.ts";
import { removeGroupAccess } from "../workspaces/acl-store.ts";
import type { GroupRow, GroupSettings } from "./group-view.ts";
import type { Page } from "./store.ts";

/** The groups of organizations that are there; `system` is the parameter that says whether system users are counted. */
const groupsCounting = (system: string) => `
  select g.id, g.name, g.display_name, g.avatar_url, g.quota_allowance, g.source, g.organization_id,
    o.name as organization_name, o.display_name as organization_display_name, g.created_at, g.updated_at,
    (select count(*)::int from group_members_expanded e
      where e.group_id = g.id and (${system}::bool or not e.user_is_system)) as total_member_count
  from groups g join organizations o on o.id = g.organization_id and not o.deleted`;

/** Finds a group by its id. */
export async function findGroup(
  db: Queryable,
  id: string,
  { includeSystem = false }: { readonly includeSystem?: boolean } = {},
): Promise<GroupRow | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<GroupRow>(`${groupsCounting("$2")} where g.id = $1`, [id, includeSystem]);
  return rows[0];
}

/** Finds the id of a group by its name, as it is written, within an organization. */
export async function findGroupId(db: Queryable, organizationId: string, name: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>("select id from groups where organization_id = $1 and name = $2", [
    organizationId,
    name,
  ]);
  return rows[0]?.id;
}

/**
 * One page of the groups of an organization, in the order of their names, and how many there are in all: those that may
 * be seen, and the caller's own ones.
 */
export async function listGroups(
  db: Queryable,
  organizationId: string,
  visible: { readonly byRole: Visibility; readonly own: readonly string[] },
  page: Page & { readonly includeSystem: boolean },
): Promise<{ groups: GroupRow[]; total: number }> {
  const [organization, own, system, limit, offset] = [1, 2, 3, 4, 5].map((n) => `$${VISIBILITY_PARAMETERS + n}`);
  const { rows } = await db.query<GroupRow & { total: number }>(
    `with matching as (
        select id, name from groups g
        where organization_id = ${organization}
          and (g.id = any (${own}::uuid[]) or ${isVisible({ id: "g.id", organization: "g.organization_id" })})),
      page as (
        ${groupsCounting(`${system}`)}
        where g.id in (select id from matching order by lower(name), id limit ${limit} offset ${offset}))
      select total.count as total, page.* from (select count(*)::int as count from matching) total
      left join page on true
      order by lower(page.name), page.id`,
    [...visibilityValues(visible.byRole), organizationId, visible.own, page.includeSystem, page.limit, page.offset],
  );
  return { groups: rows.filter(({ id }) => id !== null), total: rows[0]?.total ?? 0 };
}

/**
 * Makes a group and returns its id.
 * @throws ProblemError when the organization has a group of that name.
 */
export async function insertGroup(
  client: pg.PoolClient,
  organizationId: string,
  { name, display_name, avatar_url, quota_allowance }: GroupSettings,
): Promise<string> {
  return unlessTaken(name, async () => {
    const { rows } = await client.query<{ id: string }>(
      `insert into groups (organization_id, name, display_name, avatar_url, quota_allowance)
        values ($1, $2, $3, $4, $5) returning id`,
      [organizationId, name, display_name, avatar_url, quota_allowance],
    );
    return rows[0]?.id as string;
  });
}

async function unlessTaken<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUniqueViolation(error, "groups_organization_id_name_unique")) throw error;
    throw new ProblemError("conflict", `there is a group ${JSON.stringify(name)} in this organization already`);
  }
}

/** Locks a group that is to be changed or deleted; undefined when it is gone. */
export async function lockGroup(client: pg.PoolClient, id: string): Promise<GroupRow | undefined> {
  const { rowCount } = await client.query("select from groups where id = $1 for update", [id]);
  return rowCount === 1 ? findGroup(client, id) : undefined;
}

/**
 * Sets what can be set of a group.
 * @throws ProblemError when the organization has another group of that name.
 */
export async function updateGroup(
  client: pg.PoolClient,
  id: string,
  { name, display_name, avatar_url, quota_allowance }: GroupSettings,
  now: Date,
): Promise<void> {
  await unlessTaken(name, () =>
    client.query(
      `update groups set name = $2, display_name = $3, avatar_url = $4, quota_allowance = $5, updated_at = $6
        where id = $1`,
      [id, name, display_name, avatar_url, quota_allowance, now],
    ),
  );
}

/** Deletes a group, with which no workspace is shared any more; who was in it stays a member of the organization. */
export async function deleteGroup(client: pg.PoolClient, id: string, now: Date): Promise<void> {
  await removeGroupAccess(client, id, now);
  await client.query("delete from groups where id = $1", [id]);
}
