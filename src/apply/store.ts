import type pg from "pg";
import { filledRoles, insertFilledRoles } from "../organizations/system-role-store.ts";
import { LIFECYCLE } from "../templates/lifecycle-store.ts";
import type { Writes } from "./changes.ts";
import type { ApplyDocument } from "./document.ts";
import type { MemberRow, OrganizationRow, ParameterRow, PresetRow, State, UserRow, VersionRow } from "./state.ts";

/** Waits until no other apply is running; the lock ends with the transaction. */
export async function lockApply(client: pg.PoolClient): Promise<void> {
  await client.query("select pg_advisory_xact_lock(hashtextextended('prebuildd:apply', 0))");
}

/** Reads what the database holds of the things that the document names. */
export async function readState(
  client: pg.PoolClient,
  document: ApplyDocument,
  versionNames: readonly string[],
): Promise<State> {
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  const { rows: organizations } = await client.query<OrganizationRow>(
    `select id, name, display_name as "displayName", is_default as "isDefault"
     from organizations where not deleted and (lower(name) = any($1) or is_default)`,
    [
      lower([
        ...document.organizations.map(({ name }) => name),
        ...document.users.flatMap((user) => user.organizations?.map(({ name }) => name) ?? []),
        ...document.templates.map(({ organization }) => organization),
      ]),
    ],
  );
  const { rows: users } = await client.query<UserRow>(
    `select id, username, email, name, rbac_roles as roles, is_system as "isSystem"
     from users where not deleted and (lower(username) = any($1) or lower(email) = any($2))`,
    [lower(document.users.map(({ username }) => username)), lower(document.users.map(({ email }) => email))],
  );
  const { rows: members } = await client.query<MemberRow>(
    `select organization_id as "organizationId", user_id as "userId", roles
     from organization_members where user_id = any($1) and organization_id = any($2)`,
    [users.map(({ id }) => id), organizations.map(({ id }) => id)],
  );
  const memberships = document.users.flatMap((user) => user.organizations ?? []);
  const { rows: customRoles } = await client.query<State["customRoles"][number]>(
    // Held, before their members are written, so that none is deleted while somebody is given it.
    `select organization_id as "organizationId", name from custom_roles
     where organization_id = any($1) and lower(name) = any($2) and not is_system for key share`,
    [organizations.map(({ id }) => id), lower(memberships.flatMap(({ roles = [] }) => roles))],
  );
  const { rows: templates } = await client.query<State["templates"][number]>(
    `select id, organization_id as "organizationId", name, display_name as "displayName", description, icon,
       provisioner, deprecated, ${LIFECYCLE} as lifecycle, active_version_id as "activeVersionId"
     from templates t where not deleted and organization_id = any($1) and lower(name) = any($2)`,
    [organizations.map(({ id }) => id), lower(document.templates.map(({ name }) => name))],
  );
  const { rows: versions } = await client.query<State["versions"][number]>(
    `select id, template_id as "templateId", name, archived from template_versions
     where template_id = any($1) and name = any($2)`,
    [templates.map(({ id }) => id), versionNames],
  );
  const presets = await readPresets(
    client,
    versions.map(({ id }) => id),
  );
  return { organizations, users, members, customRoles, templates, versions, presets };
}

async function readPresets(client: pg.PoolClient, versionIds: readonly string[]): Promise<PresetRow[]> {
  const { rows } = await client.query<PresetRow>(
    `select p.id, p.template_version_id as "versionId", p.name, p.description, p.icon, p.is_default as "isDefault",
       p.desired_instances as instances, coalesce(p.invalidate_after_secs, 0) as "ttlSeconds",
       p.scheduling_timezone as timezone,
       coalesce((
         select json_agg(json_build_object('cron', s.cron_expression, 'instances', s.desired_instances)
           order by s.position)
         from template_version_preset_prebuild_schedules s where s.preset_id = p.id), '[]') as schedule
     from template_version_presets p where p.template_version_id = any($1)`,
    [versionIds],
  );
  return rows;
}

/** Writes organizations, each new one with its Everyone group, whose id is the organization's own, and its system roles. */
export async function writeOrganizations(
  client: pg.PoolClient,
  { insert, update }: Writes<OrganizationRow>,
  now: Date,
): Promise<void> {
  if (insert.length > 0) {
    await client.query(
      `with o as (
         insert into organizations (id, name, display_name, is_default, created_at, updated_at)
         select id, name, "displayName", "isDefault", $2, $2
         from json_to_recordset($1) as r (id uuid, name text, "displayName" text, "isDefault" boolean)
         returning id),
       everyone as (
         insert into groups (id, name, organization_id, created_at, updated_at)
         select id, 'Everyone', id, $2, $2 from o)
       ${insertFilledRoles("$3")}`,
      [JSON.stringify(insert), now, filledRoles],
    );
  }
  if (update.length > 0) {
    await client.query(
      `update organizations o set display_name = r."displayName", updated_at = $2
       from json_to_recordset($1) as r (id uuid, "displayName" text) where o.id = r.id`,
      [JSON.stringify(update), now],
    );
  }
}

