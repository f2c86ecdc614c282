import type pg from "pg";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { type FailureSettings, type Failures, readFailures } from "./failures-store.ts";
import { INCOMPLETE_ORGANIZATIONS, type IncompleteOrganization } from "./membership-store.ts";
import { targetAt } from "./schedule.ts";
import { parseSettings, SETTINGS_KEY } from "./settings.ts";
import type { FailedPrebuild, PrebuildStatus, PresetSnapshot, RunningPrebuild, Scheduling } from "./snapshot.ts";

/** A pool's snapshot with the names that people and metrics know it by. */
export type Pool = PresetSnapshot & {
  readonly presetName: string;
  readonly templateId: string;
  readonly templateName: string;
  readonly organizationId: string;
  readonly organizationName: string;
  readonly templateVersionId: string;
  /** The status as it is stored; `status` is what it should be now. */
  readonly storedStatus: PrebuildStatus;
  readonly statusSince: Date | null;
  /** Why the pool is not healthy; empty when it is. */
  readonly statusDetail: string;
  /** Who has paused this pool, and when; null when nobody has, though all pools may be paused. */
  readonly pause: Pause | null;
};

/** A pause and who made it; the name is null when that cannot be told any more. */
export type Pause = { readonly at: Date; readonly by: string | null };

/** All that a pass decides on. */
export type Snapshot = {
  /** Who has paused all pools; null when nobody has. */
  readonly pause: Pause | null;
  /** The organizations in which the prebuilds user is still to become a member. */
  readonly incomplete: readonly IncompleteOrganization[];
  readonly pools: readonly Pool[];
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
  schedule: Scheduling["schedule"] | null;
  status_since: Date | null;
  status_detail: string;
  paused_at: Date | null;
  paused_by: string | null;
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
    p.scheduling_timezone as timezone, s.schedule, p.prebuild_status_since as status_since,
    p.prebuild_status_detail as status_detail, b.paused_at, bu.username as paused_by
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
  left join lateral (
    select json_agg(json_build_object('cron', w.cron_expression, 'instances', w.desired_instances)
      order by w.position, w.id) as schedule
    from template_version_preset_prebuild_schedules w where w.preset_id = p.id
  ) s on true
  left join pool_pauses b on b.template_id = t.id and b.preset_name = p.name
  left join users bu on bu.id = b.paused_by
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
      and w.latest_build_number = 1 and w.created_as_prebuild)::int as pending
  from workspaces w, lateral (select w.latest_job_status in ('pending', 'running', 'canceling') as unfinished) s
  where w.owner_id = $1 and not w.deleted and w.preset_id is not null
  group by w.preset_id`;

/** Prebuilds whose latest build failed; they are few, so what is known of their builds may be looked up. */
const FAILED = `
  select w.preset_id, w.id, coalesce(j.completed_at, j.updated_at) as failed_at,
    case when w.latest_transition = 'delete' then w.latest_build_number - coalesce((
      select max(e.build_number) from workspace_builds e where e.workspace_id = w.id and e.transition <> 'delete'), 0)
    else 0 end as failed_deletes
  from workspaces w
  join workspace_builds b on b.id = w.latest_build_id
  join provisioner_jobs j on j.id = b.job_id
  where w.owner_id = $1 and not w.deleted and w.latest_job_status = 'failed' and w.preset_id is not null
    and w.latest_transition in ('start', 'delete')
  order by w.id`;

/** What concerns all pools: the settings, and where the prebuilds user is not a member yet. */
const AROUND = `
  select c.value, c.updated_at as at, u.username as by,
    coalesce((select json_agg(json_build_object('id', i.id, 'name', i.name)) from (${INCOMPLETE_ORGANIZATIONS}) i), '[]')
      as incomplete
  from (values (1)) one
  left join site_configs c on c.key = $1
  left join users u on u.id = c.updated_by`;

type AroundRow = {
  value: string | null;
  at: Date | null;
  by: string | null;
  incomplete: readonly IncompleteOrganization[];
};

type FailedRow = { preset_id: string; id: string; failed_at: Date; failed_deletes: number };

/** Reads everything a pass decides on, in one short transaction with a constant number of queries. */
export async function readSnapshot(pool: pg.Pool, now: Date, settings: FailureSettings): Promise<Snapshot> {
  return withTransaction(pool, BEGIN.snapshot, async (client) => {
    const around = await client.query<AroundRow>(AROUND, [SETTINGS_KEY]);
    const presets = await client.query<PresetRow>(PRESETS, [PREBUILDS_SYSTEM_USER_ID]);
    const members = await client.query<MembersRow>(MEMBERS, [PREBUILDS_SYSTEM_USER_ID]);
    const failed = await client.query<FailedRow>(FAILED, [PREBUILDS_SYSTEM_USER_ID]);
    const failuresOf = await readFailures(client, now, settings);

    const [row] = around.rows;
    const isPaused = parseSettings(row?.value ?? undefined).reconciliation_paused;
    const pause = isPaused && row?.at ? { at: row.at, by: row.by } : null;
    const membersOf = new Map(members.rows.map((one) => [one.preset_id, one]));
    const failedOf = Map.groupBy(failed.rows, (one) => one.preset_id);
    const pools = presets.rows.map((one) =>
      assemble(one, {
        members: membersOf.get(one.id),
        failed: failedOf.get(one.id) ?? [],
        failures: failuresOf.get(one.id),
        allPaused: pause !== null,
        now,
      }),
    );
    return { pause, incomplete: row?.incomplete ?? [], pools };
  });
}

type Parts = {
  readonly members: MembersRow | undefined;
  readonly failed: readonly FailedRow[];
  readonly failures: Failures | undefined;
  readonly allPaused: boolean;
  readonly now: Date;
};

function assemble(row: PresetRow, { members, failed, failures, allPaused, now }: Parts): Pool {
  const scheduling = row.schedule && { timezone: row.timezone, schedule: row.schedule };
  const desiredInstances = row.desired_instances ?? 0;
  // Failures count only while one of them is among as many of the newest builds as the pool is to have members.
  const last = failures?.lastFailedAt ?? null;
  const counts = last !== null && (failures?.newer ?? 0) < targetAt(desiredInstances, scheduling, now);
  const hardLimited = failures?.hardLimited ?? false;
  const computed = hardLimited ? "hard_limited" : "healthy";
  const pause = row.paused_at && { at: row.paused_at, by: row.paused_by };
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
    storedStatus: row.status,
    // Nothing is created in a pool that is no longer kept, so its status stays as it was found last.
    status: row.status === "validation_failed" || !row.active || row.template_deleted ? row.status : computed,
    statusSince: row.status_since,
    statusDetail: row.status_detail,
    hardLimited,
    pause,
    paused: allPaused || pause !== null,
    scheduling,
    running: unpack(members?.running ?? null),
    failed: failed.map(failedPrebuild),
    inProgress: {
      start: members?.starting ?? 0,
      stop: members?.stopping ?? 0,
      delete: members?.deleting ?? 0,
    },
    pending: members?.pending ?? 0,
    backoff: counts ? { numFailed: failures?.numFailed ?? 0, lastBuildAt: last } : null,
  };
}

function failedPrebuild(row: FailedRow): FailedPrebuild {
  return { id: row.id, failedAt: row.failed_at, failedDeletes: row.failed_deletes };
}

function unpack(packed: string | null): RunningPrebuild[] {
  if (packed === null) return [];
  return packed.split(",").map((triple) => {
    const [id = "", createdAt, ready] = triple.split(" ");
    return { id, createdAt: new Date(Number(createdAt)), ready: ready === "true" };
  });
}
