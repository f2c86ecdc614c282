import type { Queryable } from "../db/connection.ts";
import { isUuid } from "../uuid.ts";
import { type JobStatus, UNDER_WAY } from "../vocabulary.ts";
import type { ProvisionerJobRow } from "./job-view.ts";

/** Which jobs to list; what is absent does not narrow the list. */
export type JobFilter = {
  readonly statuses?: readonly JobStatus[] | undefined;
  readonly initiatorId?: string | undefined;
};

const COLUMNS = `
  j.id, j.created_at, j.started_at, j.completed_at, j.canceled_at, j.job_status as status, j.error, j.error_code,
  j.worker_id, j.organization_id, j.initiator_id, i.username as initiator_name, j.type, j.tags,
  b.id as workspace_build_id, m.template_version_id, b.transition, w.id as workspace_id, w.name as workspace_name,
  u.username as workspace_owner_name, t.id as template_id, coalesce(t.name, m.template_name) as template_name,
  coalesce(t.display_name, '') as template_display_name, coalesce(t.icon, '') as template_icon,
  v.name as template_version_name`;

const JOINS = `
  join users i on i.id = j.initiator_id
  left join workspace_builds b on b.job_id = j.id
  left join workspaces w on w.id = b.workspace_id
  left join users u on u.id = w.owner_id
  left join template_imports m on m.job_id = j.id
  left join template_versions v on v.id = coalesce(b.template_version_id, m.template_version_id)
  left join templates t on t.id = coalesce(w.template_id, v.template_id, (j.input->>'template_id')::uuid)`;

/** One page of an organization's jobs, the newest first, and how many there are in all. */
export async function listJobs(
  db: Queryable,
  organizationId: string,
  { statuses, initiatorId }: JobFilter,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<{ jobs: ProvisionerJobRow[]; count: number }> {
  // Jobs that are under way are few among all that ever were, and have an index of their own.
  const underWay = statuses?.every((status) => UNDER_WAY.includes(status)) ? "and j.completed_at is null" : "";
  const matching = `
    from provisioner_jobs j
    where j.organization_id = $1 and ($2::text[] is null or j.job_status = any ($2))
      and ($3::uuid is null or j.initiator_id = $3) ${underWay}`;
  const values = [organizationId, statuses ?? null, initiatorId ?? null];
  const { rows: jobs } = await db.query<ProvisionerJobRow>(
    `with page as materialized (
        select j.* ${matching} order by j.created_at desc, j.id desc limit $4 offset $5)
      select ${COLUMNS} from page j ${JOINS} order by j.created_at desc, j.id desc`,
    [...values, limit, offset],
  );
  // Counting may read all jobs that ever were; a page that is not full says itself how many there are.
  const isLast = jobs.length < limit && (jobs.length > 0 || offset === 0);
  if (isLast) return { jobs, count: offset + jobs.length };
  const { rows } = await db.query<{ count: number }>(`select count(*)::int as count ${matching}`, values);
  return { jobs, count: rows[0]?.count ?? 0 };
}

/** Finds a job of an organization by its id. */
export async function findJob(
  db: Queryable,
  organizationId: string,
  id: string,
): Promise<ProvisionerJobRow | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<ProvisionerJobRow>(
    `select ${COLUMNS} from provisioner_jobs j ${JOINS} where j.id = $1 and j.organization_id = $2`,
    [id, organizationId],
  );
  return rows[0];
}
