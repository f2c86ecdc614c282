import type pg from "pg";
import { LIFECYCLE_RECORD, SET_LIFECYCLE } from "../templates/lifecycle-store.ts";
import type { Writes } from "./changes.ts";
import type { DeclarationRow, TemplateRow } from "./state.ts";

const ROWS = `json_to_recordset($1) as r (id uuid, "organizationId" uuid, name text, "displayName" text,
  description text, icon text, provisioner text, deprecated text, lifecycle json, "activeVersionId" uuid)`;

/**
 * Inserts templates without their active version, which refers to them and so has to come after them, and with the
 * lifecycle that templates have by default.
 */
export async function insertTemplates(
  client: pg.PoolClient,
  templates: readonly TemplateRow[],
  write: { readonly by: string; readonly now: Date },
): Promise<void> {
  if (templates.length === 0) return;
  await client.query(
    `insert into templates (id, organization_id, name, display_name, description, icon, provisioner, deprecated,
       created_by, created_at, updated_at)
     select r.id, r."organizationId", r.name, r."displayName", r.description, r.icon, r.provisioner, r.deprecated,
       $2, $3, $3 from ${ROWS}`,
    [JSON.stringify(templates), write.by, write.now],
  );
}

/**
 * Gives new templates their active version, which leaves the archive, and their lifecycle, and changed ones everything
 * that can change.
 */
export async function finishTemplates(
  client: pg.PoolClient,
  { insert, update }: Writes<TemplateRow>,
  now: Date,
): Promise<void> {
  const templates = [...insert, ...update];
  if (templates.length === 0) return;
  await client.query(
    `with restored as (
       update template_versions v set archived = false, updated_at = $2
       from ${ROWS} where v.id = r."activeVersionId" and v.archived
     )
     update templates t
     set display_name = r."displayName", description = r.description, icon = r.icon, deprecated = r.deprecated,
       ${SET_LIFECYCLE}, active_version_id = r."activeVersionId", updated_at = $2
     from ${ROWS} cross join json_to_record(r.lifecycle) as ${LIFECYCLE_RECORD} where t.id = r.id`,
    [JSON.stringify(templates), now],
  );
}

/** Writes the parameters that new versions declare; these versions must be there. */
export async function writeDeclarations(client: pg.PoolClient, declarations: readonly DeclarationRow[]): Promise<void> {
  if (declarations.length === 0) return;
  await client.query(
    `insert into template_version_parameters (template_version_id, name, display_order, display_name, description, type,
       mutable, required, default_value, options, validation_regex, validation_min, validation_max, validation_error)
     select r."versionId", r.name, r.position, r."displayName", r.description, r.type, r.mutable, r.required,
       r."defaultValue", r.options, v.regex, v.min, v.max, v.error
     from json_to_recordset($1) as r ("versionId" uuid, name text, position integer, "displayName" text,
         description text, type text, mutable boolean, required boolean, "defaultValue" text, options jsonb,
         validation json)
       cross join json_to_record(r.validation) as v (regex text, min integer, max integer, error text)`,
    [JSON.stringify(declarations)],
  );
}
