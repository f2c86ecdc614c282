import { PREBUILDS_SYSTEM_USER_ID } from "../src/system-user.ts";

const SYSTEM = `'${PREBUILDS_SYSTEM_USER_ID}'::uuid`;
const setting = (name: string) => `current_setting('bench.${name}')::int`;
const ORGANIZATION = "current_setting('bench.organization')::uuid";
const BUILDS = 3;
/** Presets of one template. */
const PRESETS = 4;

/** Ids that look random, as real ones are, but that other statements can name again. */
const id = (kind: string, ...keys: string[]) => `md5(concat_ws('/', '${kind}', ${keys.join(", ")}))::uuid`;
const templateOf = (pool: string) => `((${pool} - 1) / ${PRESETS} + 1)`;
const templates = `generate_series(1, ${templateOf(setting("pools"))}) t`;
const members = `generate_series(1, ${setting("pools")} * ${setting("members")}) n,
  lateral (select (n - 1) % ${setting("pools")} + 1 as p) pool`;
const ordinary = `generate_series(1, ${setting("ordinary")}) n,
  lateral (select (n - 1) % ${setting("pools")} + 1 as p, (n - 1) % ${setting("users")} + 1 as u) place`;
const builds = `${ordinary}, generate_series(1, ${BUILDS}) b`;

/** A prebuild is made within the last day, an ordinary workspace within the last hundred. */
const MEMBER_TIME = "now() - interval '1 day' * random()";
const ORDINARY_TIME = `now() - interval '1 hour' * (24 + 2400.0 * n / ${setting("ordinary")})`;
/** Every fourth ordinary workspace was claimed from a pool. */
const WAS_CLAIMED = "n % 4 = 0";

const job = (kind: string, keys: string[], at: string, initiator: string, stage: string) => `
  select ${id("job", `'${kind}'`, ...keys)}, ${at}, ${at}, ${at}, ${at}, ${ORGANIZATION}, ${initiator}, 'command',
    'workspace_build', jsonb_build_object('workspace_build_id', ${id("build", `'${kind}'`, ...keys)},
    'prebuilt_workspace_stage', '${stage}')`;

const JOBS = `insert into provisioner_jobs (id, created_at, updated_at, started_at, completed_at, organization_id,
  initiator_id, provisioner, type, input)`;
const BUILD = `insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
  transition, initiator_id, job_id, template_version_preset_id)`;
const WORKSPACES = `insert into workspaces (id, created_at, updated_at, owner_id, organization_id, template_id, name,
  latest_build_id, latest_build_number, latest_transition, latest_job_status, latest_template_version_id, agents_ready,
  preset_id, created_as_prebuild, prebuild_outcome, lifecycle_build_id)`;

