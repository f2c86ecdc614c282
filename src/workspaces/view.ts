import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import type { BuildStatus, BuildView, WorkspaceView } from "./schema.ts";

type Transition = BuildView["transition"];
type JobStatus = BuildView["job"]["status"];

/** A build with its job, as read from the database. */
export type BuildRow = {
  readonly id: string;
  readonly build_number: number;
  readonly workspace_id: string;
  readonly workspace_name: string;
  readonly workspace_owner_id: string;
  readonly workspace_owner_name: string;
  readonly transition: Transition;
  readonly reason: string;
  readonly initiator_id: string;
  readonly initiator_name: string;
  readonly template_version_id: string;
  readonly template_version_name: string;
  readonly template_version_preset_id: string | null;
  readonly deadline: Date | null;
  readonly max_deadline: Date | null;
  readonly daily_cost: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly job_id: string;
  readonly job_status: JobStatus;
  readonly job_created_at: Date;
  readonly job_started_at: Date | null;
  readonly job_completed_at: Date | null;
  readonly job_canceled_at: Date | null;
  readonly job_error: string | null;
  readonly job_worker_id: string | null;
  readonly agents: BuildView["agents"];
};

/** A workspace as read from the database, without its latest build. */
export type WorkspaceRow = {
  readonly id: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly owner_id: string;
  readonly owner_name: string;
  readonly organization_id: string;
  readonly organization_name: string;
  readonly template_id: string;
  readonly template_name: string;
  readonly template_active_version_id: string | null;
  readonly name: string;
  readonly autostart_schedule: string | null;
  readonly next_start_at: Date | null;
  readonly ttl_ms: number | null;
  readonly last_used_at: Date;
  readonly dormant_at: Date | null;
  readonly deleting_at: Date | null;
  readonly automatic_updates: "always" | "never";
  readonly deleted: boolean;
};

export type WorkspaceWithBuild = { readonly workspace: WorkspaceRow; readonly latestBuild: BuildRow | null };

const WHILE_RUNNING = { start: "starting", stop: "stopping", delete: "deleting" } as const;
const WHEN_DONE = { start: "running", stop: "stopped", delete: "deleted" } as const;

/** What a workspace is doing, judged by its latest build. */
export function buildStatus(transition: Transition, job: JobStatus): BuildStatus {
  switch (job) {
    case "running":
      return WHILE_RUNNING[transition];
    case "succeeded":
      return WHEN_DONE[transition];
    default:
      return job;
  }
}

const TRANSITIONS: readonly Transition[] = ["start", "stop", "delete"];
const JOB_STATUSES: readonly JobStatus[] = ["pending", "running", "succeeded", "failed", "canceling", "canceled"];

/** The pairs of transition and job status that amount to this status: `buildStatus` the other way round. */
export function buildsWithStatus(status: BuildStatus): { transition: Transition; job: JobStatus }[] {
  return TRANSITIONS.flatMap((transition) => JOB_STATUSES.map((job) => ({ transition, job }))).filter(
    ({ transition, job }) => buildStatus(transition, job) === status,
  );
}

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

/** Turns a stored build into what the API shows. */
export function buildView(row: BuildRow): BuildView {
  return {
    id: row.id,
    build_number: row.build_number,
    workspace_id: row.workspace_id,
    workspace_name: row.workspace_name,
    workspace_owner_id: row.workspace_owner_id,
    workspace_owner_name: row.workspace_owner_name,
    transition: row.transition,
    status: buildStatus(row.transition, row.job_status),
    reason: row.reason,
    initiator_id: row.initiator_id,
    initiator_name: row.initiator_name,
    template_version_id: row.template_version_id,
    template_version_name: row.template_version_name,
    template_version_preset_id: row.template_version_preset_id,
    deadline: iso(row.deadline),
    max_deadline: iso(row.max_deadline),
    daily_cost: row.daily_cost,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    job: {
      id: row.job_id,
      status: row.job_status,
      created_at: row.job_created_at.toISOString(),
      started_at: iso(row.job_started_at),
      completed_at: iso(row.job_completed_at),
      canceled_at: iso(row.job_canceled_at),
      error: row.job_error,
      worker_id: row.job_worker_id,
    },
    agents: [...row.agents],
  };
}

/** Turns a stored workspace and its latest build into what the API shows. */
export function workspaceView(row: WorkspaceRow, latestBuild: BuildRow | null): WorkspaceView {
  return {
    id: row.id,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    owner_id: row.owner_id,
    owner_name: row.owner_name,
    organization_id: row.organization_id,
    organization_name: row.organization_name,
    template_id: row.template_id,
    template_name: row.template_name,
    template_active_version_id: row.template_active_version_id,
    outdated: latestBuild !== null && latestBuild.template_version_id !== row.template_active_version_id,
    name: row.name,
    autostart_schedule: row.autostart_schedule,
    next_start_at: iso(row.next_start_at),
    ttl_ms: row.ttl_ms,
    last_used_at: row.last_used_at.toISOString(),
    dormant_at: iso(row.dormant_at),
    deleting_at: iso(row.deleting_at),
    automatic_updates: row.automatic_updates,
    is_prebuild: row.owner_id === PREBUILDS_SYSTEM_USER_ID,
    deleted: row.deleted,
    latest_build: latestBuild && buildView(latestBuild),
  };
}
