import type { Queryable } from "../db/connection.ts";

/** How failures count. */
export type FailureSettings = {
  /** Failures older than this delay nothing any more, in milliseconds. */
  readonly backoffLookbackMs: number;
  /** After this many failed builds in a row a pool creates no more; 0 means that it always does. */
  readonly failureHardLimit: number;
};

/** What the history of a pool's builds says about its failures. */
export type Failures = {
  /** Failures within the lookback. */
  readonly numFailed: number;
  /** When the build of the newest of them was asked for; null when there are none. */
  readonly lastFailedAt: Date | null;
  /** How many builds were asked for after that. */
  readonly newer: number;
  /** The newest builds that ended have all failed, and there are as many of them as the limit says. */
  readonly hardLimited: boolean;
};

type Row = {
  preset_id: string;
  num_failed: number;
  last_failed_at: Date | null;
  newer: number;
  all_failed: boolean;
};

/**
 * The history holds every prebuild that was ever made for a preset: one that was claimed or deleted still counts as what
 * it was. Builds from before the pool was reset do not count, nor do those that were canceled. Prebuilds that were asked
 * for at the same moment have no order, so one success among them ends a row of failures.
 */
const FAILURES = `
  select p.id as preset_id, recent.num_failed, recent.last_failed_at,
    (select count(*) from workspaces n where n.created_as_prebuild and n.preset_id = p.id
      and n.created_at > recent.last_failed_at)::int as newer,
    $2 > 0 and row_of.began_at is not null and (
      select s.created_at from workspaces s
      where s.created_as_prebuild and s.preset_id = p.id and s.prebuild_outcome = 'succeeded'
        and s.created_at >= row_of.began_at
      order by s.created_at desc limit 1) is null as all_failed
  from templates t
  join template_version_presets p on p.template_version_id = t.active_version_id and p.desired_instances is not null
  cross join lateral (
    select count(*)::int as num_failed, max(f.created_at) as last_failed_at from workspaces f
    where f.created_as_prebuild and f.prebuild_outcome = 'failed' and f.preset_id = p.id
      and f.created_at > greatest($1, p.failures_reset_at)
  ) recent
  cross join lateral (
    select (
      select f.created_at from workspaces f
      where f.created_as_prebuild and f.prebuild_outcome = 'failed' and f.preset_id = p.id
        and f.created_at > coalesce(p.failures_reset_at, '-infinity')
      order by f.created_at desc offset greatest($2 - 1, 0) limit 1
    ) as began_at
  ) row_of
  where not t.deleted and (recent.num_failed > 0 or row_of.began_at is not null)`;

/** One build of a prebuild that failed, for people who want to know why. */
export type FailedBuild = {
  readonly workspaceId: string;
  readonly workspaceName: string;
  readonly buildId: string;
  readonly error: string;
  readonly failedAt: Date;
};

/** Reads the newest failures of each of the given presets since it was reset, at most `limit` of each. */
export async function readFailedBuilds(
  db: Queryable,
  presetIds: readonly string[],
  limit: number,
): Promise<ReadonlyMap<string, readonly FailedBuild[]>> {
  if (presetIds.length === 0) return new Map();
  const { rows } = await db.query<FailedBuild & { presetId: string }>(
    `select p.id as "presetId", f.id as "workspaceId", f.name as "workspaceName", b.id as "buildId",
       coalesce(j.error, '') as error, coalesce(j.completed_at, j.updated_at) as "failedAt"
     from template_version_presets p
     cross join lateral (
       select w.id, w.name, w.created_at from workspaces w
       where w.created_as_prebuild and w.prebuild_outcome = 'failed' and w.preset_id = p.id
         and w.created_at > coalesce(p.failures_reset_at, '-infinity')
       order by w.created_at desc limit $2
     ) f
     join workspace_builds b on b.workspace_id = f.id and b.build_number = 1
     join provisioner_jobs j on j.id = b.job_id
     where p.id = any($1::uuid[])
     order by p.id, f.created_at desc`,
    [presetIds, limit],
  );
  return Map.groupBy(rows, ({ presetId }) => presetId);
}

/** Reads the failures of the pools of active versions, by the preset's id; pools without any are not in the answer. */
export async function readFailures(
  client: Queryable,
  now: Date,
  settings: FailureSettings,
): Promise<ReadonlyMap<string, Failures>> {
  const since = new Date(now.getTime() - settings.backoffLookbackMs);
  const { rows } = await client.query<Row>(FAILURES, [since, settings.failureHardLimit]);
  return new Map(
    rows.map((row) => [
      row.preset_id,
      {
        numFailed: row.num_failed,
        lastFailedAt: row.last_failed_at,
        newer: row.newer,
        hardLimited: row.all_failed,
      },
    ]),
  );
}