/** Writes users; they have no password, only tokens. */
export async function writeUsers(client: pg.PoolClient, { insert, update }: Writes<UserRow>, now: Date): Promise<void> {
  const rows = `json_to_recordset($1) as r (id uuid, username text, email text, name text, roles json)`;
  const roles = "array(select json_array_elements_text(r.roles))";
  if (insert.length > 0) {
    await client.query(
      `insert into users (id, username, email, name, rbac_roles, created_at, updated_at)
       select r.id, r.username, r.email, r.name, ${roles}, $2, $2 from ${rows}`,
      [JSON.stringify(insert), now],
    );
  }
  if (update.length > 0) {
    await client.query(
      `update users u set email = r.email, name = r.name, rbac_roles = ${roles}, updated_at = $2
       from ${rows} where u.id = r.id`,
      [JSON.stringify(update), now],
    );
  }
}

/** Writes who is a member of which organization, with which roles. */
export async function writeMembers(
  client: pg.PoolClient,
  { insert, update }: Writes<MemberRow>,
  now: Date,
): Promise<void> {
  const rows = `json_to_recordset($1) as r ("organizationId" uuid, "userId" uuid, roles json)`;
  const roles = "array(select json_array_elements_text(r.roles))";
  if (insert.length > 0) {
    await client.query(
      `insert into organization_members (organization_id, user_id, roles, created_at, updated_at)
       select r."organizationId", r."userId", ${roles}, $2, $2 from ${rows}`,
      [JSON.stringify(insert), now],
    );
  }
  if (update.length > 0) {
    await client.query(
      `update organization_members m set roles = ${roles}, updated_at = $2
       from ${rows} where m.organization_id = r."organizationId" and m.user_id = r."userId"`,
      [JSON.stringify(update), now],
    );
  }
}

/** Stores the packed sources that the new versions need, unless they are there already. */
export async function writeFiles(
  client: pg.PoolClient,
  sources: readonly { readonly hash: string; readonly archive: Buffer }[],
  write: { readonly by: string; readonly now: Date },
): Promise<void> {
  for (const { hash, archive } of sources) {
    await client.query(
      `insert into files (hash, mimetype, data, created_by, created_at)
       values ($1, 'application/gzip', $2, $3, $4) on conflict (hash) do nothing`,
      [hash, archive, write.by, write.now],
    );
  }
}

/** Writes template versions, with what their author says of them; their files must be there. */
export async function writeVersions(
  client: pg.PoolClient,
  versions: readonly VersionRow[],
  write: { readonly by: string; readonly now: Date; readonly message: string },
): Promise<void> {
  if (versions.length === 0) return;
  await client.query(
    `insert into template_versions
       (id, template_id, organization_id, name, message, file_id, created_by, created_at, updated_at)
     select r.id, r."templateId", r."organizationId", r.name, $4, f.id, $2, $3, $3
     from json_to_recordset($1)
       as r (id uuid, "templateId" uuid, "organizationId" uuid, name text, "fileHash" text)
     join files f on f.hash = r."fileHash"`,
    [JSON.stringify(versions), write.by, write.now, write.message],
  );
}

/** Writes presets; `schedules` are those whose windows are written anew. */
export async function writePresets(
  client: pg.PoolClient,
  plan: {
    readonly presets: Writes<PresetRow>;
    readonly schedules: readonly PresetRow[];
    readonly parameters: readonly ParameterRow[];
  },
  now: Date,
): Promise<void> {
  const rows = `json_to_recordset($1) as r (id uuid, "versionId" uuid, name text, description text, icon text,
    "isDefault" boolean, instances integer, "ttlSeconds" integer, timezone text)`;
  if (plan.presets.insert.length > 0) {
    await client.query(
      `insert into template_version_presets (id, template_version_id, name, description, icon, is_default,
         desired_instances, invalidate_after_secs, scheduling_timezone, created_at)
       select r.id, r."versionId", r.name, r.description, r.icon, r."isDefault",
         r.instances, r."ttlSeconds", r.timezone, $2 from ${rows}`,
      [JSON.stringify(plan.presets.insert), now],
    );
  }
  if (plan.presets.update.length > 0) {
    await client.query(
      `update template_version_presets p
       set description = r.description, icon = r.icon, is_default = r."isDefault", desired_instances = r.instances,
         invalidate_after_secs = r."ttlSeconds", scheduling_timezone = r.timezone
       from ${rows} where p.id = r.id`,
      [JSON.stringify(plan.presets.update)],
    );
  }
  if (plan.parameters.length > 0) {
    await client.query(
      `insert into template_version_preset_parameters (template_version_preset_id, name, value)
       select r."presetId", r.name, r.value
       from json_to_recordset($1) as r ("presetId" uuid, name text, value text)`,
      [JSON.stringify(plan.parameters)],
    );
  }
  if (plan.schedules.length === 0) return;
  await client.query("delete from template_version_preset_prebuild_schedules where preset_id = any($1)", [
    plan.schedules.map(({ id }) => id),
  ]);
  await client.query(
    `insert into template_version_preset_prebuild_schedules (preset_id, position, cron_expression, desired_instances)
     select r."presetId", r.position, r.cron, r.instances
     from json_to_recordset($1) as r ("presetId" uuid, position integer, cron text, instances integer)`,
    [JSON.stringify(plan.schedules.flatMap(windowsOf))],
  );
}

function windowsOf({ id, schedule }: PresetRow) {
  return schedule.map(({ cron, instances }, position) => ({ presetId: id, position, cron, instances }));
}

/** Whether anybody is left who may do everything. Until the transaction ends no owner can be changed by others. */
export async function hasActiveOwner(client: pg.PoolClient): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from users where 'owner' = any (rbac_roles) and status = 'active' and not deleted and not is_system
     order by id for update`,
  );
  return rowCount !== null && rowCount > 0;
}
