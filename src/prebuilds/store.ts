import type pg from "pg";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { targetAt } from "./schedule.ts";
import type { PrebuildStatus, PresetSnapshot, RunningPrebuild, Scheduling } from "./snapshot.ts";

/** A pool's snapshot with the names that people and metrics know it by. */
export type Pool = PresetSnapshot & {
  readonly presetName: string;
  readonly templateId: string;
  readonly templateName: string;
  readonly organizationId: string;
  readonly organizationName: string;
  readonly templateVersionId: string;
};

type PresetRow = {
  id: string;
  preset_name: string;
  template_id: string;
  template_name: string;
  organization_id: string;
  organization_name: string;
  template_version_id: string;
  active: boolean;
  template_deleted: boolean;
  deprecated: boolean;
  desired_instances: number | null;
  ttl_seconds: number | null;
  last_invalidated_at: Date | null;
  status: PrebuildStatus;
  timezone: string;
};

type MembersRow = {
  preset_id: string;
  /** Running prebuilds as `id epoch-milliseconds ready` triples, packed because one row each would cost far more. */
  running: string | null;
  starting: number;
  stopping: number;
  deleting: number;
  pending: number;
};

/** Pools of active versions, and pools of any version that still have members: never all there ever were. */
const PRESETS = `
  select p.id, p.name as preset_name, t.id as template_id, t.name as template_name, o.id as organization_id,
    o.name as organization_name, v.id as template_version_id,
    coalesce(t.active_version_id = v.id, false) and p.desired_instances is not null as active,
    t.deleted as template_deleted, t.deprecated <> '' as deprecated, p.desired_instances,
    p.invalidate_after_secs as ttl_seconds, p.last_invalidated_at, p.prebuild_status as status,
    p.scheduling_timezone as timezone
  from (
    select ap.id from templates at
    join template_version_presets ap on ap.template_version_id = at.active_version_id
    where not at.deleted and ap.desired_instances is not null
    union
    select w.preset_id from workspaces w where w.owner_id = $1 and not w.deleted and w.preset_id is not null
  ) wanted
  join template_version_presets p on p.id = wanted.id
  join template_versions v on v.id = p.template_version_id
  join templates t on t.id = v.template_id
  join organizations o on o.id = t.organization_id
  order by o.name, t.name, p.name, p.id`;

const MEMBERS = `
  select w.preset_id,
    string_agg(w.id || ' ' || (extract(epoch from w.created_at) * 1000)::bigint || ' ' || w.agents_ready, ','
      order by w.id)
      filter (where w.latest_transition = 'start' and w.latest_job_status = 'succeeded') as running,
    count(*) filter (where w.latest_transition = 'start' and unfinished)::int as starting,
    count(*) filter (where w.latest_transition = 'stop' and unfinished)::int as stopping,
    count(*) filter (where w.latest_transition = 'delete' and unfinished)::int as deleting,
    count(*) filter (where w.latest_transition = 'start' and w.latest_job_status = 'pending'
      and w.latest_build_number = 1)::int as pending
  from workspaces w, lateral (select w.latest_job_status in ('pending', 'running', 'canceling') as unfinished) s
  where w.owner_id = $1 and not w.deleted and w.preset_id is not null
  group by w.preset_id`;

const SCHEDULES = `
  select s.preset_id, json_agg(json_build_object('cron', s.cron_expression, 'instances', s.desired_instances)
    order by s.position, s.id) as schedule
  from templates t
  join template_version_presets p on p.template_version_id = t.active_version_id
  join template_version_preset_prebuild_schedules s on s.preset_id = p.id
  where not t.deleted
  group by s.preset_id`;

/** For each pool with failures since $1: how many, the newest, and how many first builds are newer than that one. */
const FAILURES = `
  select f.preset_id, f.num_failed, f.last_failed_at,
    (select count(*) from workspaces n where n.created_as_prebuild and n.preset_id = f.preset_id
      and n.created_at > f.last_failed_at)::int as newer
  from (
    select preset_id, count(*)::int as num_failed, max(created_at) as last_failed_at
    from workspaces
    where created_as_prebuild and prebuild_outcome = 'failed' and created_at > $1
    group by preset_id
  ) f`;

/**
 * Reads everything a pass decides on, in one short transaction with a constant number of queries.
 * @param lookbackMs how far back failures count, in milliseconds
 */
export async function readSnapshot(pool: pg.Pool, now: Date, lookbackMs: number): Promise<Pool[]> {
  const since = new Date(now.getTime() - lookbackMs);
  return withTransaction(pool, BEGIN.snapshot, async (client) => {
    const presets = await client.query<PresetRow>(PRESETS, [PREBUILDS_SYSTEM_USER_ID]);
    const members = await client.query<MembersRow>(MEMBERS, [PREBUILDS_SYSTEM_USER_ID]);
    const schedules = await client.query<{ preset_id: string; schedule: Scheduling["schedule"] }>(SCHEDULES);
    const failures = await client.query<FailuresRow>(FAILURES, [since]);

    const membersOf = new Map(members.rows.map((row) => [row.preset_id, row]));
    const scheduleOf = new Map(schedules.rows.map((row) => [row.preset_id, row.schedule]));
    const failuresOf = new Map(failures.rows.map((row) => [row.preset_id, row]));
    return presets.rows.map((row) =>
      assemble(row, membersOf.get(row.id), scheduleOf.get(row.id), failuresOf.get(row.id), now),
    );
  });
}

type FailuresRow = { preset_id: string; num_failed: number; last_failed_at: Date; newer: number };

function assemble(
  row: PresetRow,
  members: MembersRow | undefined,
  schedule: Scheduling["schedule"] | undefined,
  failures: FailuresRow | undefined,
  now: Date,
): Pool {
  const scheduling = schedule ? { timezone: row.timezone, schedule } : null;
  const desiredInstances = row.desired_instances ?? 0;
  // Failures count only while one of them is among as many of the newest builds as the pool is to have members.
  const counts = failures !== undefined && failures.newer < targetAt(desiredInstances, scheduling, now);
  return {
    id: row.id,
    presetName: row.preset_name,
    templateId: row.template_id,
    templateName: row.template_name,
    organizationId: row.organization_id,
    organizationName: row.organization_name,
    templateVersionId: row.template_version_id,
    active: row.active,
    templateDeleted: row.template_deleted,
    deprecated: row.deprecated,
    desiredInstances,
    ttlSeconds: row.ttl_seconds,
    lastInvalidatedAt: row.last_invalidated_at,
    status: row.status,
    hardLimited: row.status === "hard_limited",
    paused: false,
    scheduling,
    running: unpack(members?.running ?? null),
    inProgress: {
      start: members?.starting ?? 0,
      stop: members?.stopping ?? 0,
      delete: members?.deleting ?? 0,
    },
    pending: row.active ? 0 : (members?.pending ?? 0),
    backoff: counts ? { numFailed: failures.num_failed, lastBuildAt: failures.last_failed_at } : null,
  };
}

function unpack(packed: string | null): RunningPrebuild[] {
  if (packed === null) return [];
  return packed.split(",").map((triple) => {
    const [id = "", createdAt, ready] = triple.split(" ");
    return { id, createdAt: new Date(Number(createdAt)), ready: ready === "true" };
  });
}
