import { prepared, type Queryable } from "../db/connection.ts";
import type { PassAction } from "../db/schema/operations.ts";
import type { RecentPass, RecentRequest } from "./recent.ts";

/** A pass that is still to be written. */
export type NotedPass = RecentPass & { readonly actions: readonly PassAction[] };
/** A request that is still to be written. */
export type NotedRequest = {
  readonly at: Date;
  readonly presetId: string | null;
  readonly result: string;
  readonly durationMs: number;
};

/** Writes passes and requests, all or none. */
export async function insertRecent(
  db: Queryable,
  passes: readonly NotedPass[],
  requests: readonly NotedRequest[],
): Promise<void> {
  await db.query(
    prepared(
      `with passes as (
         insert into recent_passes (replica, started_at, duration_ms, pools, actions, failures)
         select replica, "startedAt", "durationMs", pools, actions, failures
         from jsonb_to_recordset($1) as p (replica text, "startedAt" timestamptz, "durationMs" float8, pools int,
           actions jsonb, failures int)
       )
       insert into recent_requests (at, preset_id, result, duration_ms)
       select at, "presetId", result, "durationMs"
       from jsonb_to_recordset($2) as r (at timestamptz, "presetId" uuid, result text, "durationMs" float8)`,
      [JSON.stringify(passes), JSON.stringify(requests)],
    ),
  );
}

/** Forgets passes and requests from before a time. */
export async function deleteRecent(db: Queryable, before: Date): Promise<void> {
  await db.query("delete from recent_passes where started_at < $1", [before]);
  await db.query("delete from recent_requests where at < $1", [before]);
}

/** The newest passes that did something or failed, and before them the newest of all; the newest first. */
export async function readPasses(db: Queryable, limit: number): Promise<RecentPass[]> {
  const { rows } = await db.query<RecentPass>(
    `with newest as (select * from recent_passes order by id desc limit 1),
     busy as (
       select * from recent_passes where actions <> '[]' or failures > 0 order by id desc limit $1
     )
     select replica, started_at as "startedAt", duration_ms as "durationMs", pools, actions, failures
     from (select * from newest union select * from busy) p order by id desc`,
    [limit],
  );
  return rows;
}

/** The newest requests, the newest first. */
export async function readRequests(db: Queryable, limit: number): Promise<RecentRequest[]> {
  const { rows } = await db.query<RecentRequest>(
    `select r.at, r.result, r.duration_ms as "durationMs",
       case when p.id is not null then json_build_object('organization_id', o.id, 'organization_name', o.name,
         'template_name', t.name, 'preset_name', p.name) end as pool
     from (select * from recent_requests order by id desc limit $1) r
     left join template_version_presets p on p.id = r.preset_id
     left join template_versions v on v.id = p.template_version_id
     left join templates t on t.id = v.template_id
     left join organizations o on o.id = t.organization_id
     order by r.id desc`,
    [limit],
  );
  return rows;
}

/** How full the pools were, by `template id/preset name`. */
export type LevelsRow = {
  readonly at: Date;
  readonly levels: Readonly<Record<string, readonly [ready: number, desired: number]>>;
};

/** How full the pools were at each minute after a time, the oldest first. */
export async function readLevels(db: Queryable, after: Date): Promise<LevelsRow[]> {
  const { rows } = await db.query<LevelsRow>(
    "select taken_at as at, levels from pool_levels where taken_at > $1 order by taken_at",
    [after],
  );
  return rows;
}
