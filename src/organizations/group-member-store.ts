import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { isVisible, VISIBILITY_PARAMETERS, visibilityValues } from "../db/visible.ts";
import type { Visibility } from "../rbac/visibility.ts";
import type { GroupMemberRow } from "./group-view.ts";
import type { Page } from "./store.ts";

/**
 * One page of those who are in a group and may be seen, in the order of their usernames, and how many there are in all.
 * In the Everyone group are all members of the organization.
 */
export async function listGroupMembers(
  db: Queryable,
  groupId: string,
  visible: Visibility,
  page: Page & { readonly includeSystem: boolean },
): Promise<{ members: GroupMemberRow[]; count: number }> {
  const [group, system, limit, offset] = [1, 2, 3, 4].map((n) => `$${VISIBILITY_PARAMETERS + n}`);
  const { rows } = await db.query<GroupMemberRow & { total: number }>(
    `with matching as (
        select e.user_id as id, e.user_username as username, e.user_name as name, e.user_email as email,
          e.user_avatar_url as avatar_url, e.user_status as status, e.user_is_system as is_system,
          e.user_last_seen_at as last_seen_at, e.user_created_at as created_at, e.user_updated_at as updated_at
        from group_members_expanded e
        where e.group_id = ${group} and (${system}::bool or not e.user_is_system)
          and ${isVisible({ id: "e.user_id", organization: "e.organization_id", owner: "e.user_id" })}),
      page as (select * from matching order by lower(username) limit ${limit} offset ${offset})
      select total.count as total, page.* from (select count(*)::int as count from matching) total
      left join page on true
      order by lower(page.username)`,
    [...visibilityValues(visible), groupId, page.includeSystem, page.limit, page.offset],
  );
  return { members: rows.filter(({ id }) => id !== null), count: rows[0]?.total ?? 0 };
}

/**
 * Which of the users may be in a group of the organization: its members, and the system user, which joins groups before
 * organizations. They stay members until the transaction ends.
 */
export async function holdEligible(
  client: pg.PoolClient,
  organizationId: string,
  userIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows: members } = await client.query<{ id: string }>(
    `select m.user_id as id from organization_members m
      where m.organization_id = $1 and m.user_id = any ($2::uuid[])
      order by m.user_id for key share of m`,
    [organizationId, userIds],
  );
  const { rows: users } = await client.query<{ id: string }>(
    `select id from users where id = any ($1::uuid[]) and not deleted and (is_system or id = any ($2::uuid[]))`,
    [userIds, members.map(({ id }) => id)],
  );
  return new Set(users.map(({ id }) => id));
}

/** Somebody who came into a group or left it. */
export type Mover = { readonly id: string; readonly username: string };

/** Puts users into a group, and returns those who were not in it, in the order of their usernames. */
export async function addGroupMembers(
  client: pg.PoolClient,
  groupId: string,
  userIds: readonly string[],
): Promise<Mover[]> {
  const { rows } = await client.query<Mover>(
    `with added as (
        insert into group_members (group_id, user_id) select $1, unnest($2::uuid[])
        on conflict do nothing returning user_id)
      select u.id, u.username from added join users u on u.id = added.user_id order by lower(u.username)`,
    [groupId, userIds],
  );
  return rows;
}

/** Takes users out of a group, and returns those who were in it, in the order of their usernames. */
export async function removeGroupMembers(
  client: pg.PoolClient,
  groupId: string,
  userIds: readonly string[],
): Promise<Mover[]> {
  const { rows } = await client.query<Mover>(
    `with removed as (
        delete from group_members where group_id = $1 and user_id = any ($2::uuid[]) returning user_id)
      select u.id, u.username from removed join users u on u.id = removed.user_id order by lower(u.username)`,
    [groupId, userIds],
  );
  return rows;
}
