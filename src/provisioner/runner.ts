import { join } from "node:path";
import type { Attributes, Span } from "@opentelemetry/api";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { messageOf } from "../errors.ts";
import { settleLifecycle } from "../lifecycle/reconcile.ts";
import { commitCost } from "../quota/commit.ts";
import { settleCost } from "../quota/store.ts";
import { failSpan, inSpan } from "../tracing.ts";
import { concludeUnstarted, persist } from "./attempt.ts";
import { type BuildLog, createBuildLog } from "./build-log.ts";
import type { BuildContext, BuildRequest, BuildResult, Driver } from "./driver.ts";
import { passOn } from "./pass-on.ts";
import { readinessPriority, WORK, type WorkItem } from "./queue.ts";
import { trackReplacements } from "./replaced.ts";
import {
  appendLogs,
  beginJob,
  endJob,
  insertAgents,
  type JobDetails,
  keepState,
  markDeleted,
  readJob,
  releaseJob,
  saveBuildOutcome,
} from "./store.ts";

/** Why running work is aborted; decides what becomes of it. */
export type AbortReason = "canceled" | "lost" | "shutdown";

/** What to do so that there is a driver. */
const REMEDY: Readonly<Record<JobDetails["provisioner"], string>> = {
  command: "start a daemon that runs builds",
  terraform: "install terraform or tofu where the daemon runs, or set PREBUILDD_TERRAFORM_PATH, and restart it",
};

export type RunnerOptions = {
  readonly drivers: Readonly<Partial<Record<JobDetails["provisioner"], Driver>>>;
  /** Where a template version's unpacked source is. */
  sourceOf(fileId: string): Promise<string>;
  /** The directory below which each workspace has a place of its own. */
  readonly workspacesDir: string;
};

export type BuildRunner = {
  /**
   * Runs one queued build to its end, whatever that is; throws only when the database fails.
   * @param onBegun called once the job is marked as this worker's
   */
  run(item: WorkItem, signal: AbortSignal, onBegun?: () => void): Promise<void>;
  /** What a driver is told about a job. */
  requestOf(job: JobDetails): Promise<BuildRequest>;
  driverOf(job: Pick<JobDetails, "provisioner">): Driver;
};

/** How a build ended, and what it was permitted to cost a day; undefined when it did not ask. */
type Executed = { readonly result: BuildResult; readonly dailyCost: number | undefined };

