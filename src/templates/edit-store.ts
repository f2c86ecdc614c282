import type pg from "pg";
import { lockApply } from "../apply/store.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { LIFECYCLE_RECORD, SET_LIFECYCLE } from "./lifecycle-store.ts";
import { findTemplate, findTemplateVersion } from "./store.ts";
import type { TemplateRow, TemplateVersionRow } from "./view.ts";

/** What can be changed about a template itself. */
export type TemplateSettings = Pick<
  TemplateRow,
  "name" | "display_name" | "description" | "icon" | "deprecated" | "lifecycle"
>;

/**
 * Reads a template that is about to be changed; undefined when it is not there or deleted. Until the transaction ends
 * nobody else changes a template, nor applies a document, which would go by what it has read before.
 */
export async function lockTemplate(client: pg.PoolClient, id: string): Promise<TemplateRow | undefined> {
  await lockApply(client);
  return findTemplate(client, id);
}

/** Reads a version that is about to be changed, with its template, which nobody else changes then (see `lockTemplate`). */
export async function lockTemplateVersion(
  client: pg.PoolClient,
  id: string,
): Promise<{ template: TemplateRow; version: TemplateVersionRow } | undefined> {
  await lockApply(client);
  const version = await findTemplateVersion(client, id);
  const template = version?.template_id ? await findTemplate(client, version.template_id) : undefined;
  return version && template && { template, version };
}

/**
 * Writes what can be changed about a template.
 * @throws ProblemError conflict when the name is taken
 */
export async function updateTemplate(
  client: pg.PoolClient,
  template: TemplateRow,
  settings: TemplateSettings,
  now: Date,
): Promise<void> {
  try {
    await client.query(
      `update templates
       set name = $2, display_name = $3, description = $4, icon = $5, deprecated = $6,
         ${SET_LIFECYCLE}, updated_at = $8
       from json_to_record($7) as ${LIFECYCLE_RECORD}
       where id = $1`,
      [
        template.id,
        settings.name,
        settings.display_name,
        settings.description,
        settings.icon,
        settings.deprecated,
        settings.lifecycle,
        now,
      ],
    );
  } catch (error) {
    if (!isUniqueViolation(error, "templates_organization_id_name_unique")) throw error;
    const message = `the organization ${template.organization_name} has a template named ${settings.name} already; choose another name`;
    throw new ProblemError("conflict", message, {
      validations: [{ field: "name", detail: "is already taken" }],
      cause: error,
    });
  }
}

/**
 * How many workspaces of a template belong to people, so that they keep it from being deleted. Until the transaction
 * ends no prebuild of it is claimed; claims that are under way are waited for, and so are workspaces that are being made.
 */
export async function countKeepingWorkspaces(client: pg.PoolClient, templateId: string): Promise<number> {
  await client.query("select from templates where id = $1 for update", [templateId]);
  await client.query(
    `select from workspaces where template_id = $1 and owner_id = $2 and not deleted order by id for no key update`,
    [templateId, PREBUILDS_SYSTEM_USER_ID],
  );
  // Only a statement that begins when the locks are there sees what was committed while they were waited for.
  const { rows } = await client.query<{ count: number }>(
    "select count(*)::int as count from workspaces where template_id = $1 and owner_id <> $2 and not deleted",
    [templateId, PREBUILDS_SYSTEM_USER_ID],
  );
  return rows[0]?.count ?? 0;
}

/** Marks a template as deleted. Its pools' own pauses end with it: nobody could end them later, and prebuilds would stay. */
export async function deleteTemplate(client: pg.PoolClient, id: string, now: Date): Promise<void> {
  await client.query("update templates set deleted = true, updated_at = $2 where id = $1", [id, now]);
  await client.query("delete from pool_pauses where template_id = $1", [id]);
}

/** Makes a version the one that a template's new workspaces and pools are built from. */
export async function activateVersion(
  client: pg.PoolClient,
  { template_id: templateId, id }: Pick<TemplateVersionRow, "template_id" | "id">,
  now: Date,
): Promise<void> {
  await client.query("update templates set active_version_id = $2, updated_at = $3 where id = $1", [
    templateId,
    id,
    now,
  ]);
}

/** Archives a version, or takes it out of the archive. */
export async function storeArchived(client: pg.PoolClient, id: string, archived: boolean, now: Date): Promise<void> {
  await client.query("update template_versions set archived = $2, updated_at = $3 where id = $1", [id, archived, now]);
}
