import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { SYSTEM_USER } from "../system-user.ts";
import type { BuildReason, JobStatus, Transition } from "../vocabulary.ts";
import { OWNERSHIP } from "./ownership-store.ts";
import type { Parameter } from "./preset-match.ts";
import type { WorkspaceOwnership } from "./rights.ts";

/** A workspace that is about to get another build; its row is locked until the transaction ends. */
export type LockedWorkspace = WorkspaceOwnership & {
  readonly name: string;
  readonly owner_name: string;
  readonly deleted: boolean;
  readonly template_id: string;
  readonly active_version_id: string | null;
  readonly automatic_updates: "always" | "never";
  readonly require_active_version: boolean;
  readonly latest_build_id: string | null;
  readonly latest_build_number: number;
  readonly latest_job_status: JobStatus | null;
  readonly latest_version_id: string;
  /** It was claimed in SQL, and its claim build is still to be added. */
  readonly claim_unfinished: boolean;
};

/**
 * Locks a workspace, deleted or not, for another build. Who else works on it is done in a moment, except for a claim in
 * SQL whose transaction is left open, so the transaction had better be an impatient one.
 */
export async function lockWorkspace(client: pg.PoolClient, workspaceId: string): Promise<LockedWorkspace | undefined> {
  await client.query("select from workspaces where id = $1 for no key update", [workspaceId]);
  // Only a statement that begins when the lock is there sees the owner, and the claim, that it was waited for.
  return readLocked(client, workspaceId);
}

/** Reads a workspace that the transaction has locked already. */
export async function readLocked(client: pg.PoolClient, workspaceId: string): Promise<LockedWorkspace | undefined> {
  const { rows } = await client.query<LockedWorkspace>(
    `select ${OWNERSHIP}, w.name, u.username as owner_name, w.deleted, w.template_id, t.active_version_id,
       t.require_active_version, w.automatic_updates, w.latest_build_id, w.latest_build_number, w.latest_job_status, w.latest_template_version_id as latest_version_id,
       exists (select from unfinished_claims c where c.workspace_id = w.id) as claim_unfinished
     from workspaces w
     join users u on u.id = w.owner_id
     join templates t on t.id = w.template_id
     where w.id = $1`,
    [workspaceId],
  );
  return rows[0];
}

/** A version that a workspace could be built from, as far as it decides whether it can be. */
export async function findVersionOf(
  client: Queryable,
  templateId: string,
  versionId: string,
): Promise<{ archived: boolean } | undefined> {
  const { rows } = await client.query<{ archived: boolean }>(
    "select archived from template_versions where id = $1 and template_id = $2",
    [versionId, templateId],
  );
  return rows[0];
}

/** The parameters that a build has. */
export async function readBuildParameters(client: Queryable, buildId: string): Promise<Parameter[]> {
  const { rows } = await client.query<Parameter>(
    "select name, value from workspace_build_parameters where workspace_build_id = $1 order by name",
    [buildId],
  );
  return rows;
}

/** A build as it is added, with its job. */
type AddedBuild = {
  readonly workspaceId: string;
  readonly buildId: string;
  readonly jobId: string;
  readonly transition: Transition;
  readonly initiatorId: string;
  readonly reason: BuildReason;
  readonly stage: "none" | "create";
  readonly versionId: string;
  /** Null: those of the latest build. */
  readonly parameters: readonly Parameter[] | null;
  /** What the build goes by in place of what the builds before it have left; null: that. */
  readonly state: Buffer | null;
  /** The job is not to be run: it has ended, and with success. */
  readonly ended: boolean;
  /** The trace that the job belongs to. */
  readonly trace: string | null;
  readonly now: Date;
};

/**
 * Adds a build, whose preset is the workspace's as long as it is one of the version that is built. It has the deadlines
 * of the latest one until it ends, so that they still count if it is canceled. Whoever starts a workspace uses it.
 */
export async function insertBuild(client: pg.PoolClient, build: AddedBuild): Promise<void> {
  await client.query(
    `with latest as (
       select w.*, t.provisioner from workspaces w join templates t on t.id = w.template_id where w.id = $1
     ), new_job as (
       insert into provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input,
         started_at, completed_at, trace_parent)
       select $3, $6, $6, organization_id, $5, provisioner, 'workspace_build',
         jsonb_build_object('workspace_build_id', $2::uuid, 'prebuilt_workspace_stage', $7::text),
         case when $12 then $6::timestamptz end, case when $12 then $6::timestamptz end, $14::text
       from latest
     ), parameters as (
       insert into workspace_build_parameters (workspace_build_id, name, value)
       select $2, p.name, p.value from latest join workspace_build_parameters p on p.workspace_build_id = latest_build_id
       where $9::text[] is null
       union all
       select $2, name, value from unnest($9::text[], $10::text[]) as given (name, value)
     ), used as (
       update workspaces set last_used_at = greatest(last_used_at, $6)
       where id = $1 and $4 = 'start' and $13 = 'initiator' and owner_id <> ${SYSTEM_USER}
     )
     insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
       transition, initiator_id, job_id, reason, template_version_preset_id, provisioner_state, deadline, max_deadline)
     select $2, $6, $6, latest.id, $8, latest_build_number + 1, $4, $5, $3, $13,
       (select p.id from template_version_presets p where p.id = latest.preset_id and p.template_version_id = $8), $11,
       b.deadline, b.max_deadline
     from latest left join workspace_builds b on b.id = latest_build_id and latest.owner_id <> ${SYSTEM_USER}`,
    [
      build.workspaceId,
      build.buildId,
      build.jobId,
      build.transition,
      build.initiatorId,
      build.now,
      build.stage,
      build.versionId,
      build.parameters?.map(({ name }) => name) ?? null,
      build.parameters?.map(({ value }) => value) ?? null,
      build.state,
      build.ended,
      build.reason,
      build.trace,
    ],
  );
}

/** What canceling a build came to: the build, and how its job was and is. */
export type CanceledBuild = {
  readonly build_id: string;
  readonly build_number: number;
  readonly job_id: string;
  readonly organization_id: string;
  readonly owner_id: string;
  readonly owner_name: string;
  readonly workspace_name: string;
  readonly before: JobStatus;
  /** Null when nothing was changed. */
  readonly after: JobStatus | null;
};

/**
 * Marks a build's unfinished job as canceled; a job that nobody has begun ends with it. Nothing is changed when the
 * workspace belongs to somebody else than `ownerId`, where that is given.
 */
export async function cancelJob(
  client: Queryable,
  build: { readonly buildId: string; readonly ownerId: string | undefined; readonly now: Date },
): Promise<CanceledBuild | undefined> {
  const { rows } = await client.query<CanceledBuild>(
    `with found as (
       select b.id as build_id, b.build_number, b.job_id, w.organization_id, w.owner_id, u.username as owner_name,
         w.name as workspace_name, j.job_status as before
       from workspace_builds b
       join provisioner_jobs j on j.id = b.job_id
       join workspaces w on w.id = b.workspace_id
       join users u on u.id = w.owner_id
       where b.id = $1
     ), canceled as (
       update provisioner_jobs j
       set canceled_at = $2, updated_at = $2, completed_at = case when j.started_at is null then $2::timestamptz end
       from found
       where j.id = found.job_id and j.completed_at is null and j.canceled_at is null
         and ($3::uuid is null or found.owner_id = $3)
       returning j.job_status
     )
     select found.*, canceled.job_status as after from found left join canceled on true`,
    [build.buildId, build.now, build.ownerId ?? null],
  );
  return rows[0];
}
