import type pg from "pg";
import { prepared, type Queryable } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID, SYSTEM_USER } from "../system-user.ts";
import { POOL_PAUSED } from "./pause-store.ts";
import { parseSettings, SETTINGS_KEY } from "./settings.ts";
import type { PresetSnapshot, Scheduling } from "./snapshot.ts";

/** A pool that may get new members, as it is now: its row is locked until the transaction ends. */
export type LockedPreset = Pick<
  PresetSnapshot,
  "desiredInstances" | "ttlSeconds" | "lastInvalidatedAt" | "scheduling"
> & {
  readonly templateVersionId: string;
  /** The version declares its parameters. */
  readonly declaresParameters: boolean;
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
};

type LockedRow = LockedPreset & {
  readonly timezone: string;
  readonly schedule: Scheduling["schedule"] | null;
  readonly settings: string | null;
};

/**
 * Locks a preset that is still to be filled; undefined when its version is no longer active, its template is gone or
 * deprecated, it or all pools are paused, or its creations are stopped.
 */
export async function lockPresetForCreate(client: pg.PoolClient, presetId: string): Promise<LockedPreset | undefined> {
  await client.query(prepared("select from template_version_presets where id = $1 for no key update", [presetId]));
  // Only a statement that begins when the lock is there sees everything that was changed while it was waited for.
  const { rows } = await client.query<LockedRow>(
    prepared(
      `select p.template_version_id as "templateVersionId", p.desired_instances as "desiredInstances",
       p.invalidate_after_secs as "ttlSeconds", p.last_invalidated_at as "lastInvalidatedAt",
       p.scheduling_timezone as timezone, (select value from site_configs where key = $2) as settings,
       exists (select from template_version_parameters d where d.template_version_id = p.template_version_id)
         as "declaresParameters",
       (select json_agg(json_build_object('cron', s.cron_expression, 'instances', s.desired_instances)
           order by s.position, s.id)
         from template_version_preset_prebuild_schedules s where s.preset_id = p.id) as schedule,
       coalesce((select json_agg(json_build_object('name', q.name, 'value', q.value) order by q.name)
         from template_version_preset_parameters q where q.template_version_preset_id = p.id), '[]') as parameters
     from template_version_presets p
     join templates t on t.active_version_id = p.template_version_id and not t.deleted and t.deprecated = ''
     where p.id = $1 and p.desired_instances is not null and p.prebuild_status = 'healthy'
       and not ${POOL_PAUSED}`,
      [presetId, SETTINGS_KEY],
    ),
  );
  const [row] = rows;
  if (!row || parseSettings(row.settings ?? undefined).reconciliation_paused) return undefined;
  const { timezone, schedule, settings: _, ...preset } = row;
  return { ...preset, scheduling: schedule && { timezone, schedule } };
}

/**
 * How many prebuilds of all pools are being started. Whoever asks is alone with the answer until its transaction ends,
 * so that no two fill the same room.
 */
