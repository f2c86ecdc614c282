import { z } from "zod";
import type { Context } from "../context.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { actorOf, auditDone } from "../http/audit.ts";
import { demand, subjectOf } from "../http/authorize.ts";
import { checkPackedSource } from "../templates/sources.ts";
import { checkApplyDocument, pathText } from "./document.ts";
import { applyDocument, applyResult } from "./execute.ts";
import { rightsFor } from "./rights.ts";

/** Templates come with their packed sources, so this route takes more than others. */
const BODY_LIMIT = 64 * 1_048_576;

/** What the API's description says of the body; the handler checks all of it, with the words of the apply file. */
const body = z
  .looseObject({
    organizations: z.array(z.unknown()).optional(),
    users: z.array(z.unknown()).optional(),
    templates: z.array(z.unknown()).optional(),
  })
  .describe(
    "An apply file as JSON, except that each template's source is {hash, archive}: the packed directory in base64.",
  );

/** Adds the route that makes the deployment say what a document says. */
export function registerApplyRoutes(app: App, context: Context): void {
  app.put(
    "/apply",
    {
      bodyLimit: BODY_LIMIT,
      config: { access: { action: "update", of: () => ({ type: "deployment_config" }) } },
      schema: {
        operationId: "apply",
        summary: "Apply a document of organizations, users and templates, all of it or nothing",
        tags: ["general"],
        body,
        response: { 200: applyResult },
      },
    },
    async (request) => {
      const checked = checkApplyDocument(request.body);
      if (!checked.ok) {
        throw new ProblemError("invalid", "the document is not valid", {
          validations: checked.problems.map(({ path, message }) => ({
            field: pathText(path) || "body",
            detail: message,
          })),
        });
      }
      const subject = subjectOf(request);
      for (const [action, type] of rightsFor(checked.value)) demand(subject, action, { type });
      // The client has packed the sources and says what their hashes are; a wrong hash would block the right source.
      for (const { source, provisioner } of checked.value.templates) {
        await checkPackedSource({ hash: source.hash, data: source.archive }, provisioner);
      }
      const applied = await applyDocument(context, checked.value, {
        initiatorId: subject.userId,
        actor: actorOf(request),
      });
      auditDone(request);
      return applied;
    },
  );
}
