import { type AuditEntry, type Difference, difference } from "../audit/entry.ts";
import { poolName } from "./name.ts";
import type { PrebuildsSettings } from "./settings.ts";

/** A preset that has a pool, as the audit log names it. */
type NamedPreset = {
  readonly id: string;
  readonly name: string;
  readonly templateName: string;
  readonly organizationId: string;
};
type NamedTemplate = { readonly id: string; readonly name: string; readonly organization_id: string };

/** What the audit log says when what is set for all pools changes; null stands for nothing set before. */
export function settingsEntry(before: PrebuildsSettings | null, after: PrebuildsSettings): AuditEntry {
  return {
    action: "write",
    type: "prebuilds_settings",
    id: "prebuilds_settings",
    target: "all pools",
    organizationId: null,
    diff: difference(before, after),
  };
}

/** What the audit log says when somebody steers a pool. */
export function poolEntry({ id, name, templateName, organizationId }: NamedPreset, diff: Difference): AuditEntry {
  const target = poolName({ templateName, presetName: name });
  return { action: "write", type: "pool", id, target, organizationId, diff };
}

/** What the audit log says when all prebuilds of a template expire: since when, preset by preset. */
export function invalidationEntry(
  { id, name, organization_id: organizationId }: NamedTemplate,
  presets: readonly { readonly preset_name: string; readonly last_invalidated_at: Date | null }[],
  now: Date,
): AuditEntry {
  const lastInvalidatedAt = (at: (preset: (typeof presets)[number]) => Date | null) => ({
    last_invalidated_at: Object.fromEntries(presets.map((preset) => [preset.preset_name, at(preset)])),
  });
  const diff = difference(
    lastInvalidatedAt((preset) => preset.last_invalidated_at),
    lastInvalidatedAt(() => now),
  );
  return { action: "write", type: "template", id, target: name, organizationId, diff };
}
