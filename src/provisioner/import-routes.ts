import { z } from "zod";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit } from "../http/audit.ts";
import { notFound, targetOf } from "../http/authorize.ts";
import { idParams } from "../http/paging.ts";
import { jobInPath } from "../http/references.ts";
import type { Resource } from "../rbac/decide.ts";
import { createLogAnswer, logSchema } from "../workspaces/log-routes.ts";
import { cancelImport } from "./import-store.ts";
import { findJob } from "./job-store.ts";
import { mayOnJob } from "./rights.ts";

const params = idParams.extend({ organization: z.string().describe("an id, a name or `default`") });

/** Adds the routes about the jobs that read pushed sources; what can be done to a build's job is done to the build. */
export function registerImportRoutes(app: App, context: Context): void {
  const { pool, clock } = context;
  const answer = createLogAnswer(app, context);

  /** @throws ProblemError conflict when the job is a build's; `instead` says what to do then */
  async function importOf({ id = "", organizationId = "" }: Resource, instead: string) {
    const job = await findJob(pool, organizationId, id);
    if (!job) throw notFound();
    if (job.type === "template_version_import") return job;
    throw new ProblemError("conflict", `this is the job of a build; ${instead} of build ${job.workspace_build_id}`);
  }

  app.get(
    "/organizations/:organization/provisionerjobs/:id/logs",
    {
      config: { access: { action: "read", of: (request) => jobInPath(context, request), by: mayOnJob } },
      schema: {
        ...logSchema,
        operationId: "listImportLogLines",
        summary: "The log of an import, the oldest line first",
        tags: ["provisioner jobs"],
        params,
      },
    },
    async (request, reply) => {
      const { id } = await importOf(targetOf(request), "read the log");
      return answer(request, reply, { kind: "job", id });
    },
  );

  app.post(
    "/organizations/:organization/provisionerjobs/:id/cancel",
    {
      config: { access: { action: "update", of: (request) => jobInPath(context, request), by: mayOnJob } },
      schema: {
        operationId: "cancelImport",
        summary: "Cancels an import, so that the pushed source makes no version",
        tags: ["provisioner jobs"],
        params,
        response: { 200: z.object({ message: z.string() }) },
      },
    },
    async (request) => {
      const job = await importOf(targetOf(request), "ask for the cancellation");
      const now = clock.now();
      await withTransaction(pool, BEGIN.readWrite, async (client) => {
        const canceled = await cancelImport(client, job.id, now);
        if (!canceled) throw new ProblemError("conflict", "the import has ended or is being canceled already");
        const { id, organization_id: organizationId, template_name: target } = job;
        const diff = difference({ status: canceled.before }, { status: canceled.after });
        await audit(
          request,
          client,
          { action: "cancel", type: "provisioner_job", id, target, organizationId, diff },
          now,
        );
      });
      context.wake.cancel(job.id);
      return { message: "the import is marked as canceled" };
    },
  );
}
