import { randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { checkApplyDocument, pathText } from "../apply/document.ts";
import { writeFiles } from "../apply/store.ts";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { actorOf, audit } from "../http/audit.ts";
import { notFound, pathPart, subjectOf, targetOf } from "../http/authorize.ts";
import { findOrganizationInPath } from "../http/references.ts";
import { insertImport } from "../provisioner/import-store.ts";
import { findJob } from "../provisioner/job-store.ts";
import { provisionerJobSchema, provisionerJobView } from "../provisioner/job-view.ts";
import { PRIORITY, WORK } from "../provisioner/queue.ts";
import type { Resource } from "../rbac/decide.ts";
import type { Action } from "../rbac/policy.ts";
import { traceParent } from "../tracing.ts";
import { templateResource } from "./resource.ts";
import { checkPackedSource } from "./sources.ts";
import { findTemplate, findTemplateByName } from "./store.ts";

/** The body carries a packed source, as those of apply do. */
const BODY_LIMIT = 64 * 1_048_576;
const MAX_MESSAGE = 1_024;

const messageRule = { error: `must be text of at most ${MAX_MESSAGE} characters` };
const pushBody = z.strictObject({
  source: z
    .strictObject({ hash: z.string(), archive: z.string() })
    .describe("what `apply` takes: the packed directory in base64, and its hash"),
  provisioner: z
    .enum(["command", "terraform"], { error: "must be command or terraform" })
    .optional()
    .describe("what builds from the source; a template that is there keeps its own"),
  message: z
    .string(messageRule)
    .max(MAX_MESSAGE, messageRule)
    .refine((given) => given.isWellFormed(), messageRule)
    .default("")
    .describe("what is new in this version"),
});

/** Adds the route by which the source of a template is pushed; a worker makes the version of it. */
export function registerTemplatePushRoutes(app: App, context: Context): void {
  const { pool, queue, clock } = context;

  /** The template of that name; without an id while there is none. */
  const byName = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const organization = await findOrganizationInPath(context, request);
    if (!organization) return undefined;
    const found = await findTemplateByName(pool, organization.id, pathPart(request, "name"));
    return templateResource({ organizationId: organization.id, ...(found ? { id: found.id } : {}) });
  };

  app.post(
    "/organizations/:organization/templates/:name/push",
    {
      bodyLimit: BODY_LIMIT,
      config: { access: { action: "update", of: byName, actionOn: pushing } },
      schema: {
        operationId: "pushTemplate",
        summary: "Makes a version of a source, and the active one of the template, which is made if it is not there",
        description:
          "The answer is the job that reads the source. Presets and parameters are those that the source declares; when " +
          "it declares neither, as one for the provisioner `command` never does, those of the active version stay.",
        tags: ["templates"],
        params: z.object({ organization: z.string().describe("an id, a name or `default`"), name: z.string() }),
        body: pushBody,
        response: { 202: provisionerJobSchema },
      },
    },
    async (request, reply) => {
      const { body, params } = request;
      const { id, organizationId } = targetOf(request);
      const template = id === undefined ? undefined : await findTemplate(pool, id);
      if (organizationId === undefined || (id !== undefined && !template)) throw notFound();
      const provisioner = provisionerOf(template, body.provisioner);
      const source = checkedSource({ name: template?.name ?? params.name, provisioner, source: body.source });
      await checkPackedSource({ hash: source.hash, data: source.archive }, provisioner);

      const jobId = randomUUID();
      const now = clock.now();
      const { userId: initiatorId } = subjectOf(request);
      const pushed = {
        jobId,
        organizationId,
        templateId: template?.id ?? null,
        templateName: template?.name ?? params.name,
        provisioner,
        hash: source.hash,
        message: body.message,
        initiatorId,
        actor: actorOf(request),
        trace: traceParent(),
      };
      await withTransaction(pool, BEGIN.readWrite, async (client) => {
        await writeFiles(client, [source], { by: initiatorId, now });
        await insertImport(client, pushed, now);
        await queue.add(client, WORK.import, [jobId], PRIORITY.person);
        const fields = { provisioner, source_hash: source.hash, message: body.message };
        const what = { type: "provisioner_job", id: jobId, target: pushed.templateName } as const;
        const diff = difference(null, fields);
        await audit(request, client, { action: "create", ...what, organizationId, diff }, now);
      });
      context.wake.jobs();
      const job = await findJob(pool, organizationId, jobId);
      if (!job) throw notFound();
      reply.status(202);
      return provisionerJobView(job);
    },
  );
}

/** What it is to push a source: it makes a template that is not there yet, and changes one that is. */
const pushing = ({ id }: Resource): Action => (id === undefined ? "create" : "update");

type Provisioner = "command" | "terraform";

/** @throws ProblemError when it is not known what builds from the source, or it cannot be that */
function provisionerOf(
  template: { readonly name: string; readonly provisioner: Provisioner } | undefined,
  given: Provisioner | undefined,
): Provisioner {
  if (template && given !== undefined && given !== template.provisioner) {
    throw new ProblemError(
      "conflict",
      `template ${template.name} is built by ${template.provisioner}, which cannot change; push to another name`,
    );
  }
  const provisioner = template?.provisioner ?? given;
  if (provisioner !== undefined) return provisioner;
  const validations = [{ field: "provisioner", detail: "is missing: the template is a new one" }];
  throw new ProblemError("invalid", "the push is not valid", { validations });
}

/**
 * The source and the name, checked with the words of the apply file.
 * @throws ProblemError that says what is wrong with them
 */
function checkedSource(template: {
  readonly name: string;
  readonly provisioner: Provisioner;
  readonly source: z.output<typeof pushBody>["source"];
}) {
  const checked = checkApplyDocument({ templates: [template] });
  const [found] = checked.ok ? checked.value.templates : [];
  if (found) return found.source;
  const problems = checked.ok ? [] : checked.problems;
  throw new ProblemError("invalid", "the push is not valid", {
    validations: problems.map(({ path, message }) => ({ field: pathText(path.slice(2)), detail: message })),
  });
}
