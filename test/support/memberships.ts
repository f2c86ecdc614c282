import { randomUUID } from "node:crypto";
import type { Context } from "../../src/context.ts";
import type { Queryable } from "../../src/db/connection.ts";
import { createOrganization } from "../../src/organizations/store.ts";
import { INCOMPLETE_ORGANIZATIONS, type IncompleteOrganization } from "../../src/prebuilds/membership-store.ts";
import { reconcileMemberships } from "../../src/prebuilds/memberships.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { givenVersion } from "./given.ts";

export const GROUP = "coderprebuiltworkspaces";
export const NEW_GROUP = { name: GROUP, display_name: "Prebuilt Workspaces", quota_allowance: 0, source: "user" };

export const EVERYONE = { name: "Everyone", display_name: "", quota_allowance: 0, source: "user", members: [] };

/** What `membershipIn` says of an organization that the prebuilds user has joined, and of one that it has not. */
export const JOINED = { roles: [], groups: [EVERYONE, { ...NEW_GROUP, members: ["prebuilds"] }] };
export const NOTHING = { roles: null, groups: [EVERYONE] };

/** An organization with one template, whose one version has one preset of the given size. */
export async function givenOrganization({ pool }: Pick<Context, "pool">, desired: number | null) {
  const name = `organization-${randomUUID()}`;
  const { id } = await createOrganization(pool, { name });
  const { rows } = await pool.query<{ id: string }>(
    `insert into templates (organization_id, name, provisioner, created_by) values ($1, 'devbox', 'command', $2)
     returning id`,
    [id, PREBUILDS_SYSTEM_USER_ID],
  );
  const templateId = rows[0]?.id ?? "";
  await givenPreset({ pool }, templateId, desired);
  return { id, name, templateId };
}

/** A new, active version of a template with a preset of the given size. */
export async function givenPreset({ pool }: Pick<Context, "pool">, templateId: string, desired: number | null) {
  const versionId = await givenVersion({ pool }, templateId);
  await pool.query(
    "insert into template_version_presets (template_version_id, name, desired_instances) values ($1, 'small', $2)",
    [versionId, desired],
  );
}

/** A group of an organization, named like the one of the prebuilds user unless the test says otherwise. */
export async function givenGroup(
  { pool }: Pick<Context, "pool">,
  organizationId: string,
  group: Partial<typeof NEW_GROUP>,
) {
  const { name, display_name, quota_allowance } = { ...NEW_GROUP, ...group };
  const { rows } = await pool.query<{ id: string }>(
    "insert into groups (organization_id, name, display_name, quota_allowance) values ($1, $2, $3, $4) returning id",
    [organizationId, name, display_name, quota_allowance],
  );
  return rows[0]?.id ?? "";
}

/** The prebuilds user's roles in an organization, null outside of it, and the organization's groups. */
export async function membershipIn({ pool }: Pick<Context, "pool">, organizationId: string) {
  const { rows } = await pool.query(
    `select
       (select roles from organization_members where organization_id = $1 and user_id = $2) as roles,
       (select json_agg(json_build_object('name', g.name, 'display_name', g.display_name,
         'quota_allowance', g.quota_allowance, 'source', g.source, 'members', array(
           select u.username from group_members gm join users u on u.id = gm.user_id
           where gm.group_id = g.id order by u.username)) order by g.name collate "C")
        from groups g where g.organization_id = $1) as groups`,
    [organizationId, PREBUILDS_SYSTEM_USER_ID],
  );
  return rows[0];
}

/** Every row about who belongs where, each with the transaction that wrote it. */
export async function rowsOf({ pool }: Pick<Context, "pool">, organizationId?: string) {
  const { rows } = await pool.query(
    `select m.xmin::text, to_json(m) as row from organization_members m where $1::uuid is null or organization_id = $1
     union all
     select g.xmin::text, to_json(g) from groups g where $1 is null or organization_id = $1
     union all
     select gm.xmin::text, to_json(gm) from group_members gm
     where $1 is null or group_id in (select id from groups where organization_id = $1)`,
    [organizationId ?? null],
  );
  return new Set(rows.map((row) => JSON.stringify(row)));
}

/** The organizations in which the prebuilds user is not a member yet, as the snapshot of a pass finds them. */
export async function readIncomplete(db: Queryable): Promise<IncompleteOrganization[]> {
  return (await db.query<IncompleteOrganization>(INCOMPLETE_ORGANIZATIONS, [])).rows;
}

/** Does what a pass does about memberships. */
export async function reconcile(context: Pick<Context, "pool" | "log">, signal: AbortSignal) {
  return reconcileMemberships(context, await readIncomplete(context.pool), signal);
}
