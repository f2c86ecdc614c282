import { randomUUID } from "node:crypto";
import type pg from "pg";
import { type AuditEntry, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { isLockTimeout, ProblemError } from "../errors.ts";
import { PRIORITY, WORK } from "../provisioner/queue.ts";
import { appendLogs, markDeleted } from "../provisioner/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { readDeclaredParameters } from "../templates/parameter-store.ts";
import { traceParent } from "../tracing.ts";
import type { BuildReason } from "../vocabulary.ts";
import { type AskedBuild, buildConflict, buildEntry, nextVersion } from "./build-rules.ts";
import {
  type CanceledBuild,
  cancelJob,
  findVersionOf,
  insertBuild,
  type LockedWorkspace,
  lockWorkspace,
  readBuildParameters,
} from "./builds-store.ts";
import { nextParameters } from "./next-parameters.ts";
import type { Parameter } from "./preset-match.ts";

/** What a build is asked for with, by whom, and why. */
type NewBuild = AskedBuild & {
  readonly initiatorId: string;
  /** Left out: somebody asks for it. */
  readonly reason?: Exclude<BuildReason, "initiator"> | undefined;
};

/** Writes to the audit log in the transaction of what it tells. */
type WriteEntry = (client: pg.PoolClient, entry: AuditEntry) => Promise<void>;

/** What a request adds: its right to the build, decided on the workspace as it is then, and who is to be recorded. */
type BuildHooks = { readonly demand?: (workspace: LockedWorkspace) => void; readonly record?: WriteEntry };

/**
 * Queues a start, stop or delete of a workspace; one that is orphaned is deleted at once.
 * @throws ProblemError not_found when there is no such workspace, conflict while another build of it is under way or
 * its claim is not finished, invalid when the version or a parameter cannot be taken, and whatever `demand` throws
 */
export async function queueBuild(
  context: Context,
  build: NewBuild & { readonly workspaceId: string },
  { demand, record }: BuildHooks = {},
): Promise<{ buildId: string }> {
  const buildId = await withTransaction(context.pool, BEGIN.impatient, async (client) => {
    const workspace = await lockForBuild(client, build.workspaceId);
    // Whose it is may have changed since the request came in: with a claim, the right to delete prebuilds ends.
    demand?.(workspace);
    return addBuild(context, client, workspace, build, record);
  });
  context.wake.jobs();
  context.wake.pools();
  return { buildId };
}

/**
 * Adds a build of a workspace that the transaction has locked, with its job in the queue. Once that is committed, the
 * workers are to be woken.
 * @returns the build's id
 * @throws ProblemError as `queueBuild` does
 */
export async function addBuild(
  { queue, clock }: Pick<Context, "queue" | "clock">,
  client: pg.PoolClient,
  workspace: LockedWorkspace,
  build: NewBuild,
  record?: WriteEntry,
): Promise<string> {
  if (workspace.deleted) throw new ProblemError("not_found", "the workspace has been deleted");
  const conflict = buildConflict(workspace, build);
  if (conflict !== undefined) throw new ProblemError("conflict", conflict);
  const ids = { buildId: randomUUID(), jobId: randomUUID() };
  const now = clock.now();
  const versionId = nextVersion(workspace, build);
  const { orphan = false, reason } = build;
  await insertBuild(client, {
    ...ids,
    workspaceId: workspace.id,
    transition: build.transition,
    initiatorId: build.initiatorId,
    reason: reason ?? "initiator",
    stage: workspace.owner_id === PREBUILDS_SYSTEM_USER_ID ? "create" : "none",
    versionId,
    parameters: await changedParameters(client, workspace, build, versionId),
    state: build.state ?? null,
    ended: orphan,
    trace: traceParent(),
    now,
  });
  const priority = reason ? PRIORITY.lifecycle : PRIORITY.person;
  if (orphan) await abandon(client, { workspaceId: workspace.id, jobId: ids.jobId, now });
  else await queue.add(client, WORK.build, [ids.jobId], priority);
  await record?.(client, buildEntry(workspace, { ...build, ...ids }));
  return ids.buildId;
}

/**
 * Locks a workspace for another build.
 * @throws ProblemError not_found when there is none, conflict when somebody else holds it for too long
 */
async function lockForBuild(client: pg.PoolClient, workspaceId: string): Promise<LockedWorkspace> {
  try {
    const workspace = await lockWorkspace(client, workspaceId);
    if (workspace) return workspace;
    throw new ProblemError("not_found", "there is no such workspace");
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    throw new ProblemError("conflict", "somebody else is just claiming or changing this workspace; try again later", {
      cause: error,
    });
  }
}

/** The parameters of a build; null when they are those of the latest one. */
async function changedParameters(
  client: pg.PoolClient,
  workspace: LockedWorkspace,
  { parameters: given = [], versionId: asked }: NewBuild,
  versionId: string,
): Promise<readonly Parameter[] | null> {
  if (asked !== undefined) await demandVersion(client, workspace, asked);
  if (given.length === 0 && versionId === workspace.latest_version_id) return null;
  const declared = await readDeclaredParameters(client, versionId);
  const latest = workspace.latest_build_id ? await readBuildParameters(client, workspace.latest_build_id) : [];
  const next = nextParameters(declared, latest, given);
  if (next.ok) return next.parameters;
  throw new ProblemError("invalid", "the template version does not take these parameters", {
    validations: next.problems.map(({ name, problem }) => ({
      field: "rich_parameter_values",
      detail: `${name} ${problem}`,
    })),
  });
}

async function demandVersion(client: pg.PoolClient, workspace: LockedWorkspace, versionId: string): Promise<void> {
  const version = await findVersionOf(client, workspace.template_id, versionId);
  if (version && !version.archived) return;
  const detail = version ? "is archived; choose another version" : "is not a version of the workspace's template";
  throw new ProblemError("invalid", "the workspace cannot be built from this version", {
    validations: [{ field: "template_version_id", detail }],
  });
}

/** Deletes a workspace without its template's delete; its log says so, for who finds what was left. */
async function abandon(
  client: pg.PoolClient,
  { workspaceId, jobId, now }: { readonly workspaceId: string; readonly jobId: string; readonly now: Date },
): Promise<void> {
  await markDeleted(client, workspaceId, now);
  const output = "the workspace was orphaned: the template's delete was not run, and what it has made stays";
  await appendLogs(client, jobId, [{ at: now, level: "warn", stage: "delete", output }]);
}

/**
 * Cancels a build: at once while it waits, and by stopping its driver while it runs.
 * @param build.ownerId whom the workspace must still belong to, if that matters
 * @throws ProblemError not_found when there is no such build, conflict when it has ended, is being canceled already or
 * its workspace belongs to somebody else by now
 */
export async function cancelBuild(
  context: Context,
  build: { readonly buildId: string; readonly ownerId?: string | undefined },
  record?: WriteEntry,
): Promise<void> {
  const now = context.clock.now();
  const jobId = await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    const canceled = await cancelJob(client, { buildId: build.buildId, ownerId: build.ownerId, now });
    if (!canceled) throw new ProblemError("not_found", "there is no such build");
    if (canceled.after === null) {
      throw new ProblemError(
        "conflict",
        build.ownerId === undefined || canceled.owner_id === build.ownerId
          ? "the build has ended or is being canceled already"
          : "the workspace has changed hands meanwhile; look again before you cancel its build",
      );
    }
    await record?.(client, cancelEntry(canceled));
    return canceled.job_id;
  });
  context.wake.cancel(jobId);
  context.wake.pools();
}

function cancelEntry(canceled: CanceledBuild): AuditEntry {
  const { build_number, before, after } = canceled;
  return {
    action: "cancel",
    type: "workspace_build",
    id: canceled.build_id,
    target: `${canceled.owner_name}/${canceled.workspace_name}`,
    organizationId: canceled.organization_id,
    diff: {
      build_number: { old: build_number, new: build_number },
      ...difference({ status: before }, { status: after }),
    },
  };
}
