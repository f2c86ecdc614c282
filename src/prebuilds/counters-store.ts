import type { Queryable } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";

/** The names of a pool, by which what happened to it is counted over all versions of its template. */
type PoolNames = {
  readonly organizationName: string;
  readonly templateName: string;
  readonly presetName: string;
};

/** How many prebuilds were ever made, failed and handed over, by the names of their pool, over all versions. */
export type PoolCounters = PoolNames & {
  readonly created: number;
  readonly failed: number;
  readonly claimed: number;
};

type Row = {
  organization_name: string;
  template_name: string;
  preset_name: string;
  created: number;
  failed: number;
  claimed: number;
};

/** Counts from the database, so that the numbers survive restarts and are the same on every replica. */
export async function readCounters(client: Queryable): Promise<PoolCounters[]> {
  const { rows } = await client.query<Row>(
    `select o.name as organization_name, t.name as template_name, p.name as preset_name,
       sum(c.created)::int as created, sum(c.failed)::int as failed, sum(c.claimed)::int as claimed
     from (
       select preset_id, count(*) as created,
         count(*) filter (where prebuild_outcome = 'failed') as failed,
         count(*) filter (where owner_id <> $1) as claimed
       from workspaces where created_as_prebuild group by preset_id
     ) c
     join template_version_presets p on p.id = c.preset_id
     join template_versions v on v.id = p.template_version_id
     join templates t on t.id = v.template_id and not t.deleted
     join organizations o on o.id = t.organization_id
     group by o.name, t.name, p.name`,
    [PREBUILDS_SYSTEM_USER_ID],
  );
  return rows.map((row) => ({
    organizationName: row.organization_name,
    templateName: row.template_name,
    presetName: row.preset_name,
    created: row.created,
    failed: row.failed,
    claimed: row.claimed,
  }));
}

/** How many claims have replaced resources (prebuilds.md section 17); pools of which none has are left out. */
export type PoolReplacements = PoolNames & { readonly claims: number };

/** Counts the claims that have replaced resources, by the names of the pools that their workspaces came from. */
export async function readReplacements(client: Queryable): Promise<PoolReplacements[]> {
  const { rows } = await client.query<PoolReplacements>(
    `select o.name as "organizationName", t.name as "templateName", p.name as "presetName", count(*)::int as claims
     from workspace_builds b
     join workspace_builds first on first.workspace_id = b.workspace_id and first.build_number = 1
     join template_version_presets p on p.id = first.template_version_preset_id
     join template_versions v on v.id = p.template_version_id
     join templates t on t.id = v.template_id and not t.deleted
     join organizations o on o.id = t.organization_id
     where b.resource_replacements is not null
     group by o.name, t.name, p.name`,
  );
  return rows;
}