/** The statements that make a world, in order; they read its sizes from the session's settings `bench.*`. */
export const WORLD: readonly string[] = [
  `truncate unfinished_claims, job_histograms, finished_jobs, deployment_samples, pool_levels, workspace_requests, audit_logs, workspaces, workspace_builds, workspace_build_parameters, workspace_agents, template_imports, provisioner_jobs,
    provisioner_job_logs, template_version_preset_prebuild_schedules, template_version_preset_parameters,
    template_version_presets, template_version_parameters, pool_pauses, templates, template_versions, files`,
  "delete from pgboss.job",
  "delete from api_keys using users u where u.id = user_id and u.username like 'bench-%'",
  "delete from organization_members m using users u where u.id = m.user_id and u.username like 'bench-%'",
  "delete from users where username like 'bench-%'",
  `insert into users (id, email, username)
   select ${id("user", "u")}, 'bench-' || u || '@example.com', 'bench-' || u from generate_series(1, ${setting("users")}) u`,
  `insert into organization_members (organization_id, user_id)
   select ${ORGANIZATION}, id from users where username like 'bench-%'`,
  `insert into files (id, hash, mimetype, data, created_by)
   select ${id("file", "t")}, t::text, 'application/gzip', '', ${id("user", "1")} from ${templates}`,
  `insert into template_versions (id, template_id, organization_id, name, file_id, created_by)
   select ${id("version", "t")}, ${id("template", "t")}, ${ORGANIZATION}, 'v1', ${id("file", "t")}, ${id("user", "1")}
   from ${templates}`,
  `insert into templates (id, organization_id, name, provisioner, active_version_id, created_by)
   select ${id("template", "t")}, ${ORGANIZATION}, 'template-' || t, 'command', ${id("version", "t")}, ${id("user", "1")}
   from ${templates}`,
  `insert into template_version_presets (id, template_version_id, organization_id, name, desired_instances,
     invalidate_after_secs)
   select ${id("preset", "p")}, ${id("version", templateOf("p"))}, ${ORGANIZATION}, 'preset-' || p,
     ${setting("members")}, 604800
   from generate_series(1, ${setting("pools")}) p`,
  `insert into template_version_preset_parameters (template_version_preset_id, name, value)
   select ${id("preset", "p")}, 'region', 'region-' || p from generate_series(1, ${setting("pools")}) p`,

  `${WORKSPACES}
   select ${id("workspace", "'pool'", "n")}, at, at, ${SYSTEM}, ${ORGANIZATION}, ${id("template", templateOf("p"))},
     'prebuild-' || n, ${id("build", "'pool'", "n", "1")}, 1, 'start', 'succeeded', ${id("version", templateOf("p"))}, true,
     ${id("preset", "p")}, true, 'succeeded', null
   from ${members}, lateral (select ${MEMBER_TIME} + interval '1 microsecond' * n as at) made`,
  `${JOBS} ${job("pool", ["n", "1"], "now()", SYSTEM, "create")} from ${members}`,
  `${BUILD}
   select ${id("build", "'pool'", "n", "1")}, now(), now(), ${id("workspace", "'pool'", "n")},
     ${id("version", templateOf("p"))}, 1, 'start', ${SYSTEM}, ${id("job", "'pool'", "n", "1")}, ${id("preset", "p")}
   from ${members}`,

  `${WORKSPACES}
   select ${id("workspace", "'own'", "n")}, ${ORDINARY_TIME}, ${ORDINARY_TIME}, ${id("user", "u")}, ${ORGANIZATION},
     ${id("template", templateOf("p"))}, 'own-' || n, ${id("build", "'own'", "n", `${BUILDS}`)}, ${BUILDS}, 'start',
     'succeeded', ${id("version", templateOf("p"))}, true, ${id("preset", "p")}, ${WAS_CLAIMED},
     case when ${WAS_CLAIMED} then 'succeeded' end, ${id("build", "'own'", "n", `${BUILDS}`)}
   from ${ordinary}`,
  `${JOBS} ${job("own", ["n", "b"], ORDINARY_TIME, id("user", "u"), "none")} from ${builds}`,
  `${BUILD}
   select ${id("build", "'own'", "n", "b")}, ${ORDINARY_TIME}, ${ORDINARY_TIME}, ${id("workspace", "'own'", "n")},
     ${id("version", templateOf("p"))}, b, case when b % 2 = 1 then 'start' else 'stop' end, ${id("user", "u")},
     ${id("job", "'own'", "n", "b")}, ${id("preset", "p")}
   from ${builds}`,

  `insert into workspace_agents (job_id, lifecycle_state, ready_at)
   select job_id, 'ready', now() from workspace_builds b join workspaces w on w.latest_build_id = b.id`,
  `insert into workspace_build_parameters (workspace_build_id, name, value)
   select b.id, p.name, p.value from workspace_builds b
   join template_version_preset_parameters p on p.template_version_preset_id = b.template_version_preset_id`,

  "drop schema if exists bench cascade",
  "create schema bench",
  `create table bench.prebuilds as select * from workspaces where owner_id = ${SYSTEM}`,
  "alter table bench.prebuilds add primary key (id)",
  "create table bench.keyed (id int primary key, value int not null)",
  "insert into bench.keyed select n, 0 from generate_series(1, 1000) n",
  "create table bench.narrow (id uuid primary key, other_id uuid not null, name text not null, created_at timestamptz not null)",
  `create table bench.ideal_pool (id uuid primary key, preset_id uuid not null, owner_id uuid, name text not null,
     created_at timestamptz not null, updated_at timestamptz not null, ready boolean not null)`,
  "insert into bench.ideal_pool select id, preset_id, null, name, created_at, updated_at, true from bench.prebuilds",
  "create index ideal_pool_ready on bench.ideal_pool (preset_id, created_at, id) where ready",
];
