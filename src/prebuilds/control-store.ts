import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { isUuid } from "../uuid.ts";
import { type PrebuildsSettings, parseSettings, SETTINGS_KEY } from "./settings.ts";
import type { PrebuildStatus, Scheduling } from "./snapshot.ts";

/** A preset, and what decides whether it has a pool. */
export type FoundPreset = {
  readonly id: string;
  readonly name: string;
  readonly templateId: string;
  readonly templateName: string;
  readonly organizationId: string;
  readonly organizationName: string;
  readonly versionName: string;
  /** Its version is the template's active one. */
  readonly active: boolean;
  /** The id of the preset with the same name in the active version; null when that has none. */
  readonly activeId: string | null;
  /** How many prebuilds to keep; null means that the preset has no pool. */
  readonly desiredInstances: number | null;
};

/** What a pool's size follows from at any time. */
export type StoredSchedule = {
  readonly base: number;
  readonly timezone: string;
  readonly schedule: Scheduling["schedule"];
};

/** One preset whose prebuilds are no longer wanted, by the names that people know it by. */
export type Invalidated = {
  readonly template_name: string;
  readonly template_version_name: string;
  readonly preset_name: string;
};

/** Finds a preset by its id, of any version of a template that is not deleted. */
export async function findPreset(db: Queryable, id: string): Promise<FoundPreset | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<FoundPreset>(
    `select p.id, p.name, t.id as "templateId", t.name as "templateName", t.organization_id as "organizationId",
       o.name as "organizationName", v.name as "versionName", v.id is not distinct from t.active_version_id as active,
       (select a.id from template_version_presets a
         where a.template_version_id = t.active_version_id and a.name = p.name) as "activeId",
       p.desired_instances as "desiredInstances"
     from template_version_presets p
     join template_versions v on v.id = p.template_version_id
     join templates t on t.id = v.template_id and not t.deleted
     join organizations o on o.id = t.organization_id and not o.deleted
     where p.id = $1`,
    [id],
  );
  return rows[0];
}

/** Pauses a pool, in all versions of its template; false when it is paused already: that keeps who did it, and when. */
export async function pausePool(db: Queryable, preset: FoundPreset, userId: string, now: Date): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into pool_pauses (template_id, preset_name, paused_at, paused_by) values ($1, $2, $3, $4)
     on conflict (template_id, preset_name) do nothing`,
    [preset.templateId, preset.name, now, userId],
  );
  return rowCount === 1;
}

/** Ends the pause of a pool; false when it was not paused. */
export async function resumePool(db: Queryable, preset: FoundPreset): Promise<boolean> {
  const { rowCount } = await db.query("delete from pool_pauses where template_id = $1 and preset_name = $2", [
    preset.templateId,
    preset.name,
  ]);
  return rowCount === 1;
}

/** What a reset changes, as it was before. */
export type BeforeReset = {
  readonly status: PrebuildStatus;
  readonly status_detail: string;
  readonly failures_reset_at: Date | null;
};

/**
 * Makes a pool healthy: failures from before now no longer count, and its parameters are tried again. Returns what the
 * pool was before.
 */
export async function resetPool(db: Queryable, preset: FoundPreset, now: Date): Promise<BeforeReset | undefined> {
  const { rows } = await db.query<BeforeReset>(
    `with before as (
       select id, prebuild_status, prebuild_status_detail, failures_reset_at
       from template_version_presets where id = $1 for update)
     update template_version_presets p
     set prebuild_status = 'healthy', prebuild_status_detail = '', prebuild_status_since = $2, failures_reset_at = $2
     from before b where p.id = b.id
     returning b.prebuild_status as status, b.prebuild_status_detail as status_detail, b.failures_reset_at`,
    [preset.id, now],
  );
  return rows[0];
}

/** Reads a preset's size and schedule, whatever its version. */
export async function readSchedule(db: Queryable, presetId: string): Promise<StoredSchedule | undefined> {
  const { rows } = await db.query<StoredSchedule>(
    `select coalesce(p.desired_instances, 0) as base, p.scheduling_timezone as timezone,
       coalesce((
         select json_agg(json_build_object('cron', s.cron_expression, 'instances', s.desired_instances)
           order by s.position, s.id)
         from template_version_preset_prebuild_schedules s where s.preset_id = p.id), '[]') as schedule
     from template_version_presets p where p.id = $1`,
    [presetId],
  );
  return rows[0];
}

/**
 * Makes every prebuild from before now of the template's active version expired; returns the presets in order, each with
 * when that was done the last time.
 */
export async function invalidatePrebuilds(
  db: Queryable,
  templateId: string,
  now: Date,
): Promise<(Invalidated & { readonly last_invalidated_at: Date | null })[]> {
  const { rows } = await db.query<Invalidated & { last_invalidated_at: Date | null }>(
    `with before as (
       select p.id, p.name, p.last_invalidated_at, t.name as template_name, v.name as template_version_name
       from templates t
       join template_versions v on v.id = t.active_version_id
       join template_version_presets p on p.template_version_id = v.id
       where t.id = $1
       order by p.id
       for update of p),
     invalidated as (
       update template_version_presets p set last_invalidated_at = $2
       from before b
       where p.id = b.id
       returning b.template_name, b.template_version_name, b.name as preset_name, b.last_invalidated_at)
     select * from invalidated order by preset_name`,
    [templateId, now],
  );
  return rows;
}

/** Reads what is set for all pools. */
export async function readSettings(db: Queryable): Promise<PrebuildsSettings> {
  const { rows } = await db.query<{ value: string }>("select value from site_configs where key = $1", [SETTINGS_KEY]);
  return parseSettings(rows[0]?.value);
}

/**
 * Stores what is set for all pools. Returns what was set before, null when that was nothing; undefined when what is to
 * be stored is stored already, byte for byte. It is for a transaction, which holds others up until it ends.
 */
export async function storeSettings(
  client: pg.PoolClient,
  settings: PrebuildsSettings,
  userId: string,
  now: Date,
): Promise<PrebuildsSettings | null | undefined> {
  const { rows } = await client.query<{ value: string }>("select value from site_configs where key = $1 for update", [
    SETTINGS_KEY,
  ]);
  const { rowCount } = await client.query(
    `insert into site_configs as c (key, value, updated_at, updated_by) values ($1, $2, $3, $4)
     on conflict (key) do update
       set value = excluded.value, updated_at = excluded.updated_at, updated_by = excluded.updated_by
       where c.value <> excluded.value`,
    [SETTINGS_KEY, JSON.stringify(settings), now, userId],
  );
  if (rowCount !== 1) return undefined;
  return rows[0] ? parseSettings(rows[0].value) : null;
}
