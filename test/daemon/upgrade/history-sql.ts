import { PREBUILDS_SYSTEM_USER_ID } from "../../../src/system-user.ts";

/** How many workspaces people have, and how many of them there are. */
export const HISTORY = { workspaces: 3_000, users: 150 } as const;

const SYSTEM = `'${PREBUILDS_SYSTEM_USER_ID}'::uuid`;

/** Ids that other statements can name again. */
const id = (kind: string, ...keys: string[]) => `md5(concat_ws('/', '${kind}', ${keys.join(", ")}))::uuid`;

/** The template `archive` with its active version, and its preset `quiet`. */
const ARCHIVE = `lateral (select t.id as template_id, t.organization_id, v.id as version_id, p.id as preset_id
  from templates t join template_versions v on v.id = t.active_version_id
  join template_version_presets p on p.template_version_id = v.id where t.name = 'archive') archive`;

const own = `generate_series(1, ${HISTORY.workspaces}) n`;
/** How the last build of a workspace went: a stop, a start that goes on, a failure, a cancellation, a deletion. */
const KIND = "(array['stopped', 'stopped', 'running', 'running', 'failed', 'canceled', 'deleted'])[n % 7 + 1]";
/** Every workspace has been started; all but those that run have had another build. */
const ownBuilds = `(
  select n, b, ${KIND} as kind from ${own}, generate_series(1, 2) b where b = 1 or ${KIND} <> 'running'
) build`;
const AT = "now() - interval '1 hour' * (2 + n % 500)";
const isLast = "b = 2";

const JOBS = `insert into provisioner_jobs (id, created_at, updated_at, started_at, canceled_at, completed_at, error,
  organization_id, initiator_id, provisioner, type, input, worker_id)`;
const BUILDS = `insert into workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
  transition, initiator_id, job_id, reason, deadline, template_version_preset_id, provisioner_state)`;

/**
 * What years have left behind, in order: users with workspaces of the template `archive` in every state, and prebuilds of
 * its pool `quiet` that have failed or expired. Triggers write what the rows repeat of one another.
 */
export const HISTORY_SQL: readonly string[] = [
  `insert into users (id, email, username, status)
   select ${id("user", "u")}, 'past-' || u || '@example.com', 'past-' || u, case when u % 9 = 0 then 'dormant' else 'active' end
   from generate_series(1, ${HISTORY.users}) u`,
  `insert into organization_members (organization_id, user_id, roles)
   select o.id, u.id, '{}' from users u, organizations o where o.is_default and u.username like 'past-%'`,
  `insert into workspaces (id, created_at, updated_at, owner_id, organization_id, template_id, name, automatic_updates,
     favorite, last_used_at, daily_cost)
   select ${id("workspace", "n")}, ${AT}, ${AT}, ${id("user", `n % ${HISTORY.users} + 1`)}, organization_id, template_id,
     'past-' || n, case when n % 3 = 0 then 'always' else 'never' end, n % 5 = 0, now(), n % 4
   from ${own}, ${ARCHIVE}`,
  `${JOBS}
   select ${id("job", "n", "b")}, ${AT}, ${AT}, ${AT}, case when ${isLast} and kind = 'canceled' then ${AT} end, ${AT},
     case when ${isLast} and kind = 'failed' then 'no room' end, organization_id, ${id("user", `n % ${HISTORY.users} + 1`)},
     'command', 'workspace_build', jsonb_build_object('workspace_build_id', ${id("build", "n", "b")},
     'prebuilt_workspace_stage', 'none'), ${id("worker", "n % 3")}
   from ${ownBuilds}, ${ARCHIVE}`,
  `${BUILDS}
   select ${id("build", "n", "b")}, ${AT}, ${AT}, ${id("workspace", "n")}, version_id, b,
     case when not ${isLast} or kind in ('failed', 'canceled') then 'start' when kind = 'deleted' then 'delete' else 'stop' end,
     ${id("user", `n % ${HISTORY.users} + 1`)}, ${id("job", "n", "b")}, 'initiator',
     case when kind = 'running' then now() + interval '8 hours' end, null, convert_to('state ' || n, 'UTF8')
   from ${ownBuilds}, ${ARCHIVE}`,
  `insert into workspace_agents (id, job_id, lifecycle_state, ready_at, created_at, updated_at)
   select ${id("agent", "n")}, ${id("job", "n", "1")}, 'ready', ${AT}, ${AT}, ${AT} from ${own}`,
  `insert into workspace_build_parameters (workspace_build_id, name, value)
   select ${id("build", "n", "b")}, 'size', 's' || n from ${ownBuilds}`,
  `insert into provisioner_job_logs (job_id, created_at, source, level, stage, output)
   select ${id("job", "n", "b")}, ${AT}, 'provisioner', 'info', 'start', 'line of ' || n from ${ownBuilds}`,
  // The daemon has computed all dates, so it has no reason to look at them again.
  `update workspaces set lifecycle_build_id = latest_build_id, deleted = (latest_transition = 'delete'),
     ttl = case when latest_deadline is not null then 28800000000000 end
   where name like 'past-%'`,

  // Prebuilds that have failed are kept for a while; those that have expired are to be deleted.
  `insert into workspaces (id, created_at, updated_at, owner_id, organization_id, template_id, name, created_as_prebuild)
   select ${id("prebuild", "n")}, at, at, ${SYSTEM}, organization_id, template_id, 'prebuild-past-' || n, true
   from generate_series(1, 20) n, lateral (select now() - interval '3 days' * (n % 2) as at) made, ${ARCHIVE}`,
  `${JOBS}
   select ${id("prebuild job", "n")}, at, at, at, null, at, case when n % 10 = 0 then 'no room' end, organization_id, ${SYSTEM},
     'command', 'workspace_build', jsonb_build_object('workspace_build_id', ${id("prebuild build", "n")},
     'prebuilt_workspace_stage', 'create'), ${id("worker", "0")}
   from generate_series(1, 20) n, lateral (select now() - interval '3 days' * (n % 2) as at) made, ${ARCHIVE}`,
  `${BUILDS}
   select ${id("prebuild build", "n")}, now(), now(), ${id("prebuild", "n")}, version_id, 1, 'start', ${SYSTEM},
     ${id("prebuild job", "n")}, 'initiator', null, preset_id, null
   from generate_series(1, 20) n, ${ARCHIVE}`,
  // The trigger has looked at the builds only; what their jobs have come to is repeated when a job changes.
  "update provisioner_jobs set error = error where input->>'prebuilt_workspace_stage' = 'create' and worker_id = md5('worker/0')::uuid",
  `insert into workspace_agents (job_id, lifecycle_state, ready_at)
   select ${id("prebuild job", "n")}, 'ready', now() from generate_series(1, 20) n where n % 10 <> 0`,

  `insert into notification_digests (id, created_at, updated_at, event, about, data, occurrences, status, send_after)
   select ${id("digest", "n")}, ${AT}, ${AT}, 'pool_empty', 'somewhere/' || n, '{}', n, 'closed', ${AT}
   from generate_series(1, 40) n`,
  `insert into notification_messages (id, digest_id, created_at, channel, user_id, status, sent_at, read_at)
   select ${id("message", "n", "u")}, ${id("digest", "n")}, ${AT}, 'inbox', ${id("user", "u")}, 'sent', ${AT},
     case when u = 2 then now() end
   from generate_series(1, 40) n, generate_series(1, 3) u`,
];
