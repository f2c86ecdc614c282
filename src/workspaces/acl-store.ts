import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { type AccessRoles, SHARED_ROLES } from "./access.ts";
import type { AccessLists, AclView } from "./acl.ts";
import { idIn, OWNERSHIP } from "./ownership-store.ts";
import type { WorkspaceOwnership } from "./rights.ts";

/** The condition that a text is a role that gives something; lists that others have written may hold anything. */
export const isKnownRole = (text: string): string =>
  `${text} in (${SHARED_ROLES.map((role) => `'${role}'`).join(", ")})`;

/** Those with whom a workspace is shared and who are still there, by name; undefined when the workspace is not. */
export async function readAccess(db: Queryable, workspaceId: string): Promise<AclView | undefined> {
  const { rows } = await db.query<AclView>(
    `select
        coalesce((
          select json_agg(json_build_object('id', u.id, 'username', u.username, 'name', u.name,
            'avatar_url', u.avatar_url, 'role', a.role) order by lower(u.username))
          from jsonb_each_text(w.user_acl) a (key, role) join users u on u.id = ${idIn("a.key")} and not u.deleted
          where ${isKnownRole("a.role")}), '[]') as users,
        coalesce((
          select json_agg(json_build_object('id', g.id, 'name', g.name, 'display_name', g.display_name,
            'organization_id', g.organization_id, 'avatar_url', g.avatar_url, 'role', a.role) order by lower(g.name), g.id)
          from jsonb_each_text(w.group_acl) a (key, role)
          join groups g on g.id = ${idIn("a.key")} and g.organization_id = w.organization_id
          where ${isKnownRole("a.role")}), '[]') as groups
      from workspaces w where w.id = $1 and not w.deleted`,
    [workspaceId],
  );
  return rows[0];
}

/** Which of the users are people who are members of the organization; they stay that until the transaction ends. */
export async function holdMembers(
  client: pg.PoolClient,
  organizationId: string,
  userIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ id: string }>(
    `select m.user_id as id
      from organization_members m join users u on u.id = m.user_id and not u.deleted and not u.is_system
      where m.organization_id = $1 and m.user_id = any ($2::uuid[])
      order by m.user_id for key share of m`,
    [organizationId, userIds],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Which of the groups are of the organization; they stay until the transaction ends. */
export async function holdGroups(
  client: pg.PoolClient,
  organizationId: string,
  groupIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ id: string }>(
    "select id from groups where organization_id = $1 and id = any ($2::uuid[]) order by id for key share",
    [organizationId, groupIds],
  );
  return new Set(rows.map(({ id }) => id));
}

/** A workspace whose lists are to be changed; `stored_groups` has what counts for nothing, too. */
export type SharedWorkspace = WorkspaceOwnership & {
  readonly name: string;
  readonly owner_name: string;
  readonly stored_groups: AccessRoles;
};

/**
 * Locks a workspace whose lists are to be changed; undefined when it is deleted. The members and groups that come into
 * the lists are to be held before, for whoever ends a membership holds that first and the workspaces then.
 */
export async function lockShared(client: pg.PoolClient, workspaceId: string): Promise<SharedWorkspace | undefined> {
  await client.query("select from workspaces where id = $1 for no key update", [workspaceId]);
  // Only a statement that begins when the lock is there sees the owner, and the lists, that it was waited for.
  const { rows } = await client.query<SharedWorkspace>(
    `select ${OWNERSHIP}, w.group_acl as stored_groups, w.name, u.username as owner_name
      from workspaces w join users u on u.id = w.owner_id
      where w.id = $1 and not w.deleted`,
    [workspaceId],
  );
  return rows[0];
}

/** Shares a workspace with these and no others. */
export async function storeAccess(
  client: pg.PoolClient,
  workspaceId: string,
  lists: AccessLists,
  now: Date,
): Promise<void> {
  await client.query(
    "update workspaces set user_acl = $2, group_acl = $3, updated_at = $4 where id = $1 and owner_id <> $5",
    [workspaceId, lists.users, lists.groups, now, PREBUILDS_SYSTEM_USER_ID],
  );
}

/** Shares no workspace of an organization any more; returns how many were shared. */
export async function emptyAccess(client: pg.PoolClient, organizationId: string, now: Date): Promise<number> {
  const ids = await lockInOrder(
    client,
    "organization_id = $1 and (user_acl <> '{}' or group_acl <> '{}')",
    organizationId,
  );
  await client.query(
    "update workspaces set user_acl = '{}', group_acl = '{}', updated_at = $2 where id = any ($1::uuid[])",
    [ids, now],
  );
  return ids.length;
}

/** Shares no workspace any more with a group, which the transaction has locked. */
export async function removeGroupAccess(client: pg.PoolClient, groupId: string, now: Date): Promise<void> {
  const ids = await lockInOrder(client, "group_acl <> '{}' and group_acl ? $1::text", groupId);
  await client.query(
    "update workspaces set group_acl = group_acl - $2::text, updated_at = $3 where id = any ($1::uuid[])",
    [ids, groupId, now],
  );
}

/** Locks workspaces in one order, so that no two who take away what is shared wait for each other. */
async function lockInOrder(client: pg.PoolClient, condition: string, ...values: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select id from workspaces where ${condition} order by id for no key update`,
    [...values],
  );
  return rows.map(({ id }) => id);
}
