import type { FastifyRequest } from "fastify";
import type pg from "pg";
import { z } from "zod";
import { type AuditAction, type AuditEntry, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError, type Validation } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, targetIdOf } from "../http/authorize.ts";
import { idParams } from "../http/paging.ts";
import { templateInPath } from "../http/references.ts";
import { recomputeLifecycle } from "../lifecycle/recompute-store.ts";
import { logRecomputed } from "../lifecycle/recomputed.ts";
import { auditedTemplate, contradictionIn, withSettings } from "./edit.ts";
import { countKeepingWorkspaces, deleteTemplate, lockTemplate, updateTemplate } from "./edit-store.ts";
import { updateTemplateBody } from "./schema.ts";
import { findTemplate } from "./store.ts";
import { type TemplateRow, templateSchema, templateView } from "./view.ts";

const TAGS = ["templates"];

/** Adds the routes that change and delete templates. */
export function registerTemplateEditRoutes(app: App, context: Context): void {
  const byId = (request: FastifyRequest) => templateInPath(context, request);

  app.patch(
    "/templates/:id",
    {
      config: { access: { action: "update", of: byId } },
      schema: {
        operationId: "updateTemplate",
        summary: "Changes a template; no pools are kept of one that is deprecated",
        tags: TAGS,
        params: idParams,
        body: updateTemplateBody,
        response: { 200: templateSchema },
      },
    },
    async (request) => {
      const { body } = request;
      const now = context.clock.now();
      const { before, after, recomputed } = await changing(context, request, async (client, before) => {
        const wanted = withSettings(before, body);
        const diff = difference(auditedTemplate(before), auditedTemplate(wanted));
        if (Object.keys(diff).length === 0) return { before, after: before, recomputed: undefined };
        const contradiction = contradictionIn(wanted, body);
        if (contradiction) throw contradictory(before, contradiction);
        await updateTemplate(client, before, wanted, now);
        const lifecycles = { before: before.lifecycle, after: wanted.lifecycle };
        const recomputed = await recomputeLifecycle(client, { templateId: before.id, ...lifecycles, now });
        await audit(request, client, entryOf("write", before, diff), now);
        return { before, after: (await findTemplate(client, before.id)) ?? wanted, recomputed };
      });
      if (recomputed) logRecomputed(request.log, after.name, recomputed);
      if (before.deprecated !== after.deprecated) context.wake.pools();
      return templateView(after);
    },
  );

  app.delete(
    "/templates/:id",
    {
      config: { access: { action: "delete", of: byId } },
      schema: {
        operationId: "deleteTemplate",
        summary: "Deletes a template that nobody has a workspace of; its prebuilds are deleted in a moment",
        tags: TAGS,
        params: idParams,
        response: { 200: z.object({ message: z.string() }) },
      },
    },
    async (request) => {
      const now = context.clock.now();
      const { name } = await changing(context, request, async (client, template) => {
        const keeping = await countKeepingWorkspaces(client, template.id);
        if (keeping > 0) throw stillUsed(template, keeping);
        await deleteTemplate(client, template.id, now);
        await audit(request, client, entryOf("delete", template, difference(auditedTemplate(template), null)), now);
        return template;
      });
      context.wake.pools();
      return { message: `template ${name} is deleted, and so are its prebuilds in a moment` };
    },
  );
}

/** Changes the template that the request is about, in one transaction and without anybody else changing it. */
async function changing<T>(
  context: Context,
  request: FastifyRequest,
  work: (client: pg.PoolClient, template: TemplateRow) => Promise<T>,
): Promise<T> {
  const result = await withTransaction(context.pool, BEGIN.impatient, async (client) => {
    const template = await lockTemplate(client, targetIdOf(request));
    if (!template) throw notFound();
    return work(client, template);
  });
  auditDone(request);
  return result;
}

function entryOf(action: AuditAction, template: TemplateRow, diff: AuditEntry["diff"]): AuditEntry {
  const { id, name, organization_id: organizationId } = template;
  return { action, type: "template", id, target: name, organizationId, diff };
}

function contradictory({ name }: TemplateRow, validation: Validation): ProblemError {
  const message = `template ${name} is not changed: what it would say cannot be true together`;
  return new ProblemError("invalid", message, { validations: [validation] });
}

function stillUsed({ name }: TemplateRow, count: number): ProblemError {
  const workspaces = count === 1 ? "is 1 workspace" : `are ${count} workspaces`;
  return new ProblemError(
    "conflict",
    `template ${name} cannot be deleted: there ${workspaces} of it that people have; delete them first (prebuilds do not count)`,
  );
}