/** Executes builds: marks the job, lets the driver work, and writes down in one transaction what came of it. */
export function createBuildRunner(
  context: Context,
  options: RunnerOptions & { readonly workerId: string },
): BuildRunner {
  const { pool, queue, wake, clock } = context;
  const { workerId } = options;

  async function run(item: WorkItem, signal: AbortSignal, onBegun?: () => void): Promise<void> {
    const jobId = item.subjectId;
    if (await passOn(context, WORK.build, item, Object.keys(options.drivers))) return;
    const begun = await beginJob(pool, jobId, workerId, clock.now());
    const job = await readJob(pool, jobId);
    if (!begun || !job) {
      await concludeUnstarted(context, WORK.build, item, job);
      wake.pools();
      return;
    }
    onBegun?.();
    wake.pools();
    await inSpan("job", jobAttributes(job, workerId), (span) => carryOut(item, job, signal, span), job.traceParent);
  }

  async function carryOut(item: WorkItem, job: JobDetails, signal: AbortSignal, span: Span): Promise<void> {
    const { jobId } = job;
    const { buildId, transition, workspace, stage } = job.request;
    const template = workspace.templateName;
    const log = context.log.child({ job: jobId, build: buildId, workspace: workspace.id, template, transition });
    const startedAt = performance.now();
    const ms = () => Math.round(performance.now() - startedAt);
    const what = `${transition} of ${workspace.ownerName}/${workspace.name}`;
    log.info({ stage, attempt: item.retryCount + 1 }, `build started: ${what}`);
    const lines = createBuildLog({
      now: clock.now,
      store: (batch) => appendLogs(pool, jobId, batch),
      onError: (err) => log.warn({ err }, "lines of a build log were lost"),
    });
    const { result, dailyCost } = await execute(job, signal, lines);
    const reason = signal.aborted ? (signal.reason as AbortReason) : undefined;
    if (!result.ok && reason === "lost") {
      log.warn("another worker has taken this build over; leaving it to it");
      return;
    }
    if (!result.ok && reason === "shutdown") {
      await release(job, result.state);
      await queue.handBack(WORK.build, item, "the worker was stopped");
      wake.jobs();
      log.info({ stage, ms: ms() }, `build handed back: ${what}`);
      return;
    }
    if (!result.ok) failSpan(span);
    if (!result.ok) lines.add({ level: "error", stage: "result", output: result.error });
    await lines.flush();
    const kept = await persist(() => conclude(item, job, { result, dailyCost, canceled: reason === "canceled" }), log);
    wake.pools();
    wake.jobs();
    if (!kept) log.warn("another worker has taken this build over; its outcome counts");
    else if (result.ok) log.info({ stage, ms: ms() }, `build succeeded: ${what}`);
    else
      log.warn(
        { stage, ms: ms(), error: result.error },
        `build ${reason === "canceled" ? "canceled" : "failed"}: ${what}`,
      );
  }

  async function execute(job: JobDetails, signal: AbortSignal, lines: BuildLog): Promise<Executed> {
    let { state: kept, buildId } = job.request;
    let dailyCost: number | undefined;
    const how: BuildContext = {
      signal,
      log: lines.add,
      async keepState(state) {
        kept = state;
        return keepState(pool, { jobId: job.jobId, workerId, buildId, state, now: clock.now() });
      },
      async commitCost(cost) {
        const refusal = await commitCost(pool, buildId, cost, { signal });
        if (refusal === undefined) dailyCost = cost;
        return refusal;
      },
    };
    try {
      const request = await requestOf(job);
      const driver = driverOf(job);
      const result = await inSpan("driver", { "prebuildd.provisioner": job.provisioner }, async (span) => {
        const built = await driver.build(request, how);
        if (!built.ok) failSpan(span);
        return built;
      });
      return { result, dailyCost };
    } catch (error) {
      return { result: { ok: false, state: kept, error: messageOf(error) }, dailyCost };
    }
  }

  async function release(job: JobDetails, state: Buffer | null): Promise<void> {
    const now = clock.now();
    await withTransaction(pool, BEGIN.readWrite, async (client) => {
      // Like an outcome, the state may only be written by the worker that has the job.
      if (!(await releaseJob(client, job.jobId, workerId, now))) return;
      await saveBuildOutcome(client, { buildId: job.request.buildId, state, now });
    });
  }

  /** Everything that follows from a build's end is true at once or not at all. */
  async function conclude(
    item: WorkItem,
    job: JobDetails,
    { result, dailyCost, canceled }: Executed & { readonly canceled: boolean },
  ): Promise<boolean> {
    const { buildId, transition, stage, workspace } = job.request;
    const now = clock.now();
    return withTransaction(pool, BEGIN.readWrite, async (client) => {
      const error = result.ok || canceled ? null : result.error;
      if (!(await endJob(client, { jobId: job.jobId, workerId, succeeded: result.ok, error, now }))) return false;
      await saveBuildOutcome(client, { buildId, state: result.state, now });
      if (result.ok && stage === "claim" && result.replacements) {
        await trackReplacements(context, client, { buildId, replacements: result.replacements });
      }
      if (result.ok && dailyCost !== undefined) {
        await settleCost(client, { workspaceId: workspace.id, buildId, cost: dailyCost });
      }
      if (result.ok && transition === "delete") await markDeleted(client, workspace.id, now);
      if (result.ok && transition === "start") {
        const waiting = await insertAgents(client, job.jobId, result.agents, now);
        await queue.add(client, WORK.readiness, waiting, readinessPriority(job.ownerId));
      }
      await settleLifecycle(client, { workspaceId: workspace.id, buildId, succeeded: result.ok, now });
      await queue.done(client, WORK.build, item);
      return true;
    });
  }

  async function requestOf(job: JobDetails): Promise<BuildRequest> {
    return {
      ...job.request,
      sourceDir: await options.sourceOf(job.fileId),
      workspaceDir: join(options.workspacesDir, job.request.workspace.id),
    };
  }

  function driverOf(job: Pick<JobDetails, "provisioner">): Driver {
    const driver = options.drivers[job.provisioner];
    if (!driver) throw new Error(`no worker can run ${job.provisioner} templates: ${REMEDY[job.provisioner]}`);
    return driver;
  }

  return { run, requestOf, driverOf };
}

/** What the span of a job says; no values of parameters. */
function jobAttributes({ jobId, request }: JobDetails, workerId: string): Attributes {
  const { workspace, buildId, transition, stage } = request;
  return {
    "prebuildd.job.id": jobId,
    "prebuildd.build.id": buildId,
    "prebuildd.workspace.id": workspace.id,
    "prebuildd.workspace.name": workspace.name,
    "prebuildd.template.id": workspace.templateId,
    "prebuildd.template.name": workspace.templateName,
    "prebuildd.template.version": workspace.templateVersion,
    "prebuildd.transition": transition,
    "prebuildd.stage": stage,
    "prebuildd.worker.id": workerId,
  };
}
