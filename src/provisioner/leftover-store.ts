import type { Queryable } from "../db/connection.ts";

/** The job of a workspace's latest build, and whether no job of the workspace is under way or waits. */
export type LatestJob = { readonly jobId: string; readonly isIdle: boolean };

/** Reads what a workspace's latest job is; undefined when this database knows of none. */
export async function readLatestJob(db: Queryable, workspaceId: string): Promise<LatestJob | undefined> {
  const { rows } = await db.query<{ job_id: string; is_idle: boolean }>(
    `select b.job_id, not exists (
         select from workspace_builds o join provisioner_jobs j on j.id = o.job_id
         where o.workspace_id = b.workspace_id and j.completed_at is null
       ) as is_idle
     from workspace_builds b where b.workspace_id = $1
     order by b.build_number desc limit 1`,
    [workspaceId],
  );
  return rows[0] && { jobId: rows[0].job_id, isIdle: rows[0].is_idle };
}
