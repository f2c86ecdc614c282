import { randomUUID } from "node:crypto";
import type { Context } from "../../src/context.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import type { JobStatus, Transition } from "../../src/vocabulary.ts";
import type { GivenPool } from "./given.ts";

type PrebuildOptions = {
  /** The latest build; before a stop or a delete there is a start that has succeeded. */
  readonly transition?: Transition;
  readonly status?: JobStatus;
  /** When the prebuild was asked for; now, unless it is given. */
  readonly createdAt?: Date;
  /** When the builds ended that have ended; now, unless it is given. */
  readonly endedAt?: Date;
  /** Whether its agent is ready, once a start has succeeded; true unless it is given. */
  readonly ready?: boolean;
  readonly ownerId?: string;
  readonly initiatorId?: string;
  /** Null makes a workspace that belongs to no pool. */
  readonly presetId?: string | null;
};

/** What `givenPrebuild` made: the workspace and the job of its latest build. */
export type GivenPrebuild = { readonly id: string; readonly jobId: string };

type Acting = Pick<Context, "pool" | "clock">;

/** Puts a prebuild there as a worker would have left it, without any worker: an unclaimed and ready one by default. */
export async function givenPrebuild(
  context: Acting,
  pool: Pick<GivenPool, "organizationId" | "templateId" | "versionId" | "presetId">,
  given: PrebuildOptions = {},
): Promise<GivenPrebuild> {
  const { transition = "start", status = "succeeded", createdAt = context.clock.now() } = given;
  const { rows } = await context.pool.query<{ id: string }>(
    `insert into workspaces (created_at, owner_id, organization_id, template_id, name, created_as_prebuild)
     values ($1, $2, $3, $4, $5, $6) returning id`,
    [
      createdAt,
      given.ownerId ?? PREBUILDS_SYSTEM_USER_ID,
      pool.organizationId,
      pool.templateId,
      `prebuild-${randomUUID().slice(0, 15)}`,
      (given.initiatorId ?? PREBUILDS_SYSTEM_USER_ID) === PREBUILDS_SYSTEM_USER_ID,
    ],
  );
  const id = rows[0]?.id ?? "";
  if (transition !== "start")
    await givenBuild(context, id, pool, { ...given, transition: "start", status: "succeeded" });
  const jobId = await givenBuild(context, id, pool, { ...given, transition, status });
  if (transition === "delete" && status === "succeeded") {
    await context.pool.query("update workspaces set deleted = true where id = $1", [id]);
  }
  return { id, jobId };
}

/** Adds one more build to a workspace, and returns its job's id. */
export async function givenBuild(
  { pool, clock }: Acting,
  workspaceId: string,
  { versionId, presetId }: Pick<GivenPool, "versionId" | "presetId">,
  given: PrebuildOptions & { readonly transition: Transition; readonly status: JobStatus },
): Promise<string> {
  const { transition, status, createdAt = clock.now(), endedAt = clock.now() } = given;
  const initiatorId = given.initiatorId ?? PREBUILDS_SYSTEM_USER_ID;
  const { rows } = await pool.query<{ job_id: string }>(
    `with job as (
       insert into provisioner_jobs (created_at, updated_at, organization_id, initiator_id, provisioner, type, input)
       select $1, $1, organization_id, $2, 'command', 'workspace_build', '{}' from workspaces where id = $3 returning id
     )
     insert into workspace_builds (created_at, workspace_id, template_version_id, build_number, transition, initiator_id,
       job_id, template_version_preset_id)
     select $1, w.id, $4, w.latest_build_number + 1, $5, $2, job.id, $6 from workspaces w, job where w.id = $3
     returning job_id`,
    [
      createdAt,
      initiatorId,
      workspaceId,
      versionId,
      transition,
      transition === "start" ? (given.presetId === undefined ? presetId : given.presetId) : null,
    ],
  );
  const jobId = rows[0]?.job_id ?? "";
  await pool.query(
    `update provisioner_jobs set updated_at = $2,
       started_at = case when $3 <> 'pending' then $2::timestamptz end,
       canceled_at = case when $3 in ('canceling', 'canceled') then $2::timestamptz end,
       completed_at = case when $3 in ('succeeded', 'failed', 'canceled') then $2::timestamptz end,
       error = case when $3 = 'failed' then 'no room' end
     where id = $1`,
    [jobId, endedAt, status],
  );
  if (transition === "start" && status === "succeeded") {
    const lifecycle = (given.ready ?? true) ? "ready" : "starting";
    await pool.query("insert into workspace_agents (job_id, lifecycle_state) values ($1, $2)", [jobId, lifecycle]);
  }
  return jobId;
}
