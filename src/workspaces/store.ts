import { prepared, type Queryable } from "../db/connection.ts";
import type { WorkspaceFilter } from "./search.ts";
import { type BuildRow, buildsWithStatus, type WorkspaceRow, type WorkspaceWithBuild } from "./view.ts";
import { seesMany, type VisibleWorkspaces, whatIsSeen } from "./visible-store.ts";

const WORKSPACE_COLUMNS = `
  w.id, w.created_at, w.updated_at, w.owner_id, u.username as owner_name, w.organization_id,
  o.name as organization_name, w.template_id, t.name as template_name,
  t.active_version_id as template_active_version_id, w.name, w.autostart_schedule, w.next_start_at,
  (w.ttl / 1000000)::float8 as ttl_ms, w.last_used_at, w.dormant_at, w.deleting_at, w.automatic_updates, w.deleted`;

const WORKSPACE_JOINS = `
  join users u on u.id = w.owner_id
  join organizations o on o.id = w.organization_id
  join templates t on t.id = w.template_id`;

const BUILD_COLUMNS: Readonly<Record<keyof BuildRow, string>> = {
  id: "b.id",
  build_number: "b.build_number",
  workspace_id: "b.workspace_id",
  workspace_name: "w.name",
  workspace_owner_id: "w.owner_id",
  workspace_owner_name: "u.username",
  transition: "b.transition",
  reason: "b.reason",
  initiator_id: "b.initiator_id",
  initiator_name: "i.username",
  template_version_id: "b.template_version_id",
  template_version_name: "v.name",
  template_version_preset_id: "b.template_version_preset_id",
  deadline: "b.deadline",
  max_deadline: "b.max_deadline",
  daily_cost: "b.daily_cost",
  created_at: "b.created_at",
  updated_at: "b.updated_at",
  job_id: "j.id",
  job_status: "j.job_status",
  job_created_at: "j.created_at",
  job_started_at: "j.started_at",
  job_completed_at: "j.completed_at",
  job_canceled_at: "j.canceled_at",
  job_error: "j.error",
  job_worker_id: "j.worker_id",
  agents: `coalesce((
    select json_agg(json_build_object('id', a.id, 'name', a.name, 'lifecycle_state', a.lifecycle_state) order by a.name)
    from workspace_agents a where a.job_id = b.job_id and not a.deleted and a.parent_id is null), '[]')`,
};

/** Build columns carry a prefix where they stand beside those of a workspace, which has an id of its own. */
const PREFIX = "build$";
const buildColumns = (prefix: string): string =>
  Object.entries(BUILD_COLUMNS)
    .map(([name, expression]) => `${expression} as "${prefix}${name}"`)
    .join(", ");

const LATEST_BUILD = `
  left join workspace_builds b on b.id = w.latest_build_id
  left join provisioner_jobs j on j.id = b.job_id
  left join users i on i.id = b.initiator_id
  left join template_versions v on v.id = b.template_version_id`;

const BUILDS = `
  from workspace_builds b
  join workspaces w on w.id = b.workspace_id
  join users u on u.id = w.owner_id
  join provisioner_jobs j on j.id = b.job_id
  join users i on i.id = b.initiator_id
  join template_versions v on v.id = b.template_version_id`;

function split(row: WorkspaceRow & Readonly<Record<string, unknown>>): WorkspaceWithBuild {
  if (row[`${PREFIX}id`] === null) return { workspace: row, latestBuild: null };
  const build = Object.keys(BUILD_COLUMNS).map((name) => [name, row[PREFIX + name]]);
  return { workspace: row, latestBuild: Object.fromEntries(build) as BuildRow };
}

/** Finds a workspace by its id, with its latest build; a deleted one too. */
export async function findWorkspace(db: Queryable, id: string): Promise<WorkspaceWithBuild | undefined> {
  const { rows } = await db.query<WorkspaceRow & Record<string, unknown>>(
    prepared(
      `select ${WORKSPACE_COLUMNS}, ${buildColumns(PREFIX)} from workspaces w ${WORKSPACE_JOINS} ${LATEST_BUILD}
        where w.id = $1`,
      [id],
    ),
  );
  return rows[0] && split(rows[0]);
}

/** The id of a user by name, found before anything else is, so that an index can be used for the rest. */
const userNamed = (name: string) => `(select id from users where lower(username) = lower(${name}) and not deleted)`;

