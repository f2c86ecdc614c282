import type pg from "pg";
import type { NotifiedPool, Replaced } from "../notifications/event.ts";
import { storableJson } from "../storable.ts";
import type { Replacements } from "./driver.ts";

type Row = Omit<Replaced, "at" | "replacements"> & NotifiedPool;

/**
 * Keeps with a claim build what it has replaced, which is what the metric counts.
 * @returns the claim, and the pool that the workspace came from: the preset of its first build; undefined when that has
 * none, in which case nothing is kept
 */
export async function storeReplacements(
  client: pg.PoolClient,
  buildId: string,
  replacements: Replacements,
): Promise<{ pool: NotifiedPool; claim: Omit<Replaced, "at" | "replacements"> } | undefined> {
  const { rows } = await client.query<Row>(
    `update workspace_builds b set resource_replacements = $2
     from workspaces w
     join workspace_builds first on first.workspace_id = w.id and first.build_number = 1
     join template_version_presets p on p.id = first.template_version_preset_id
     join users u on u.id = w.owner_id
     join templates t on t.id = w.template_id
     join organizations o on o.id = w.organization_id, template_versions v
     where b.id = $1 and w.id = b.workspace_id and v.id = b.template_version_id
     returning w.id as "workspaceId", w.name as workspace, b.build_number as "buildNumber", u.id as "claimantId",
       u.username as claimant, o.id as "organizationId", o.name as organization, t.id as "templateId",
       t.name as template, v.id as "templateVersionId", v.name as "templateVersion", p.id as "presetId",
       p.name as preset`,
    [buildId, storableJson(replacements)],
  );
  const row = rows[0];
  if (!row) return undefined;
  const { workspaceId, workspace, buildNumber, claimantId, claimant, ...pool } = row;
  return { pool, claim: { workspaceId, workspace, buildNumber, claimantId, claimant } };
}
