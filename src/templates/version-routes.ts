import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { type AuditEntry, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, pathPart, targetIdOf } from "../http/authorize.ts";
import { flag, idParams, pageQuery, TOTAL_HEADER } from "../http/paging.ts";
import { templateInPath } from "../http/references.ts";
import type { Resource } from "../rbac/decide.ts";
import { activateVersion, lockTemplate, lockTemplateVersion, storeArchived } from "./edit-store.ts";
import { readDeclaredParameters } from "./parameter-store.ts";
import { templateResource } from "./resource.ts";
import { activateVersionBody } from "./schema.ts";
import { findTemplateVersion, findTemplateVersionByName, listPresets, listTemplateVersions } from "./store.ts";
import {
  parameterSchema,
  parameterView,
  presetSchema,
  type TemplateRow,
  type TemplateVersionRow,
  templateVersionSchema,
  templateVersionView,
} from "./view.ts";

const TAGS = ["templates"];
const doneSchema = z.object({ message: z.string() });

/** Adds the routes about the versions of templates, and what is in a version. */
export function registerTemplateVersionRoutes(app: App, context: Context): void {
  registerVersionsOfTemplate(app, context);
  registerVersion(app, context);
  registerArchive(app, context);
}

/** What may be done with a version is what may be done with its template. */
function versionInPath({ pool }: Context) {
  return async (request: FastifyRequest): Promise<Resource | undefined> => {
    const row = await findTemplateVersion(pool, pathPart(request, "id"));
    return row && templateResource({ id: row.template_id ?? row.id, organizationId: row.organization_id });
  };
}

function registerVersionsOfTemplate(app: App, context: Context): void {
  const { pool } = context;
  const template = (request: FastifyRequest) => templateInPath(context, request);

  app.get(
    "/templates/:id/versions",
    {
      config: { access: { action: "read", of: template } },
      schema: {
        operationId: "listTemplateVersions",
        summary: "The versions of a template, the newest first",
        tags: TAGS,
        params: idParams,
        querystring: z.object({ ...pageQuery, include_archived: flag }),
        response: {
          200: z.array(templateVersionSchema).describe(`One page; the header ${TOTAL_HEADER} says how many there are`),
        },
      },
    },
    async (request, reply) => {
      const { include_archived: includeArchived, ...page } = request.query;
      const { versions, count } = await listTemplateVersions(pool, targetIdOf(request), { includeArchived }, page);
      reply.header(TOTAL_HEADER, count);
      return versions.map(templateVersionView);
    },
  );

  app.get(
    "/templates/:id/versions/:name",
    {
      config: { access: { action: "read", of: template } },
      schema: {
        operationId: "getTemplateVersionByName",
        summary: "One version of a template, by its name; an archived one too",
        tags: TAGS,
        params: idParams.extend({ name: z.string() }),
        response: { 200: templateVersionSchema },
      },
    },
    async (request) => {
      const row = await findTemplateVersionByName(pool, targetIdOf(request), request.params.name);
      if (!row) throw notFound();
      return templateVersionView(row);
    },
  );

  app.patch(
    "/templates/:id/versions",
    {
      config: { access: { action: "update", of: template } },
      schema: {
        operationId: "updateActiveTemplateVersion",
        summary: "Makes a version the active one, from which new workspaces and the pools are built",
        tags: TAGS,
        params: idParams,
        body: activateVersionBody,
        response: { 200: doneSchema },
      },
    },
    async (request) => {
      const now = context.clock.now();
      const version = await withTransaction(pool, BEGIN.impatient, async (client) => {
        const found = await lockTemplate(client, targetIdOf(request));
        if (!found) throw notFound();
        const version = activatable(found, await findTemplateVersion(client, request.body.id));
        if (version.active) return version;
        await activateVersion(client, version, now);
        await audit(request, client, promotionOf(found, version), now);
        return version;
      });
      auditDone(request);
      if (!version.active) context.wake.pools();
      return { message: `version ${version.name} is the active one` };
    },
  );
}

