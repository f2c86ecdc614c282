import { prepared, type Queryable } from "../db/connection.ts";
import { LIFECYCLE } from "../templates/lifecycle-store.ts";
import type { JobStatus, Transition } from "../vocabulary.ts";
import type { TemplateLifecycle, WorkspaceLifecycle } from "./facts.ts";

/** A workspace with all that lifecycle rules decide on, and what acting on it needs. */
export type LifecycleFacts = WorkspaceLifecycle & {
  readonly workspaceId: string;
  readonly name: string;
  readonly ownerId: string;
  readonly ownerName: string;
  readonly organizationId: string;
  readonly deleted: boolean;
  readonly provisioner: string;
  readonly buildId: string;
  /** It was claimed in SQL, and its claim build is still to be added. */
  readonly claimUnfinished: boolean;
};

type FactsRow = {
  id: string;
  name: string;
  owner_id: string;
  owner_name: string;
  owner_status: WorkspaceLifecycle["ownerStatus"];
  quiet_hours_schedule: string;
  organization_id: string;
  deleted: boolean;
  provisioner: string;
  autostart_schedule: string | null;
  next_start_at: Date | null;
  ttl_ms: number | null;
  last_used_at: Date;
  dormant_at: Date | null;
  deleting_at: Date | null;
  claim_unfinished: boolean;
  build_id: string;
  transition: Transition;
  job_status: JobStatus;
  build_created_at: Date;
  completed_at: Date | null;
  deadline: Date | null;
  max_deadline: Date | null;
  template: TemplateLifecycle;
};

/** Selects the facts of workspaces `w`, deleted ones and prebuilds too, that have a build. */
export const FACTS = `
  select w.id, w.name, w.owner_id, u.username as owner_name, u.status as owner_status, u.quiet_hours_schedule,
    w.organization_id, w.deleted, t.provisioner, w.autostart_schedule, w.next_start_at, (w.ttl / 1000000)::float8 as ttl_ms,
    w.last_used_at, w.dormant_at, w.deleting_at,
    exists (select from unfinished_claims c where c.workspace_id = w.id) as claim_unfinished,
    b.id as build_id, b.transition, j.job_status, b.created_at as build_created_at, j.completed_at, b.deadline,
    b.max_deadline, ${LIFECYCLE} as template
  from workspaces w
  join users u on u.id = w.owner_id
  join templates t on t.id = w.template_id
  join workspace_builds b on b.id = w.latest_build_id and b.workspace_id = w.id
  join provisioner_jobs j on j.id = b.job_id`;

/** Turns a row of `FACTS` into facts. */
export function factsOf(row: FactsRow): LifecycleFacts {
  return {
    workspaceId: row.id,
    name: row.name,
    ownerId: row.owner_id,
    ownerName: row.owner_name,
    organizationId: row.organization_id,
    deleted: row.deleted,
    provisioner: row.provisioner,
    buildId: row.build_id,
    claimUnfinished: row.claim_unfinished,
    ownerStatus: row.owner_status,
    quietHoursSchedule: row.quiet_hours_schedule,
    autostartSchedule: row.autostart_schedule,
    nextStartAt: row.next_start_at,
    ttlMs: row.ttl_ms,
    lastUsedAt: row.last_used_at,
    dormantAt: row.dormant_at,
    deletingAt: row.deleting_at,
    build: {
      transition: row.transition,
      jobStatus: row.job_status,
      createdAt: row.build_created_at,
      completedAt: row.completed_at,
      deadline: row.deadline,
      maxDeadline: row.max_deadline,
    },
    template: row.template,
  };
}

/**
 * Reads the facts of one workspace, a prebuild or deleted one too; undefined when there is none. Who acts on them locks
 * the workspace's row first, in a statement before this one.
 */
export async function readLifecycle(db: Queryable, workspaceId: string): Promise<LifecycleFacts | undefined> {
  const { rows } = await db.query<FactsRow>(prepared(`${FACTS} where w.id = $1`, [workspaceId]));
  return rows[0] && factsOf(rows[0]);
}
