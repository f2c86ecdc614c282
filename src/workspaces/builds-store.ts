import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import type { JobStatus, Transition } from "../vocabulary.ts";

/** A workspace that is about to get another build; its row is locked until the transaction ends. */
export type LockedWorkspace = {
  readonly ownerId: string;
  readonly latestJobStatus: JobStatus | null;
  /** It was claimed in SQL, and its claim build is still to be added. */
  readonly claimUnfinished: boolean;
};

/** Locks a workspace that is not deleted. */
export async function lockWorkspace(client: pg.PoolClient, workspaceId: string): Promise<LockedWorkspace | undefined> {
  const { rows } = await client.query<{ owner_id: string; latest_job_status: JobStatus | null }>(
    "select owner_id, latest_job_status from workspaces where id = $1 and not deleted for no key update",
    [workspaceId],
  );
  const [row] = rows;
  if (!row) return undefined;
  // Only a statement that begins when the lock is there sees a claim that was committed while it was waited for.
  const { rowCount } = await client.query("select from unfinished_claims where workspace_id = $1", [workspaceId]);
  return { ownerId: row.owner_id, latestJobStatus: row.latest_job_status, claimUnfinished: rowCount === 1 };
}

/** Adds a build with the version and parameters of the workspace's latest one. */
export async function insertBuild(
  client: pg.PoolClient,
  build: {
    workspaceId: string;
    buildId: string;
    jobId: string;
    transition: Transition;
    initiatorId: string;
    stage: "none" | "create";
    now: Date;
  },
): Promise<void> {
  await client.query(
    `with latest as (
       select w.*, t.provisioner from workspaces w join templates t on t.id = w.template_id where w.id = $1
     ), new_job as (
       insert into provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input)
       select $3, $6, $6, organization_id, $5, provisioner, 'workspace_build',
         jsonb_build_object('workspace_build_id', $2::uuid, 'prebuilt_workspace_stage', $7::text)
       from latest
     ), parameters as (
       insert into workspace_build_parameters (workspace_build_id, name, value)
       select $2, p.name, p.value from latest join workspace_build_parameters p on p.workspace_build_id = latest_build_id
     )
     insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
       transition, initiator_id, job_id, reason, template_version_preset_id)
     select $2, $6, $6, id, latest_template_version_id, latest_build_number + 1, $4, $5, $3, 'initiator', preset_id
     from latest`,
    [build.workspaceId, build.buildId, build.jobId, build.transition, build.initiatorId, build.now, build.stage],
  );
}

/** Marks a build's unfinished job as canceled; a job that nobody has begun ends with it. */
export async function cancelJob(
  client: Queryable,
  buildId: string,
  now: Date,
): Promise<{ jobId: string; changed: boolean } | undefined> {
  const { rows } = await client.query<{ job_id: string; changed: boolean }>(
    `with found as (
       select b.job_id from workspace_builds b where b.id = $1
     ), canceled as (
       update provisioner_jobs j
       set canceled_at = $2, updated_at = $2, completed_at = case when j.started_at is null then $2::timestamptz end
       from found where j.id = found.job_id and j.completed_at is null and j.canceled_at is null
       returning j.id
     )
     select job_id, exists (select from canceled) as changed from found`,
    [buildId, now],
  );
  return rows[0] && { jobId: rows[0].job_id, changed: rows[0].changed };
}
