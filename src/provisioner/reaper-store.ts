import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import type { JobType } from "../db/schema/provisioner.ts";
import type { BuildReason, Transition } from "../vocabulary.ts";

/**
 * The jobs of a type that were already there and unfinished before a time, and that nobody has touched since; the oldest
 * first.
 */
export async function readUnfinishedJobs(client: Queryable, type: JobType, before: Date): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select id from provisioner_jobs
     where completed_at is null and type = $1 and created_at < $2 and updated_at < $2
     order by created_at, id`,
    [type, before],
  );
  return rows.map((row) => row.id);
}

export type UnfinishedJob = {
  readonly id: string;
  readonly initiatorId: string;
  /** What the build does, and why there is one; null when the job is an import, which somebody has asked for. */
  readonly transition: Transition | null;
  readonly reason: BuildReason | null;
};

/**
 * Locks those of the given jobs that are still unfinished, so that nobody ends them before the transaction does. Jobs
 * that somebody else holds, because they are just being ended or begun, are left out.
 */
export async function lockUnfinishedJobs(client: pg.PoolClient, ids: readonly string[]): Promise<UnfinishedJob[]> {
  const { rows } = await client.query<UnfinishedJob>(
    `select j.id, j.initiator_id as "initiatorId", b.transition, b.reason
     from provisioner_jobs j
     left join workspace_builds b on b.job_id = j.id
     where j.id = any($1::uuid[]) and j.completed_at is null
     order by j.created_at, j.id
     for no key update of j skip locked`,
    [ids],
  );
  return rows;
}

/**
 * The agents that were already there and not settled before a time, and that nobody has touched since; the oldest
 * first. Nobody waits for the agents of deleted workspaces and of builds that have been followed by another one.
 */
export async function readWaitingAgents(client: Queryable, before: Date): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select a.id
     from workspace_agents a
     join workspace_builds b on b.job_id = a.job_id
     join workspaces w on w.id = b.workspace_id and w.latest_build_id = b.id and not w.deleted
     where a.lifecycle_state = 'starting' and not a.deleted and a.created_at < $1 and a.updated_at < $1
     order by a.created_at, a.id`,
    [before],
  );
  return rows.map((row) => row.id);
}

export type WaitingAgent = { readonly id: string; readonly ownerId: string };

/** Locks those of the given agents that are still not settled; agents that somebody else holds are left out. */
export async function lockWaitingAgents(client: pg.PoolClient, ids: readonly string[]): Promise<WaitingAgent[]> {
  const { rows } = await client.query<{ id: string; owner_id: string }>(
    `select a.id, w.owner_id
     from workspace_agents a
     join workspace_builds b on b.job_id = a.job_id
     join workspaces w on w.id = b.workspace_id
     where a.id = any($1::uuid[]) and a.lifecycle_state = 'starting' and not a.deleted
     order by a.created_at, a.id
     for no key update of a skip locked`,
    [ids],
  );
  return rows.map((row) => ({ id: row.id, ownerId: row.owner_id }));
}
