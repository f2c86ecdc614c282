import type { Queryable } from "../db/connection.ts";
import { parseSettings, SETTINGS_KEY } from "./settings.ts";

/** Whether somebody has paused the preset's pool, or all pools. */
export async function isPaused(db: Queryable, presetId: string): Promise<boolean> {
  const { rows } = await db.query<{ pool: boolean; settings: string | null }>(
    `select
       exists (select from template_version_presets p
         join template_versions v on v.id = p.template_version_id
         join pool_pauses b on b.template_id = v.template_id and b.preset_name = p.name
         where p.id = $1) as pool,
       (select value from site_configs where key = $2) as settings`,
    [presetId, SETTINGS_KEY],
  );
  const [row] = rows;
  return row?.pool === true || parseSettings(row?.settings ?? undefined).reconciliation_paused;
}
