import type pg from "pg";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";

/** A claim made in SQL that was taken to be finished. */
export type TakenClaim = {
  readonly workspaceId: string;
  /** The job of its claim build; null when it gets none, because its workspace is deleted or has had another build. */
  readonly jobId: string | null;
  readonly presetId: string;
};

/**
 * Takes up to `limit` claims that `claim_prebuild` has left to be finished, the oldest first, and adds the claim build,
 * with version, preset and parameters of the prebuild's last one, and the job of each. What another replica has just
 * taken is left to it; what somebody else works on is left for the next time, so that one workspace does not hold up
 * the others.
 */
export async function takeUnfinishedClaims(client: pg.PoolClient, limit: number, now: Date): Promise<TakenClaim[]> {
  const { rows } = await client.query<TakenClaim>(
    `with taken as materialized (
       select u.workspace_id, w.owner_id, w.organization_id, w.template_id, w.deleted, w.preset_id, w.latest_build_id,
         w.latest_build_number, w.latest_transition, w.latest_job_status, w.latest_template_version_id
       from unfinished_claims u join workspaces w on w.id = u.workspace_id
       order by u.claimed_at, u.workspace_id limit $1
       for update of u skip locked for no key update of w skip locked
     ), settled as (
       delete from unfinished_claims u using taken where u.workspace_id = taken.workspace_id
     ), claimed as materialized (
       select taken.*, t.provisioner, gen_random_uuid() as build_id, gen_random_uuid() as job_id
       from taken
       join templates t on t.id = taken.template_id
       join workspace_builds b on b.id = taken.latest_build_id
       join provisioner_jobs j on j.id = b.job_id
       where not taken.deleted and taken.owner_id <> $3
         and taken.latest_transition = 'start' and taken.latest_job_status = 'succeeded'
         and coalesce(j.input->>'prebuilt_workspace_stage', 'create') = 'create'
     ), new_jobs as (
       insert into provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input)
       select job_id, $2, $2, organization_id, owner_id, provisioner, 'workspace_build',
         jsonb_build_object('workspace_build_id', build_id, 'prebuilt_workspace_stage', 'claim')
       from claimed
     ), new_builds as (
       insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
         transition, initiator_id, job_id, reason, template_version_preset_id)
       select build_id, $2, $2, workspace_id, latest_template_version_id, latest_build_number + 1, 'start', owner_id,
         job_id, 'initiator', preset_id
       from claimed
     ), new_parameters as (
       insert into workspace_build_parameters (workspace_build_id, name, value)
       select c.build_id, p.name, p.value
       from claimed c join workspace_build_parameters p on p.workspace_build_id = c.latest_build_id
     )
     select taken.workspace_id as "workspaceId", claimed.job_id as "jobId", taken.preset_id as "presetId"
     from taken left join claimed using (workspace_id)`,
    [limit, now, PREBUILDS_SYSTEM_USER_ID],
  );
  return rows;
}
