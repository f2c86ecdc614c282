import type { Queryable } from "../db/connection.ts";
import { isVisible, VISIBILITY_PARAMETERS, visibilityValues } from "../db/visible.ts";
import type { Visibility } from "../rbac/visibility.ts";
import { isUuid } from "../uuid.ts";
import { LIFECYCLE } from "./lifecycle-store.ts";
import type { PresetRow, TemplateRow, TemplateVersionRow } from "./view.ts";

const TEMPLATES = `
  select t.id, t.organization_id, o.name as organization_name, t.name, t.display_name, t.description, t.icon,
    t.provisioner, t.active_version_id, v.name as active_version_name, t.deprecated,
    ${LIFECYCLE} as lifecycle, t.created_by as created_by_id, u.username as created_by_name, t.created_at, t.updated_at
  from templates t
  join organizations o on o.id = t.organization_id and not o.deleted
  join users u on u.id = t.created_by
  left join template_versions v on v.id = t.active_version_id
  where not t.deleted`;

type Page = { readonly limit: number; readonly offset: number };

/** One page of the templates that may be seen, of all organizations or of one, by name, and how many there are in all. */
export async function listTemplates(
  db: Queryable,
  visible: Visibility,
  filter: { readonly organizationId?: string | undefined; readonly name?: string | undefined },
  page: Page,
): Promise<{ templates: TemplateRow[]; count: number }> {
  const { rows } = await db.query<TemplateRow & { total: number }>(
    `with matching as (${TEMPLATES} and ${isVisible({ id: "t.id", organization: "t.organization_id" })}
        and ($${VISIBILITY_PARAMETERS + 1}::uuid is null or t.organization_id = $${VISIBILITY_PARAMETERS + 1})
        and ($${VISIBILITY_PARAMETERS + 2}::text is null
          or position(lower($${VISIBILITY_PARAMETERS + 2}) in lower(t.name)) > 0)),
      page as (
        select * from matching order by lower(organization_name), lower(name), id
        limit $${VISIBILITY_PARAMETERS + 3} offset $${VISIBILITY_PARAMETERS + 4})
      select total.count as total, page.* from (select count(*)::int as count from matching) total
      left join page on true
      order by lower(page.organization_name), lower(page.name), page.id`,
    [...visibilityValues(visible), filter.organizationId ?? null, filter.name ?? null, page.limit, page.offset],
  );
  return { templates: rows.filter((row) => row.id !== null), count: rows[0]?.total ?? 0 };
}

/** Finds a template by its id. */
export async function findTemplate(db: Queryable, id: string): Promise<TemplateRow | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<TemplateRow>(`${TEMPLATES} and t.id = $1`, [id]);
  return rows[0];
}

/** Finds a template by its name, in any case, within an organization. */
export async function findTemplateByName(
  db: Queryable,
  organizationId: string,
  name: string,
): Promise<TemplateRow | undefined> {
  const { rows } = await db.query<TemplateRow>(
    `${TEMPLATES} and t.organization_id = $1 and lower(t.name) = lower($2)`,
    [organizationId, name],
  );
  return rows[0];
}

const VERSIONS = `
  select v.id, v.template_id, v.organization_id, v.name, v.message, v.archived,
    v.id is not distinct from t.active_version_id as active,
    v.created_by as created_by_id, u.username as created_by_name, v.created_at, v.updated_at
  from template_versions v
  join users u on u.id = v.created_by
  left join templates t on t.id = v.template_id`;

/** Finds a template version by its id; those of deleted templates too, because workspaces may still be on them. */
export async function findTemplateVersion(db: Queryable, id: string): Promise<TemplateVersionRow | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<TemplateVersionRow>(`${VERSIONS} where v.id = $1`, [id]);
  return rows[0];
}

/** Finds a version of a template by its name. */
export async function findTemplateVersionByName(
  db: Queryable,
  templateId: string,
  name: string,
): Promise<TemplateVersionRow | undefined> {
  const { rows } = await db.query<TemplateVersionRow>(`${VERSIONS} where v.template_id = $1 and v.name = $2`, [
    templateId,
    name,
  ]);
  return rows[0];
}

/** One page of a template's versions, the newest first, and how many there are in all. */
export async function listTemplateVersions(
  db: Queryable,
  templateId: string,
  filter: { readonly includeArchived: boolean },
  page: Page,
): Promise<{ versions: TemplateVersionRow[]; count: number }> {
  const { rows } = await db.query<TemplateVersionRow & { total: number }>(
    `with matching as (${VERSIONS} where v.template_id = $1 and ($2 or not v.archived)),
      page as (select * from matching order by created_at desc, id desc limit $3 offset $4)
      select total.count as total, page.* from (select count(*)::int as count from matching) total
      left join page on true
      order by page.created_at desc, page.id desc`,
    [templateId, filter.includeArchived, page.limit, page.offset],
  );
  return { versions: rows.filter((row) => row.id !== null), count: rows[0]?.total ?? 0 };
}

/** The presets of a template version with their parameters, the default one first, then in the order of their names. */
export async function listPresets(db: Queryable, templateVersionId: string): Promise<PresetRow[]> {
  const { rows } = await db.query<PresetRow>(
    `select p.id, p.name, p.desired_instances as desired_prebuild_instances, p.is_default as default, p.description,
        p.icon,
        coalesce((
          select json_agg(json_build_object('name', q.name, 'value', q.value) order by q.name)
          from template_version_preset_parameters q where q.template_version_preset_id = p.id), '[]') as parameters
      from template_version_presets p
      where p.template_version_id = $1
      order by p.is_default desc, lower(p.name), p.id`,
    [templateVersionId],
  );
  return rows;
}
