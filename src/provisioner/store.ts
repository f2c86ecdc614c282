import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import type { JobInput } from "../db/schema/provisioner.ts";
import type { AgentLifecycle, JobStatus, Transition } from "../vocabulary.ts";
import type { BuildLogLine, BuildRequest } from "./driver.ts";

/** A job as a worker needs it: what to build, with what, and where the sources are. */
export type JobDetails = {
  readonly jobId: string;
  readonly status: JobStatus;
  readonly provisioner: "command" | "terraform";
  readonly fileId: string;
  readonly ownerId: string;
  /** The trace that it was asked for in; null when none was recorded. */
  readonly traceParent: string | null;
  readonly request: Omit<BuildRequest, "sourceDir" | "workspaceDir">;
};

type JobRow = {
  job_id: string;
  job_status: JobStatus;
  provisioner: "command" | "terraform";
  input: JobInput;
  file_id: string;
  trace_parent: string | null;
  build_id: string;
  transition: Transition;
  version_name: string;
  template_id: string;
  template_name: string;
  workspace_id: string;
  workspace_name: string;
  owner_id: string;
  owner_name: string;
  owner_full_name: string;
  owner_email: string;
  organization_name: string;
  parameters: Record<string, string>;
  state: Buffer | null;
};

/**
 * Reads a job with all that its build needs; undefined when there is no such job. The state is what was written down
 * last, by whichever build or attempt that was: builds that never ran have written nothing and must not hide it.
 */
export async function readJob(client: Queryable, jobId: string): Promise<JobDetails | undefined> {
  const { rows } = await client.query<JobRow>(
    `select j.id as job_id, j.job_status, j.provisioner, j.input, j.trace_parent, v.file_id, b.id as build_id, b.transition,
       v.name as version_name, t.id as template_id, t.name as template_name,
       w.id as workspace_id, w.name as workspace_name,
       u.id as owner_id, u.username as owner_name, u.name as owner_full_name, u.email as owner_email,
       o.name as organization_name,
       coalesce((select json_object_agg(p.name, p.value) from workspace_build_parameters p
         where p.workspace_build_id = b.id), '{}'::json) as parameters,
       (select p.provisioner_state from workspace_builds p
         where p.workspace_id = w.id and p.build_number <= b.build_number and p.provisioner_state is not null
         order by p.build_number desc limit 1) as state
     from provisioner_jobs j
     join workspace_builds b on b.job_id = j.id
     join workspaces w on w.id = b.workspace_id
     join template_versions v on v.id = b.template_version_id
     join templates t on t.id = w.template_id
     join users u on u.id = w.owner_id
     join organizations o on o.id = w.organization_id
     where j.id = $1`,
    [jobId],
  );
  const row = rows[0];
  if (!row) return undefined;
  return {
    jobId: row.job_id,
    status: row.job_status,
    provisioner: row.provisioner,
    fileId: row.file_id,
    ownerId: row.owner_id,
    traceParent: row.trace_parent,
    request: {
      workspace: {
        id: row.workspace_id,
        name: row.workspace_name,
        ownerId: row.owner_id,
        ownerName: row.owner_name,
        ownerFullName: row.owner_full_name,
        ownerEmail: row.owner_email,
        organizationName: row.organization_name,
        templateId: row.template_id,
        templateName: row.template_name,
        templateVersion: row.version_name,
      },
      buildId: row.build_id,
      transition: row.transition,
      stage: row.input.prebuilt_workspace_stage,
      parameters: row.parameters,
      state: row.state && row.state.length > 0 ? row.state : null,
    },
  };
}

/** What an open job needs a driver for; undefined when it has ended or been canceled. */
export async function readProvisioner(client: Queryable, jobId: string): Promise<string | undefined> {
  const { rows } = await client.query<{ provisioner: string }>(
    "select provisioner from provisioner_jobs where id = $1 and completed_at is null and canceled_at is null",
    [jobId],
  );
  return rows[0]?.provisioner;
}

/** Marks a job as run by this worker; false when it has ended or been canceled. */
export async function beginJob(client: Queryable, jobId: string, workerId: string, now: Date): Promise<boolean> {
  const { rowCount } = await client.query(
    `update provisioner_jobs set started_at = coalesce(started_at, $3), worker_id = $2, updated_at = $3
     where id = $1 and completed_at is null and canceled_at is null`,
    [jobId, workerId, now],
  );
  return rowCount === 1;
}

/**
 * Ends a job; false when it is no longer this worker's, in which case nothing may be written for it. One that succeeded
 * although somebody was about to cancel it has succeeded.
 */
export async function endJob(
  client: Queryable,
  job: { jobId: string; workerId: string | null; succeeded: boolean; error: string | null; now: Date },
): Promise<boolean> {
  const { rowCount } = await client.query(
    `update provisioner_jobs
     set completed_at = $4, updated_at = $4, error = $3, started_at = coalesce(started_at, $4),
       canceled_at = case when $5 then null else canceled_at end
     where id = $1 and completed_at is null and ($2::uuid is null or worker_id is not distinct from $2)`,
    [job.jobId, job.workerId, job.error, job.now, job.succeeded],
  );
  return rowCount === 1;
}

