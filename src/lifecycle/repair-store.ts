import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { SYSTEM_USER } from "../system-user.ts";
import { FACTS, factsOf, type LifecycleFacts } from "./facts-store.ts";

/** How many workspaces are put right in one transaction. */
const BATCH = 1_000;

/** What may be wrong with the lifecycle of workspaces `w` that people own: which ones it is wrong with. */
export const WRONG = {
  /** The latest build has ended, and nothing was computed from it; a claim whose build is still to come is not wrong. */
  unsettled: `from workspaces w where w.owner_id <> ${SYSTEM_USER} and not w.deleted
    and w.lifecycle_build_id is distinct from w.latest_build_id and w.latest_job_status = 'succeeded'
    and w.latest_transition in ('start', 'stop')
    and not exists (select from unfinished_claims c where c.workspace_id = w.id)`,
  /** Its latest build is from after $3: its dates were computed while a clock was ahead. */
  future: `from provisioner_jobs j join workspace_builds b on b.job_id = j.id
    join workspaces w on w.id = b.workspace_id and w.latest_build_id = b.id
    where j.created_at > $3 and w.owner_id <> ${SYSTEM_USER} and not w.deleted
      and w.latest_job_status in ('succeeded', 'failed', 'canceled')`,
} as const;

/**
 * Locks some of the workspaces with which this is wrong, in the order of their ids, until the transaction ends, and
 * reads them. What somebody else works on is left out.
 * @param future from when on a build is from the future
 */
export async function lockWrong(
  client: pg.PoolClient,
  wrong: keyof typeof WRONG,
  after: string,
  future: Date,
): Promise<LifecycleFacts[]> {
  const values = [after, BATCH, ...(wrong === "future" ? [future] : [])];
  const { rows: locked } = await client.query<{ id: string }>(wrongQuery(wrong), values);
  if (locked.length === 0) return [];
  // Only a statement that begins when the locks are there sees everything as it is now.
  const { rows } = await client.query(`${FACTS} where w.id = any($1::uuid[]) order by w.id`, [
    locked.map(({ id }) => id),
  ]);
  return rows.map(factsOf);
}

/** Finds and locks what is wrong: $1 is an id, behind which it looks, $2 how many at most. */
export function wrongQuery(wrong: keyof typeof WRONG): string {
  return `select w.id ${WRONG[wrong]} and w.id > $1 order by w.id limit $2 for no key update of w skip locked`;
}

/** The workspaces `w` of templates `t` that are to start by themselves, and nobody has said when. */
export const UNSCHEDULED = `w.template_id = t.id and w.autostart_schedule is not null and w.next_start_at is null
  and not w.deleted and w.owner_id <> ${SYSTEM_USER} and t.allow_user_autostart and t.autostart_days > 0`;

/** A schedule, on the days (as bits) that templates allow. */
export type ScheduleOnDays = { readonly schedule: string; readonly days: number };

/** The schedules of workspaces that nobody has said the next start of; those that never come true are among them. */
export async function readUnscheduled(db: Queryable): Promise<ScheduleOnDays[]> {
  const { rows } = await db.query<ScheduleOnDays>(
    `select distinct w.autostart_schedule as schedule, t.autostart_days as days
     from workspaces w, templates t where ${UNSCHEDULED}`,
  );
  return rows;
}

/** Says when the workspaces of these schedules start next; returns how many there were. */
export async function storeUnscheduled(
  db: Queryable,
  starts: readonly (ScheduleOnDays & { readonly nextStartAt: Date })[],
): Promise<number> {
  if (starts.length === 0) return 0;
  const { rowCount } = await db.query(
    `update workspaces w set next_start_at = s.next_start_at
     from templates t, unnest($1::text[], $2::smallint[], $3::timestamptz[]) as s (schedule, days, next_start_at)
     where ${UNSCHEDULED} and w.autostart_schedule = s.schedule and t.autostart_days = s.days`,
    [
      starts.map(({ schedule }) => schedule),
      starts.map(({ days }) => days),
      starts.map(({ nextStartAt }) => nextStartAt),
    ],
  );
  return rowCount ?? 0;
}

/** Takes away what lifecycle rules have set on prebuilds; returns their ids. */
export async function clearPrebuilds(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `with wrong as materialized (
       select id, latest_build_id from workspaces
       where owner_id = ${SYSTEM_USER} and not deleted
         and num_nonnulls(autostart_schedule, next_start_at, ttl, dormant_at, deleting_at, latest_deadline) > 0
       order by id for no key update skip locked
     ), builds as (
       update workspace_builds b set deadline = null, max_deadline = null from wrong where b.id = wrong.latest_build_id
     )
     update workspaces w
     set autostart_schedule = null, next_start_at = null, ttl = null, dormant_at = null, deleting_at = null,
       latest_deadline = null
     from wrong where w.id = wrong.id and w.owner_id = ${SYSTEM_USER}
     returning w.id`,
  );
  return rows.map(({ id }) => id);
}