export async function countInFlight(client: pg.PoolClient): Promise<number> {
  await client.query("select pg_advisory_xact_lock(hashtextextended('prebuildd:in-flight', 0))");
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from provisioner_jobs j
     join workspace_builds b on b.job_id = j.id and b.transition = 'start'
     join workspaces w on w.id = b.workspace_id and w.owner_id = $1
     where j.completed_at is null`,
    [PREBUILDS_SYSTEM_USER_ID],
  );
  return rows[0]?.count ?? 0;
}

/** How many unexpired members a pool has or is about to have: running ones and those being started. */
export async function countMembers(
  client: pg.PoolClient,
  presetId: string,
  createdSince: Date | null,
): Promise<number> {
  const { rows } = await client.query<{ members: number }>(
    prepared(
      `select count(*)::int as members from workspaces
     where owner_id = ${SYSTEM_USER} and not deleted and preset_id = $1 and latest_transition = 'start'
       and (latest_job_status in ('pending', 'running', 'canceling')
         or (latest_job_status = 'succeeded' and ($2::timestamptz is null or created_at >= $2)))`,
      [presetId, createdSince],
    ),
  );
  return rows[0]?.members ?? 0;
}

/** A prebuild that an action has touched, and the job that is to do what it asks for. */
export type Touched = { readonly workspaceId: string; readonly jobId: string };

/** The most that a line of the log names; it also says how many there are. */
export const TOLD = 20;

/** The jobs of new prebuilds, for the queue. */
export const NEW_JOBS = "select job_id as subject_id from fresh";

/**
 * Adds one prebuild with its first build and job per name.
 * @param queued adds the jobs of `NEW_JOBS` to the queue
 * @returns some of them, for the log
 */
export async function insertPrebuilds(
  client: pg.PoolClient,
  presetId: string,
  names: readonly string[],
  now: Date,
  queued: string,
  trace: string | null,
): Promise<Touched[]> {
  const { rows } = await client.query<Touched>(
    prepared(
      `with pool as (
       select p.id as preset_id, v.id as version_id, t.id as template_id, t.organization_id, t.provisioner
       from template_version_presets p
       join template_versions v on v.id = p.template_version_id
       join templates t on t.id = v.template_id
       where p.id = $1
     ), fresh as materialized (
       select gen_random_uuid() as workspace_id, gen_random_uuid() as build_id, gen_random_uuid() as job_id, name
       from unnest($2::text[]) as n (name)
     ), new_workspaces as (
       insert into workspaces (id, created_at, updated_at, last_used_at, owner_id, organization_id, template_id, name,
         automatic_updates, created_as_prebuild, latest_build_id, latest_build_number, latest_transition,
         latest_job_status, latest_template_version_id, preset_id)
       select workspace_id, $3, $3, $3, $4, organization_id, template_id, name, 'never', true, build_id, 1, 'start',
         'pending', version_id, preset_id
       from fresh, pool
     ), new_jobs as (
       insert into provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input,
         trace_parent)
       select job_id, $3, $3, organization_id, $4, provisioner, 'workspace_build',
         jsonb_build_object('workspace_build_id', build_id, 'prebuilt_workspace_stage', 'create'), $5::text
       from fresh, pool
     ), new_builds as (
       insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
         transition, initiator_id, job_id, reason, template_version_preset_id)
       select build_id, $3, $3, workspace_id, version_id, 1, 'start', $4, job_id, 'initiator', preset_id
       from fresh, pool
     ), new_parameters as (
       insert into workspace_build_parameters (workspace_build_id, name, value)
       select f.build_id, p.name, p.value
       from fresh f, (
         select name, value from template_version_preset_parameters where template_version_preset_id = $1
         union all
         select d.name, d.default_value from pool
         join template_version_parameters d on d.template_version_id = pool.version_id and not d.required
         where not exists (select from template_version_preset_parameters q
           where q.template_version_preset_id = $1 and q.name = d.name)
       ) p
     ), queued as (${queued})
     select workspace_id as "workspaceId", job_id as "jobId" from fresh limit ${TOLD}`,
      [presetId, names, now, PREBUILDS_SYSTEM_USER_ID, trace],
    ),
  );
  return rows;
}

/** How a prebuild stands that may be deleted: its latest build, and whether only pools that are no longer kept count. */
export type Standing = {
  readonly transition: "start" | "delete";
  readonly status: "succeeded" | "failed";
  readonly dropped: boolean;
};

/** Whether the pool of preset `p` of template `t` is no longer kept. */
const DROPPED = `(t.active_version_id is distinct from p.template_version_id or t.deleted or t.deprecated <> ''
  or p.desired_instances is null)`;

/**
 * Adds a delete build to each of the given workspaces that is still a prebuild whose latest build stands as given, and
 * returns them with their jobs. One that has been claimed, or that something else is happening to, is left alone.
 */
export async function insertDeleteBuilds(
  client: pg.PoolClient,
  ids: readonly string[],
  standing: Standing,
  now: Date,
  trace: string | null,
): Promise<Touched[]> {
  const { rows } = await client.query<Touched>(
    `with doomed as materialized (
       select w.id, w.organization_id, w.latest_build_number + 1 as build_number, w.latest_template_version_id,
         t.provisioner, gen_random_uuid() as build_id, gen_random_uuid() as job_id
       from workspaces w
       join templates t on t.id = w.template_id
       join template_version_presets p on p.id = w.preset_id
       where w.id = any($1::uuid[]) and w.owner_id = $2 and not w.deleted
         and w.latest_transition = $4 and w.latest_job_status = $5 and (not $6 or ${DROPPED})
       order by w.id
       for update of w skip locked
     ), new_jobs as (
       insert into provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input,
         trace_parent)
       select job_id, $3, $3, organization_id, $2, provisioner, 'workspace_build',
         jsonb_build_object('workspace_build_id', build_id, 'prebuilt_workspace_stage', 'create'), $7::text
       from doomed
     ), new_builds as (
       insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
         transition, initiator_id, job_id, reason)
       select build_id, $3, $3, id, latest_template_version_id, build_number, 'delete', $2, job_id, 'initiator'
       from doomed
     ), parameters as (
       insert into workspace_build_parameters (workspace_build_id, name, value)
       select d.build_id, p.name, p.value
       from doomed d
       join workspaces w on w.id = d.id
       join workspace_build_parameters p on p.workspace_build_id = w.latest_build_id
     )
     select id as "workspaceId", job_id as "jobId" from doomed`,
    [ids, PREBUILDS_SYSTEM_USER_ID, now, standing.transition, standing.status, standing.dropped, trace],
  );
  return rows;
}

/**
 * Cancels the first builds of a pool that nobody has begun although the pool is no longer kept, and deletes their
 * workspaces, which nothing exists for yet, in the same transaction. Returns them with the jobs that were canceled.
 */
export async function cancelPendingBuilds(client: Queryable, presetId: string, now: Date): Promise<Touched[]> {
  const { rows } = await client.query<Touched>(
    `with superseded as materialized (
       select j.id as job_id, w.id as workspace_id, w.organization_id, b.template_version_id, t.provisioner,
         gen_random_uuid() as delete_build_id, gen_random_uuid() as delete_job_id
       from workspaces w
       join workspace_builds b on b.id = w.latest_build_id and b.build_number = 1 and b.transition = 'start'
         and b.initiator_id = $2
       join provisioner_jobs j on j.id = b.job_id and j.started_at is null and j.canceled_at is null
         and j.completed_at is null and j.worker_id is null
       join template_version_presets p on p.id = w.preset_id
       join templates t on t.id = w.template_id
       where ${DROPPED} and w.owner_id = $2 and not w.deleted and w.preset_id = $1 and w.latest_job_status = 'pending'
       for update of j, w skip locked
     ), canceled as (
       update provisioner_jobs j set canceled_at = $3, completed_at = $3, updated_at = $3
       from superseded s where j.id = s.job_id
     ), delete_jobs as (
       insert into provisioner_jobs (id, created_at, updated_at, started_at, completed_at, organization_id,
         initiator_id, provisioner, type, input)
       select delete_job_id, $3, $3, $3, $3, organization_id, $2, provisioner, 'workspace_build',
         jsonb_build_object('workspace_build_id', delete_build_id, 'prebuilt_workspace_stage', 'create')
       from superseded
     ), delete_builds as (
       insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
         transition, initiator_id, job_id, reason)
       select delete_build_id, $3, $3, workspace_id, template_version_id, 2, 'delete', $2, delete_job_id, 'initiator'
       from superseded
     ), deleted as (
       update workspaces w set deleted = true, updated_at = $3 from superseded s where w.id = s.workspace_id
     )
     select workspace_id as "workspaceId", job_id as "jobId" from superseded`,
    [presetId, PREBUILDS_SYSTEM_USER_ID, now],
  );
  return rows;
}
