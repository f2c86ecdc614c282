import type { Span } from "@opentelemetry/api";
import type { AppliedObject } from "../apply/changes.ts";
import { checkApplyDocument } from "../apply/document.ts";
import { announceApplied, applyWithin } from "../apply/execute.ts";
import { lockApply } from "../apply/store.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { messageOf, ProblemError } from "../errors.ts";
import { findTemplate, findTemplateByName } from "../templates/store.ts";
import { failSpan, inSpan } from "../tracing.ts";
import { concludeUnstarted, persist } from "./attempt.ts";
import { type BuildLog, createBuildLog } from "./build-log.ts";
import type { ImportResult } from "./driver.ts";
import { conflictText, type Declared, importDocument, keepingSettings, refusalOf } from "./import-document.ts";
import { type ImportJob, readDeclared, readImport, saveImportedVersion } from "./import-store.ts";
import { passOn } from "./pass-on.ts";
import { WORK, type WorkItem } from "./queue.ts";
import type { AbortReason, BuildRunner, RunnerOptions } from "./runner.ts";
import { appendLogs, beginJob, endJob, releaseJob } from "./store.ts";

type ImporterOptions = Pick<RunnerOptions, "drivers" | "sourceOf"> &
  Pick<BuildRunner, "driverOf"> & { readonly workerId: string };

/** What a source has been found to declare; null when it leaves that to the version before. */
type Read = Declared | null;

type Refused = { readonly kind: "refused"; readonly why: string };
type Canceled = { readonly kind: "canceled" };
/** How an import ends; `lost` when the job is another worker's by now. */
type End = Refused | Canceled | { readonly kind: "done" } | { readonly kind: "lost" };

/** What the log says of a source that declares nothing, for a template that has something. */
const KEPT = "the source declares neither presets nor parameters: those of the active version stay";

/** Thrown to undo a transaction whose job is another worker's by now. */
class Lost extends Error {}

/**
 * Runs imports: lets the driver read what a pushed source declares, and makes it the active version of its template in
 * the transaction that ends the job. So an import that is repeated, because its worker died, has not happened before.
 */
