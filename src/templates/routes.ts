import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { notFound, pathPart, targetIdOf, visibleToCaller } from "../http/authorize.ts";
import { idParams, pageQuery, TOTAL_HEADER } from "../http/paging.ts";
import { findOrganizationInPath, templateInPath } from "../http/references.ts";
import { organizationResource } from "../organizations/resource.ts";
import type { Resource } from "../rbac/decide.ts";
import { templateResource } from "./resource.ts";
import { findTemplate, findTemplateByName, listTemplates } from "./store.ts";
import { templateSchema, templateView } from "./view.ts";

const TAGS = ["templates"];
const listQuery = z.object({
  ...pageQuery,
  q: z.string().max(256, { error: "must have at most 256 characters" }).optional().describe("a part of the name"),
});
const pageSchema = z.array(templateSchema).describe(`One page; the header ${TOTAL_HEADER} says how many there are`);
const organizationParams = z.object({ organization: z.string().describe("an id, a name or `default`") });

/** Adds the routes by which templates are read. */
export function registerTemplateRoutes(app: App, context: Context): void {
  const { pool } = context;

  const resourceOf = (row: { id: string; organization_id: string } | undefined): Resource | undefined =>
    row && templateResource({ id: row.id, organizationId: row.organization_id });

  const byId = (request: FastifyRequest) => templateInPath(context, request);

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

  const answerPage = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { q: name, ...page }: z.infer<typeof listQuery>,
    organizationId?: string,
  ) => {
    const visible = visibleToCaller(request, templateResource);
    const { templates, count } = await listTemplates(pool, visible, { organizationId, name }, page);
    reply.header(TOTAL_HEADER, count);
    return templates.map(templateView);
  };

  app.get(
    "/templates",
    {
      config: { access: { list: templateResource } },
      schema: {
        operationId: "listTemplates",
        summary: "The templates that the caller sees",
        tags: TAGS,
        querystring: listQuery,
        response: { 200: pageSchema },
      },
    },
    (request, reply) => answerPage(request, reply, request.query),
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
        querystring: listQuery,
        response: { 200: pageSchema },
      },
    },
    (request, reply) => answerPage(request, reply, request.query, targetIdOf(request)),
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
}
