import type pg from "pg";
import { SYSTEM_USER } from "../system-user.ts";
import { nextStart } from "./autostart.ts";
import { nextRequiredStop } from "./deadlines.ts";
import type { AutostopRequirement, TemplateLifecycle } from "./facts.ts";
import { quietHoursOf } from "./quiet-hours.ts";
import type { Recomputed } from "./recomputed.ts";

const HOUR_MS = 3_600_000;
/** A workspace that runs is not stopped earlier than this after a change: its owner is to have the time to notice. */
const NOTICE_MS = 2 * HOUR_MS;

/** What has become of a template. */
export type TemplateChange = {
  readonly templateId: string;
  readonly before: TemplateLifecycle;
  readonly after: TemplateLifecycle;
  readonly now: Date;
};

/** The workspaces `w` of template $1 that belong to people. */
const OURS = `w.template_id = $1 and w.owner_id <> ${SYSTEM_USER} and not w.deleted`;
/** Those of them that run. */
const RUNNING = `${OURS} and w.latest_transition = 'start' and w.latest_job_status = 'succeeded'`;

/**
 * Makes the workspaces of a template follow a change of it, each in what the change concerns; prebuilds are left alone.
 * The number of statements does not depend on how many workspaces there are. It belongs into the transaction of the
 * change, after it.
 */
export async function recomputeLifecycle(client: pg.PoolClient, change: TemplateChange): Promise<Recomputed> {
  const { before, after } = change;
  const max = before.maxTtlMs !== after.maxTtlMs;
  const concerns = {
    ttls: max || before.defaultTtlMs !== after.defaultTtlMs || before.allowUserAutostop !== after.allowUserAutostop,
    nextStarts: before.autostartDays !== after.autostartDays || before.allowUserAutostart !== after.allowUserAutostart,
    deletions: before.timeTilDormantAutodeleteMs !== after.timeTilDormantAutodeleteMs,
    deadlines: max || !sameRequirement(before.autostopRequirement, after.autostopRequirement),
  };
  if (Object.values(concerns).includes(true)) await lockWorkspaces(client, change.templateId);
  return {
    ttls: concerns.ttls ? await followTtl(client, change) : 0,
    nextStarts: concerns.nextStarts ? await recomputeStarts(client, change) : 0,
    deletions: concerns.deletions ? await recomputeDeletions(client, change) : 0,
    deadlines: concerns.deadlines ? await recomputeDeadlines(client, change) : 0,
  };
}

function sameRequirement(one: AutostopRequirement, other: AutostopRequirement): boolean {
  return one.days === other.days && (one.days === 0 || one.weeks === other.weeks);
}

/**
 * A build that is ending holds its workspace and then writes its deadline; the other way round, which is that of the
 * trigger behind the statements here, two such transactions would wait for each other.
 */
async function lockWorkspaces(client: pg.PoolClient, templateId: string): Promise<void> {
  await client.query(`select from workspaces w where ${OURS} order by w.id for no key update`, [templateId]);
}

/**
 * Without a choice of their owners workspaces run for the template's time. Else those that had the former default follow
 * to the new one, and none has more than the longest time; to have none is more.
 */
async function followTtl(client: pg.PoolClient, { templateId, before, after }: TemplateChange): Promise<number> {
  const ttl = "case when not $2 or nullif(w.ttl, 0) is not distinct from $3 then $4::bigint else nullif(w.ttl, 0) end";
  const wanted = `least(${ttl}, $5::bigint)`;
  const { rowCount } = await client.query(
    `update workspaces w set ttl = ${wanted} where ${OURS} and w.ttl is distinct from ${wanted}`,
    [
      templateId,
      after.allowUserAutostop,
      ...[before.defaultTtlMs, after.defaultTtlMs, after.maxTtlMs].map(nanoseconds),
    ],
  );
  return rowCount ?? 0;
}

async function recomputeStarts(client: pg.PoolClient, { templateId, after, now }: TemplateChange): Promise<number> {
  const { rows } = await client.query<{ schedule: string }>(
    `select distinct w.autostart_schedule as schedule from workspaces w
     where ${OURS} and w.autostart_schedule is not null`,
    [templateId],
  );
  const schedules = rows.map(({ schedule }) => schedule);
  const starts = schedules.map((schedule) => nextStart({ autostartSchedule: schedule, template: after }, now));
  const { rowCount } = await client.query(
    `update workspaces w set next_start_at = r.start
     from unnest($2::text[], $3::timestamptz[]) as r (schedule, start)
     where ${OURS} and w.autostart_schedule = r.schedule and w.next_start_at is distinct from r.start`,
    [templateId, schedules, starts],
  );
  return rowCount ?? 0;
}

async function recomputeDeletions(client: pg.PoolClient, { templateId, after, now }: TemplateChange): Promise<number> {
  // Null for who is not dormant. What would be deleted at once is kept for another day, unless it was to go before.
  const exact = "w.dormant_at + $2::float8 * interval '1 millisecond'";
  const kept = `greatest(${exact}, least(w.deleting_at, $3::timestamptz + interval '1 day'))`;
  const deletingAt = `case when ${exact} <= $3 then ${kept} else ${exact} end`;
  const { rowCount } = await client.query(
    `update workspaces w set deleting_at = ${deletingAt}
     where ${OURS} and w.deleting_at is distinct from ${deletingAt}`,
    [templateId, after.timeTilDormantAutodeleteMs || null, now],
  );
  return rowCount ?? 0;
}

/**
 * A latest deadline that is near stays where it is unless it is lifted: notice is given of what is new, and does not put
 * off what everybody has known. `least` takes no notice of null: who has no deadline gets the latest one that is
 * allowed, without one all stay.
 */
async function recomputeDeadlines(client: pg.PoolClient, { templateId, after, now }: TemplateChange): Promise<number> {
  const { rows } = await client.query<{ schedule: string }>(
    `select distinct u.quiet_hours_schedule as schedule from workspaces w join users u on u.id = w.owner_id
     where ${RUNNING}`,
    [templateId],
  );
  const schedules = rows.map(({ schedule }) => schedule);
  const noticed = new Date(now.getTime() + NOTICE_MS);
  const stopsFrom = (earliest: Date) => {
    // The rule itself spares who has run for less than an hour.
    const from = new Date(earliest.getTime() - HOUR_MS);
    return schedules.map((given) => nextRequiredStop(after.autostopRequirement, quietHoursOf(given), from));
  };
  const { rowCount } = await client.query(
    `update workspace_builds b set max_deadline = n.max_deadline, deadline = least(b.deadline, n.max_deadline)
     from (
       select w.latest_build_id as id,
         least(case when l.max_deadline = r.soon then r.soon else r.stop end,
           case when e.ends_at < $6 then greatest(e.ends_at, least(l.max_deadline, $6)) else e.ends_at end) as max_deadline
       from workspaces w
       join users u on u.id = w.owner_id
       join workspace_builds l on l.id = w.latest_build_id
       join provisioner_jobs j on j.id = l.job_id
       join unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) as r (schedule, soon, stop)
         on r.schedule = u.quiet_hours_schedule
       cross join lateral (select j.completed_at + $5::float8 * interval '1 millisecond' as ends_at) e
       where ${RUNNING}
     ) n
     where b.id = n.id and b.max_deadline is distinct from n.max_deadline`,
    [templateId, schedules, stopsFrom(now), stopsFrom(noticed), after.maxTtlMs || null, noticed],
  );
  return rowCount ?? 0;
}

/** A time to live as it is stored for a workspace; 0 stands for none. */
function nanoseconds(ms: number): number | null {
  return ms === 0 ? null : ms * 1_000_000;
}
