/** The row of `site_configs` that holds the settings of all pools. */
export const SETTINGS_KEY = "prebuilds_settings";

/** What people set for all pools at once, as it is stored and as the API shows it. */
export type PrebuildsSettings = { readonly reconciliation_paused: boolean };

/** Reads the stored settings; nothing stored means nothing set. */
export function parseSettings(stored: string | undefined): PrebuildsSettings {
  let value: unknown;
  try {
    value = JSON.parse(stored || "{}");
  } catch {
    value = undefined; // whoever wrote this cannot have meant to pause anything
  }
  const settings: Partial<PrebuildsSettings> = typeof value === "object" && value !== null ? value : {};
  return { reconciliation_paused: settings.reconciliation_paused === true };
}
