import type pg from "pg";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";

/** A pool of a version that is active. */
export type ActivePreset = { readonly id: string; readonly templateId: string };

export async function readActivePresets(database: pg.Pool): Promise<ActivePreset[]> {
  const { rows } = await database.query<ActivePreset>(
    `select p.id, t.id as "templateId" from templates t
     join template_version_presets p on p.template_version_id = t.active_version_id
     where p.desired_instances > 0 order by t.name, p.name`,
  );
  return rows;
}

/**
 * The pools that have more prebuilds that are started or to be started than they should. Expired ones do not count; a
 * pool whose prebuilds expire by the clock is left out, for the clocks are what differs.
 */
export async function readTooFull(database: pg.Pool): Promise<{ preset: string; desired: number; members: number }[]> {
  const { rows } = await database.query<{ preset: string; desired: number; members: number }>(
    `select p.id as preset, p.desired_instances as desired, count(*)::int as members
     from workspaces w join template_version_presets p on p.id = w.preset_id
     where w.owner_id = $1 and not w.deleted and w.latest_transition = 'start'
       and w.latest_job_status in ('pending', 'running', 'succeeded')
       and p.invalidate_after_secs is null and (p.last_invalidated_at is null or w.created_at > p.last_invalidated_at)
     group by p.id having count(*) > coalesce(p.desired_instances, 0)`,
    [PREBUILDS_SYSTEM_USER_ID],
  );
  return rows;
}

/** What is not yet as it should be, in words; nothing when all work is done and all pools are full. */
export async function readUnsettled(database: pg.Pool): Promise<string[]> {
  const { rows } = await database.query<{ what: string }>(
    `select 'job ' || j.id || ' (' || j.type || ', worker ' || coalesce(j.worker_id::text, 'none') || ') has not ended' as what
     from provisioner_jobs j where j.completed_at is null
     union all
     select 'a claim made in SQL is not finished' from unfinished_claims
     union all
     select 'pool ' || t.name || '/' || p.name || ' has ' || s.ready || ' of ' || p.desired_instances || ' ready'
     from templates t join template_version_presets p on p.template_version_id = t.active_version_id,
       lateral (select count(*) as ready from workspaces w where w.preset_id = p.id and w.owner_id = $1 and not w.deleted
         and w.latest_transition = 'start' and w.latest_job_status = 'succeeded' and w.agents_ready) s
     where p.desired_instances > 0 and s.ready <> p.desired_instances
     union all
     select 'prebuild ' || w.id || ' is still there, ' || w.latest_transition || ' ' || w.latest_job_status
     from workspaces w join templates t on t.id = w.template_id
     where w.owner_id = $1 and not w.deleted and (w.latest_template_version_id <> t.active_version_id
       or w.latest_transition <> 'start' or w.latest_job_status <> 'succeeded')`,
    [PREBUILDS_SYSTEM_USER_ID],
  );
  return rows.map(({ what }) => what);
}

/** A workspace as the database knows it. */
export type StoredWorkspace = {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly deleted: boolean;
  readonly transition: string;
  readonly status: string;
  /** What its latest build was for: `claim` when it was the one after a claim. */
  readonly stage: string;
};

/** All workspaces that are there, and of those that are deleted the ones with these ids. */
export async function readWorkspaces(database: pg.Pool, ids: readonly string[]): Promise<Map<string, StoredWorkspace>> {
  const { rows } = await database.query<StoredWorkspace>(
    `select w.id, u.username as owner, w.name, w.deleted, w.latest_transition as transition,
       w.latest_job_status as status, coalesce(j.input ->> 'prebuilt_workspace_stage', '') as stage
     from workspaces w join users u on u.id = w.owner_id
     left join workspace_builds b on b.id = w.latest_build_id left join provisioner_jobs j on j.id = b.job_id
     where not w.deleted or w.id = any($1)`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Of these jobs those that are not there or have not ended. */
export async function readUnendedJobs(database: pg.Pool, ids: readonly string[]): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `select id::text from unnest($1::uuid[]) as given (id)
     where not exists (select from provisioner_jobs j where j.id = given.id and j.completed_at is not null)`,
    [ids],
  );
  return rows.map(({ id }) => id);
}

/** What changes with everything that happens to workspaces. */
export async function readRevision(database: pg.Pool): Promise<string> {
  const { rows } = await database.query<{ revision: string }>(
    `select concat((select count(*) from provisioner_jobs), '/', (select count(*) from provisioner_jobs where completed_at is null)) as revision`,
  );
  return rows[0]?.revision ?? "";
}

/** Ends about this part of all connections of the replicas, 1 for all; they come from the proxies. */
export async function endBackends(database: pg.Pool, part: number): Promise<void> {
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and random() <= $1`,
    [part],
  );
}
