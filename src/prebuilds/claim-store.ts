import type { Queryable } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";

/** Why a workspace was built anew instead of claimed. */
export type MissReason = "no_preset" | "no_pool" | "inactive_version" | "pool_empty" | "not_ready";

/** What a claim writes on the workspace and its claim build. */
export type Claim = {
  readonly presetId: string;
  /** Prebuilds created before this are expired and given out only when there is no fresh one; null: none is. */
  readonly oldestFresh: Date | null;
  readonly ownerId: string;
  readonly initiatorId: string;
  readonly name: string;
  readonly autostartSchedule: string | null;
  readonly nextStartAt: Date | null;
  /** Nanoseconds; null means no autostop. */
  readonly ttl: number | null;
  readonly automaticUpdates: "always" | "never";
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
  readonly now: Date;
};

/** What can be handed over now; the conditions are those of the index `workspaces_claimable`, word for word. */
const CLAIMABLE = `
  w.preset_id = $1 and w.owner_id = '${PREBUILDS_SYSTEM_USER_ID}'::uuid and not w.deleted and w.agents_ready
  and w.latest_transition = 'start' and w.latest_job_status = 'succeeded'
  and exists (select from templates t
    where t.id = w.template_id and t.active_version_id = w.latest_template_version_id and not t.deleted)`;

/**
 * Hands one prebuild over: the oldest fresh one, or the oldest expired one when there is no fresh one. The rows that
 * other claims are just taking are skipped on the base table itself, so that claims neither wait for one another nor
 * get the same workspace. Parameters $1 to $10 are those of `claimParameters`.
 */
export const CLAIM = `
  fresh as materialized (
    select w.id from workspaces w
    where ${CLAIMABLE} and ($2::timestamptz is null or w.created_at >= $2)
    order by w.created_at, w.id limit 1 for update of w skip locked
  ), stale as materialized (
    select w.id from workspaces w
    where $2::timestamptz is not null and not exists (select from fresh) and ${CLAIMABLE} and w.created_at < $2
    order by w.created_at, w.id limit 1 for update of w skip locked
  ), claimed as (
    update workspaces w
    set owner_id = $3, name = $4, updated_at = $5, last_used_at = $5, autostart_schedule = $6, next_start_at = $7,
      ttl = $8, automatic_updates = $9, dormant_at = null, deleting_at = null, latest_build_id = $10,
      latest_build_number = w.latest_build_number + 1, latest_transition = 'start', latest_job_status = 'pending',
      agents_ready = false
    from (select id from fresh union all select id from stale) c
    where w.id = c.id and w.owner_id = '${PREBUILDS_SYSTEM_USER_ID}'::uuid
    returning w.id, w.organization_id, w.template_id, w.latest_build_id, w.latest_build_number,
      w.latest_template_version_id, w.preset_id
  )`;

const CLAIM_AND_BUILD = `
  with ${CLAIM}, new_job as (
    insert into provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input)
    select $11, $5, $5, c.organization_id, $12, t.provisioner, 'workspace_build',
      jsonb_build_object('workspace_build_id', c.latest_build_id, 'prebuilt_workspace_stage', 'claim')
    from claimed c join templates t on t.id = c.template_id
  ), new_build as (
    insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
      transition, initiator_id, job_id, reason, template_version_preset_id)
    select c.latest_build_id, $5, $5, c.id, c.latest_template_version_id, c.latest_build_number, 'start', $12, $11,
      'initiator', c.preset_id
    from claimed c
  ), new_parameters as (
    insert into workspace_build_parameters (workspace_build_id, name, value)
    select c.latest_build_id, p.name, p.value
    from claimed c, unnest($13::text[], $14::text[]) as p (name, value)
  )
  select id from claimed`;

/** The values of the claim's parameters $1 to $10, for a build with the given id. */
export function claimParameters(claim: Claim, buildId: string): unknown[] {
  return [
    claim.presetId,
    claim.oldestFresh,
    claim.ownerId,
    claim.name,
    claim.now,
    claim.autostartSchedule,
    claim.nextStartAt,
    claim.ttl,
    claim.automaticUpdates,
    buildId,
  ];
}

/**
 * Claims one prebuild of a preset for a user and adds its claim build and job, all in one statement.
 * @returns the workspace's id, or undefined when nothing can be claimed
 */
export async function claimPrebuild(
  client: Queryable,
  claim: Claim,
  ids: { readonly buildId: string; readonly jobId: string },
): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(CLAIM_AND_BUILD, [
    ...claimParameters(claim, ids.buildId),
    ids.jobId,
    claim.initiatorId,
    claim.parameters.map((parameter) => parameter.name),
    claim.parameters.map((parameter) => parameter.value),
  ]);
  return rows[0]?.id;
}

/** Whether a pool has prebuilds that run but are not ready yet. */
export async function hasUnready(client: Queryable, presetId: string): Promise<boolean> {
  const { rows } = await client.query<{ unready: boolean }>(
    `select exists (select from workspaces
       where owner_id = '${PREBUILDS_SYSTEM_USER_ID}'::uuid and not deleted and preset_id = $1
         and latest_transition = 'start' and latest_job_status = 'succeeded' and not agents_ready) as unready`,
    [presetId],
  );
  return rows[0]?.unready === true;
}
