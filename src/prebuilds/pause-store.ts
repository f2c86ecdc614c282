import type { Queryable } from "../db/connection.ts";
import { parseSettings, SETTINGS_KEY } from "./settings.ts";

/** Whether somebody has paused the pool of preset `p` of template `t`, for use in other statements. */
export const POOL_PAUSED = "exists (select from pool_pauses b where b.template_id = t.id and b.preset_name = p.name)";

/** Whether somebody has paused the preset's pool, or all pools. */
export async function isPaused(db: Queryable, presetId: string): Promise<boolean> {
  const { rows } = await db.query<{ pool: boolean; settings: string | null }>(
    `select
       exists (select from template_version_presets p
         join template_versions v on v.id = p.template_version_id
         join templates t on t.id = v.template_id
         where p.id = $1 and ${POOL_PAUSED}) as pool,
       (select value from site_configs where key = $2) as settings`,
    [presetId, SETTINGS_KEY],
  );
  const [row] = rows;
  return row?.pool === true || parseSettings(row?.settings ?? undefined).reconciliation_paused;
}