/**
 * Lets go of a job that this worker gives up. It stays begun, for something may exist by now that only its template can
 * remove. False when it is no longer this worker's.
 */
export async function releaseJob(client: Queryable, jobId: string, workerId: string, now: Date): Promise<boolean> {
  const { rowCount } = await client.query(
    `update provisioner_jobs set worker_id = null, updated_at = $3
     where id = $1 and worker_id = $2 and completed_at is null`,
    [jobId, workerId, now],
  );
  return rowCount === 1;
}

/**
 * Writes down what a build left behind, also after a failure, so that nothing that exists is forgotten. "Nothing is
 * left" is written as an empty state: null means that nobody has written anything.
 */
export async function saveBuildOutcome(
  client: pg.PoolClient,
  build: { buildId: string; state: Buffer | null; now: Date },
): Promise<void> {
  await client.query("update workspace_builds set provisioner_state = $2, updated_at = $3 where id = $1", [
    build.buildId,
    build.state ?? Buffer.alloc(0),
    build.now,
  ]);
}

/** Writes down what a build has made so far; false when the job is no longer this worker's. */
export async function keepState(
  db: Queryable,
  build: {
    readonly jobId: string;
    readonly workerId: string;
    readonly buildId: string;
    readonly state: Buffer;
    readonly now: Date;
  },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update workspace_builds b set provisioner_state = $4, updated_at = $5
     from provisioner_jobs j
     where b.id = $3 and j.id = $1 and j.id = b.job_id and j.worker_id = $2 and j.completed_at is null`,
    [build.jobId, build.workerId, build.buildId, build.state, build.now],
  );
  return rowCount === 1;
}

/** Marks the workspace of a finished delete build as deleted. */
export async function markDeleted(client: Queryable, workspaceId: string, now: Date): Promise<void> {
  await client.query("update workspaces set deleted = true, updated_at = $2 where id = $1", [workspaceId, now]);
}

/** Adds the agents of a started workspace and returns the ids of those whose readiness must be asked for. */
export async function insertAgents(
  client: Queryable,
  jobId: string,
  agents: readonly { readonly name: string; readonly ready: boolean }[],
  now: Date,
): Promise<string[]> {
  const { rows } = await client.query<{ id: string; ready: boolean }>(
    `insert into workspace_agents (job_id, name, lifecycle_state, ready_at, created_at, updated_at)
     select $1, name, case when ready then 'ready' else 'starting' end, case when ready then $4::timestamptz end, $4, $4
     from unnest($2::text[], $3::boolean[]) as a (name, ready)
     returning id, lifecycle_state = 'ready' as ready`,
    [jobId, agents.map((a) => a.name), agents.map((a) => a.ready), now],
  );
  return rows.filter((row) => !row.ready).map((row) => row.id);
}

/** The job that an agent belongs to; undefined when the agent is settled or its workspace has a newer build. */
export async function readWaitingAgent(client: Queryable, agentId: string): Promise<{ jobId: string } | undefined> {
  const { rows } = await client.query<{ job_id: string }>(
    `select a.job_id from workspace_agents a
     join workspace_builds b on b.job_id = a.job_id
     join workspaces w on w.id = b.workspace_id and w.latest_build_id = b.id
     where a.id = $1 and a.lifecycle_state = 'starting' and not a.deleted`,
    [agentId],
  );
  return rows[0] && { jobId: rows[0].job_id };
}

/** Settles whether an agent can be used. */
export async function settleAgent(client: Queryable, agentId: string, state: AgentLifecycle, now: Date): Promise<void> {
  await client.query(
    `update workspace_agents set lifecycle_state = $2, updated_at = $3, ready_at = case when $2 = 'ready' then $3::timestamptz end
     where id = $1 and lifecycle_state = 'starting'`,
    [agentId, state, now],
  );
}

/** Which of the jobs that a worker runs somebody has canceled, and which another worker has taken over. */
export async function readInterruptions(
  client: Queryable,
  jobIds: readonly string[],
  workerId: string,
): Promise<{ jobId: string; reason: "canceled" | "lost" }[]> {
  if (jobIds.length === 0) return [];
  const { rows } = await client.query<{ id: string; lost: boolean }>(
    `select id, worker_id is distinct from $2 as lost from provisioner_jobs
     where id = any($1::uuid[]) and completed_at is null and (canceled_at is not null or worker_id is distinct from $2)`,
    [jobIds, workerId],
  );
  return rows.map(({ id, lost }) => ({ jobId: id, reason: lost ? "lost" : "canceled" }));
}

/** Appends lines to a job's log in the order given. */
export async function appendLogs(
  client: Queryable,
  jobId: string,
  lines: readonly (BuildLogLine & { readonly at: Date })[],
): Promise<void> {
  await client.query(
    `insert into provisioner_job_logs (job_id, created_at, source, level, stage, output)
     select $1, at, 'provisioner', level, stage, output
     from unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[]) with ordinality as l (at, level, stage, output, n)
     order by n`,
    [jobId, lines.map((l) => l.at), lines.map((l) => l.level), lines.map((l) => l.stage), lines.map((l) => l.output)],
  );
}
