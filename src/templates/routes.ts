import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { notFound, pathPart, targetIdOf, visibleToCaller } from "../http/authorize.ts";
import { idParams } from "../http/paging.ts";
import { findOrganizationInPath, templateInPath } from "../http/references.ts";
import { organizationResource } from "../organizations/resource.ts";
import type { Resource } from "../rbac/decide.ts";
import { readDeclaredParameters } from "./parameter-store.ts";
import { templateResource } from "./resource.ts";
import { findTemplate, findTemplateByName, findTemplateVersion, listPresets, listTemplates } from "./store.ts";
import {
  parameterSchema,
  parameterView,
  presetSchema,
  templateSchema,
  templateVersionSchema,
  templateVersionView,
  templateView,
} from "./view.ts";

const TAGS = ["templates"];
const organizationParams = z.object({ organization: z.string().describe("an id, a name or `default`") });

/** Adds the routes about templates, their versions and presets. */
export function registerTemplateRoutes(app: App, context: Context): void {
  const { pool } = context;

  const resourceOf = (row: { id: string; organization_id: string } | undefined): Resource | undefined =>
    row && templateResource({ id: row.id, organizationId: row.organization_id });

  const byId = (request: FastifyRequest) => templateInPath(context, request);

  // A version is as visible as its template; the resource's id is the version's, which is what the routes need.
  const byVersion = async (request: FastifyRequest) =>
    resourceOf(await findTemplateVersion(pool, pathPart(request, "id")));

  const ofOrganization = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const found = await findOrganizationInPath(context, request);
    return found && organizationResource(found.id);
  };

  const byName = async (request: FastifyRequest) => {
    const organization = await findOrganizationInPath(context, request);
    if (!organization) return undefined;
    return resourceOf(await findTemplateByName(pool, organization.id, pathPart(request, "name")));
  };

  const answerTemplate = async (request: FastifyRequest) => {
    const row = await findTemplate(pool, targetIdOf(request));
    if (!row) throw notFound();
    return templateView(row);
  };

  app.get(
    "/templates",
    {
      config: { access: { list: templateResource } },
      schema: {
        operationId: "listTemplates",
        summary: "The templates that the caller sees",
        tags: TAGS,
        response: { 200: z.array(templateSchema) },
      },
    },
    async (request) => (await listTemplates(pool, visibleToCaller(request, templateResource))).map(templateView),
  );

  app.get(
    "/templates/:id",
    {
      config: { access: { action: "read", of: byId } },
      schema: {
        operationId: "getTemplate",
        summary: "One template",
        tags: TAGS,
        params: idParams,
        response: { 200: templateSchema },
      },
    },
    answerTemplate,
  );

  app.get(
    "/organizations/:organization/templates",
    {
      config: { access: { action: "read", of: ofOrganization } },
      schema: {
        operationId: "listOrganizationTemplates",
        summary: "The templates of an organization",
        tags: TAGS,
        params: organizationParams,
        response: { 200: z.array(templateSchema) },
      },
    },
    async (request) => {
      const organizationId = targetIdOf(request);
      return (await listTemplates(pool, visibleToCaller(request, templateResource), { organizationId })).map(
        templateView,
      );
    },
  );

  app.get(
    "/organizations/:organization/templates/:name",
    {
      config: { access: { action: "read", of: byName } },
      schema: {
        operationId: "getTemplateByName",
        summary: "One template, by its name",
        tags: TAGS,
        params: organizationParams.extend({ name: z.string() }),
        response: { 200: templateSchema },
      },
    },
    answerTemplate,
  );

  app.get(
    "/templateversions/:id",
    {
      config: { access: { action: "read", of: byVersion } },
      schema: {
        operationId: "getTemplateVersion",
        summary: "One template version",
        tags: TAGS,
        params: idParams,
        response: { 200: templateVersionSchema },
      },
    },
    async (request) => {
      const row = await findTemplateVersion(pool, targetIdOf(request));
      if (!row) throw notFound();
      return templateVersionView(row);
    },
  );

  app.get(
    "/templateversions/:id/presets",
    {
      config: { access: { action: "read", of: byVersion } },
      schema: {
        operationId: "listPresets",
        summary: "The presets of a template version",
        tags: TAGS,
        params: idParams,
        response: { 200: z.array(presetSchema) },
      },
    },
    async (request) => listPresets(pool, targetIdOf(request)),
  );

  app.get(
    "/templateversions/:id/rich-parameters",
    {
      config: { access: { action: "read", of: byVersion } },
      schema: {
        operationId: "listParameters",
        summary: "The parameters that a template version declares; one that declares none takes any",
        tags: TAGS,
        params: idParams,
        response: { 200: z.array(parameterSchema) },
      },
    },
    async (request) => (await readDeclaredParameters(pool, targetIdOf(request))).map(parameterView),
  );
}