/** @throws ProblemError when the version cannot become the template's active one */
function activatable(template: TemplateRow, version: TemplateVersionRow | undefined): TemplateVersionRow {
  if (version?.template_id !== template.id) {
    const validations = [{ field: "id", detail: "is not a version of this template" }];
    throw new ProblemError("invalid", `template ${template.name} has no such version`, { validations });
  }
  if (!version.archived) return version;
  throw new ProblemError("conflict", `version ${version.name} is archived; take it out of the archive first`);
}

function promotionOf(template: TemplateRow, { id, name }: TemplateVersionRow): AuditEntry {
  const before = { active_version_id: template.active_version_id, active_version_name: template.active_version_name };
  return {
    action: "write",
    type: "template",
    id: template.id,
    target: template.name,
    organizationId: template.organization_id,
    diff: difference(before, { active_version_id: id, active_version_name: name }),
  };
}

function registerVersion(app: App, context: Context): void {
  const { pool } = context;
  const version = versionInPath(context);

  app.get(
    "/templateversions/:id",
    {
      config: { access: { action: "read", of: version } },
      schema: {
        operationId: "getTemplateVersion",
        summary: "One template version",
        tags: TAGS,
        params: idParams,
        response: { 200: templateVersionSchema },
      },
    },
    async (request) => {
      const row = await findTemplateVersion(pool, request.params.id);
      if (!row) throw notFound();
      return templateVersionView(row);
    },
  );

  app.get(
    "/templateversions/:id/presets",
    {
      config: { access: { action: "read", of: version } },
      schema: {
        operationId: "listPresets",
        summary: "The presets of a template version",
        tags: TAGS,
        params: idParams,
        response: { 200: z.array(presetSchema) },
      },
    },
    async (request) => listPresets(pool, request.params.id),
  );

  app.get(
    "/templateversions/:id/rich-parameters",
    {
      config: { access: { action: "read", of: version } },
      schema: {
        operationId: "listParameters",
        summary: "The parameters that a template version declares; one that declares none takes any",
        tags: TAGS,
        params: idParams,
        response: { 200: z.array(parameterSchema) },
      },
    },
    async (request) => (await readDeclaredParameters(pool, request.params.id)).map(parameterView),
  );
}

function registerArchive(app: App, context: Context): void {
  const verbs = [
    { verb: "archive", archived: true, done: "archived", summary: "Archives a version that is not the active one" },
    { verb: "unarchive", archived: false, done: "not archived", summary: "Takes a version out of the archive" },
  ] as const;

  for (const { verb, archived, done, summary } of verbs) {
    app.post(
      `/templateversions/:id/${verb}`,
      {
        config: { access: { action: "update", of: versionInPath(context) } },
        schema: {
          operationId: `${verb}TemplateVersion`,
          summary,
          tags: TAGS,
          params: idParams,
          response: { 200: doneSchema },
        },
      },
      async (request) => {
        const now = context.clock.now();
        const { name } = await withTransaction(context.pool, BEGIN.impatient, async (client) => {
          const found = await lockTemplateVersion(client, request.params.id);
          if (!found) throw notFound();
          const { template, version } = found;
          if (archived && version.active) throw activeVersion(template, version);
          if (version.archived === archived) return version;
          await storeArchived(client, version.id, archived, now);
          await audit(request, client, archivingOf(template, version, archived), now);
          return version;
        });
        auditDone(request);
        return { message: `version ${name} is ${done}` };
      },
    );
  }
}

function activeVersion(template: TemplateRow, { name }: TemplateVersionRow): ProblemError {
  return new ProblemError(
    "conflict",
    `version ${name} is the active one of template ${template.name} and cannot be archived; make another one active first`,
  );
}

function archivingOf(template: TemplateRow, version: TemplateVersionRow, archived: boolean): AuditEntry {
  return {
    action: "write",
    type: "template_version",
    id: version.id,
    target: `${template.name}@${version.name}`,
    organizationId: template.organization_id,
    diff: difference({ archived: version.archived }, { archived }),
  };
}
