import type pg from "pg";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";

/** Scripts and administrators know the group by this name: its quota allowance is what prebuilds may cost. */
const GROUP_NAME = "coderprebuiltworkspaces";
const GROUP_DISPLAY_NAME = "Prebuilt Workspaces";

/** Longer than another replica needs for the same rows, and short enough that the pools can wait for it. */
const LOCK_TIMEOUT = "1s";

/** An organization that has pools, and that the prebuilds user does not wholly belong to. */
export type IncompleteOrganization = { readonly id: string; readonly name: string };

/**
 * The organizations with a preset that asks for prebuilds, in any version of any template, deleted ones included, in
 * which the prebuilds user lacks the membership, the group, or the membership of the group. Those that lack nothing are
 * set aside first, so that presets are looked for in the others only.
 */
export const INCOMPLETE_ORGANIZATIONS = `
  with incomplete as materialized (
    select o.id, o.name from organizations o
    where not o.deleted and not exists (
      select from organization_members m
      join groups g on g.organization_id = m.organization_id and g.name = '${GROUP_NAME}'
      join group_members gm on gm.group_id = g.id and gm.user_id = m.user_id
      where m.organization_id = o.id and m.user_id = '${PREBUILDS_SYSTEM_USER_ID}')
  )
  select o.id, o.name from incomplete o
  where exists (
    select from template_version_presets p
    where p.organization_id = o.id and p.desired_instances is not null)
  order by o.id`;

/**
 * Adds what the prebuilds user lacks in the given organizations, all of it or nothing, and returns in how many of them
 * something was added. What is there stays as it is.
 *
 * Each statement sees what was committed before it began. So a group that somebody else makes at the same moment is
 * waited for by the second one and found by the third. All writers go by the order of the ids, against deadlocks.
 * @throws when an organization refuses a row, or when one of its rows stays locked
 */
export function addMemberships(pool: pg.Pool, organizationIds: readonly string[]): Promise<number> {
  return withTransaction(pool, BEGIN.readWrite, async (client) => {
    await client.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    const members = await client.query<{ organization_id: string }>(
      `insert into organization_members (organization_id, user_id, roles)
       select id, $2, '{}' from organizations where id = any($1::uuid[]) and not deleted order by id
       on conflict do nothing
       returning organization_id`,
      [organizationIds, PREBUILDS_SYSTEM_USER_ID],
    );
    const groups = await client.query<{ organization_id: string }>(
      `insert into groups (organization_id, name, display_name, quota_allowance, source)
       select id, $2, $3, 0, 'user' from organizations where id = any($1::uuid[]) and not deleted order by id
       on conflict do nothing
       returning organization_id`,
      [organizationIds, GROUP_NAME, GROUP_DISPLAY_NAME],
    );
    const groupMembers = await client.query<{ organization_id: string }>(
      `with added as (
         insert into group_members (group_id, user_id)
         select g.id, $2 from groups g join organizations o on o.id = g.organization_id and not o.deleted
         where o.id = any($1::uuid[]) and g.name = $3
         order by o.id
         on conflict do nothing
         returning group_id
       )
       select g.organization_id from added a join groups g on g.id = a.group_id`,
      [organizationIds, PREBUILDS_SYSTEM_USER_ID, GROUP_NAME],
    );
    const added = [...members.rows, ...groups.rows, ...groupMembers.rows];
    return new Set(added.map((row) => row.organization_id)).size;
  });
}