/** The conditions of a list, with their values; what is not asked for is left out, so that it is planned for what is. */
function conditionsOf(
  visible: VisibleWorkspaces,
  filter: WorkspaceFilter,
): { tables: string; where: string; values: unknown[] } {
  const values: unknown[] = [];
  const { tables, condition } = whatIsSeen(visible, values);
  const conditions = ["not w.deleted", condition];
  const add = (value: unknown, condition: (parameter: string) => string) => {
    if (value !== undefined) conditions.push(condition(`$${values.push(value)}`));
  };
  add(filter.owner, (name) => `w.owner_id = ${userNamed(name)}`);
  add(filter.name, (part) => `position(lower(${part}) in lower(w.name)) > 0`);
  add(
    filter.template,
    (name) => `w.template_id = any (array(select id from templates where lower(name) = lower(${name})))`,
  );
  add(
    filter.organization,
    (name) => `w.organization_id = any (array(select id from organizations where lower(name) = lower(${name})))`,
  );
  add(
    filter.initiator,
    (name) => `w.latest_build_id in (select id from workspace_builds where initiator_id = ${userNamed(name)})`,
  );
  add(filter.dormant, (is) => `(w.dormant_at is not null) = ${is}::boolean`);
  add(filter.ids, (ids) => `w.id = any (${ids}::uuid[])`);
  const pairs = filter.status && buildsWithStatus(filter.status).map(({ transition, job }) => `${transition} ${job}`);
  add(pairs, (some) => `w.latest_transition || ' ' || w.latest_job_status = any (${some}::text[])`);
  return { tables, where: conditions.join(" and "), values };
}

/** One page of the workspaces that may be seen, dormant ones or not, by owner and name, and how many there are in all. */
export async function listWorkspaces(
  db: Queryable,
  visible: VisibleWorkspaces,
  filter: WorkspaceFilter,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<{ workspaces: WorkspaceWithBuild[]; count: number }> {
  const { tables, where, values } = conditionsOf(visible, filter);
  const { rows } = await db.query<WorkspaceRow & Record<string, unknown> & { total: number }>(
    `with ${tables}, page as (
        select w.id, u.owner_key, lower(w.name) as name_key
        from (select id, lower(username) as owner_key from users ${seesMany(visible) ? "order by owner_key" : ""}) u
        join workspaces w on w.owner_id = u.id
        where ${where} order by u.owner_key, name_key, w.id
        limit $${values.length + 1} offset $${values.length + 2})
      select total.count as total, shown.*
      from (select count(*)::int as count from workspaces w where ${where}) total
      left join (
        select page.owner_key, page.name_key, ${WORKSPACE_COLUMNS}, ${buildColumns(PREFIX)}
        from page join workspaces w on w.id = page.id ${WORKSPACE_JOINS} ${LATEST_BUILD}) shown on true
      order by shown.owner_key, shown.name_key, shown.id`,
    [...values, limit, offset],
  );
  return { workspaces: rows.filter((row) => row.id !== null).map(split), count: rows[0]?.total ?? 0 };
}

/** One page of a workspace's builds, the newest first, and how many there are in all. */
export async function listBuilds(
  db: Queryable,
  workspaceId: string,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ builds: BuildRow[]; count: number }> {
  const { rows } = await db.query<BuildRow & { total: number }>(
    `with page as (
        select ${buildColumns("")} ${BUILDS} where b.workspace_id = $1 order by b.build_number desc limit $2 offset $3)
      select total.count as total, page.*
      from (select count(*)::int as count from workspace_builds where workspace_id = $1) total
      left join page on true
      order by page.build_number desc`,
    [workspaceId, page.limit, page.offset],
  );
  return { builds: rows.filter((row) => row.id !== null), count: rows[0]?.total ?? 0 };
}

/** Finds a build by its id. */
export async function findBuild(db: Queryable, id: string): Promise<BuildRow | undefined> {
  const { rows } = await db.query<BuildRow>(`select ${buildColumns("")} ${BUILDS} where b.id = $1`, [id]);
  return rows[0];
}

/** Finds a workspace's build by its number. */
export async function findBuildByNumber(
  db: Queryable,
  workspaceId: string,
  number: number,
): Promise<BuildRow | undefined> {
  const { rows } = await db.query<BuildRow>(
    `select ${buildColumns("")} ${BUILDS} where b.workspace_id = $1 and b.build_number = $2`,
    [workspaceId, number],
  );
  return rows[0];
}