export function createImporter(context: Context, options: ImporterOptions) {
  const { pool, queue, wake, clock } = context;
  const { workerId } = options;

  /** Runs one queued import to its end, whatever that is; throws only when the database fails. */
  async function run(item: WorkItem, signal: AbortSignal, onBegun: () => void): Promise<void> {
    const jobId = item.subjectId;
    if (await passOn(context, WORK.import, item, Object.keys(options.drivers))) return;
    const begun = await beginJob(pool, jobId, workerId, clock.now());
    const job = await readImport(pool, jobId);
    if (!begun || !job) return concludeUnstarted(context, WORK.import, item, job);
    onBegun();
    const attributes = { "prebuildd.job.id": jobId, "prebuildd.template.name": job.templateName };
    await inSpan("import", attributes, (span) => carryOut(item, job, signal, span), job.traceParent);
  }

  async function carryOut(item: WorkItem, job: ImportJob, signal: AbortSignal, span: Span): Promise<void> {
    const { jobId } = job;
    const startedAt = performance.now();
    const what = `${job.organizationName}/${job.templateName}`;
    const log = context.log.child({ job: jobId, template: what });
    log.info({ attempt: item.retryCount + 1 }, `import started: ${what}`);
    const lines = createBuildLog({
      now: clock.now,
      store: (batch) => appendLogs(pool, jobId, batch),
      onError: (err) => log.warn({ err }, "lines of an import's log were lost"),
    });
    const read = await readSource(job, signal, lines);
    const reason = signal.aborted ? (signal.reason as AbortReason) : undefined;
    if (reason === "lost") return log.warn("another worker has taken this import over; leaving it to it");
    if (reason === "shutdown" && typeof read === "string") {
      await releaseJob(pool, jobId, workerId, clock.now());
      await queue.handBack(WORK.import, item, "the worker was stopped");
      wake.jobs();
      return log.info(`import handed back: ${what}`);
    }
    await lines.flush();
    const end: End =
      reason === "canceled"
        ? { kind: "canceled" }
        : typeof read === "string"
          ? { kind: "refused", why: read }
          : await persist(() => publish(item, job, read), log);
    const isOurs = end.kind === "done" || (end.kind !== "lost" && (await persist(() => fail(item, job, end), log)));
    wake.jobs();
    if (end.kind === "refused") failSpan(span);
    const ms = Math.round(performance.now() - startedAt);
    if (!isOurs) log.warn("another worker has taken this import over; its outcome counts");
    else if (end.kind === "refused") log.warn({ ms, error: end.why }, `import failed: ${what}`);
    else log.info({ ms }, `import ${end.kind === "done" ? "succeeded" : "canceled"}: ${what}`);
  }

  /** What the source declares, or why it could not be read. */
  async function readSource(job: ImportJob, signal: AbortSignal, lines: BuildLog): Promise<Read | string> {
    try {
      const sourceDir = await options.sourceOf(job.fileId);
      const driver = options.driverOf(job);
      const request = { templateName: job.templateName, sourceDir };
      const found: ImportResult | undefined = await driver.importSource?.(request, { signal, log: lines.add });
      if (found && !found.ok) return found.error;
      // A source that declares nothing at all leaves it to the apply file, whose presets must not go with each push.
      return found && found.presets.length + found.parameters.length > 0 ? found : null;
    } catch (error) {
      return messageOf(error);
    }
  }

  async function publish(item: WorkItem, job: ImportJob, read: Read): Promise<Exclude<End, Canceled>> {
    try {
      const applied = await withTransaction(pool, BEGIN.readWrite, async (client) => {
        // From here on nobody else changes the template, whose settings are written again as they are.
        await lockApply(client);
        const { templateId, templateName } = job;
        const template = templateId
          ? await findTemplate(client, templateId)
          : await findTemplateByName(client, job.organizationId, templateName);
        if (templateId && !template) {
          throw new ProblemError("conflict", `template ${templateName} has been deleted meanwhile; push it again`);
        }
        const versionId = template?.active_version_id;
        const declared = read ?? (versionId ? await readDeclared(client, versionId) : { presets: [], parameters: [] });
        const pushed = {
          organizationName: job.organizationName,
          name: template?.name ?? templateName,
          provisioner: job.provisioner,
          sourceHash: job.hash,
        };
        const checked = checkApplyDocument(importDocument(pushed, declared));
        if (!checked.ok) throw new ProblemError("invalid", refusalOf(checked.problems, declared));
        const result = await applyWithin(context, client, keepingSettings(checked.value, template), job);
        const now = clock.now();
        const isKept = read === null && declared.presets.length + declared.parameters.length > 0;
        const news = [...(isKept ? [KEPT] : []), ...newsOf(result.objects)].map((output) => {
          return { level: "info", stage: "version", output, at: now } as const;
        });
        await appendLogs(client, job.jobId, news);
        const end = { jobId: job.jobId, workerId, succeeded: true, error: null, now };
        if (!(await endJob(client, end))) throw new Lost();
        await saveImportedVersion(client, job.jobId, versionOf(result.objects));
        await queue.done(client, WORK.import, item);
        return result;
      });
      announceApplied(context, applied);
      return { kind: "done" };
    } catch (error) {
      if (error instanceof Lost) return { kind: "lost" };
      if (error instanceof ProblemError)
        return { kind: "refused", why: conflictText(error.message, error.validations) };
      throw error;
    }
  }

  /** Ends an import that makes no version; false when it is another worker's by now. */
  async function fail(item: WorkItem, { jobId }: ImportJob, end: Refused | Canceled): Promise<boolean> {
    const now = clock.now();
    const error = end.kind === "refused" ? end.why : null;
    return withTransaction(pool, BEGIN.readWrite, async (client) => {
      if (!(await endJob(client, { jobId, workerId, succeeded: false, error, now }))) return false;
      if (error !== null) {
        await appendLogs(client, jobId, [{ level: "error", stage: "result", output: error, at: now }]);
      }
      await queue.done(client, WORK.import, item);
      return true;
    });
  }

  return { run };
}

/** The version that a document of one template stands for, be it new or not. */
function versionOf(objects: readonly AppliedObject[]): string {
  const version = objects.find(({ kind }) => kind === "template_version");
  if (!version) throw new Error("a document of one template has made no version of it");
  return version.id;
}

/** What an import has changed, a line for each thing. */
function newsOf(objects: readonly AppliedObject[]): string[] {
  const changed = objects.filter(({ change }) => change !== "unchanged");
  if (changed.length === 0) return ["nothing has changed: this is the active version already"];
  return changed.map(({ kind, name, change, settings }) => {
    const what = settings.length > 0 ? ` (${settings.join(", ")})` : "";
    return `${change} ${kind.replace("_", " ")} ${name}${what}`;
  });
}
