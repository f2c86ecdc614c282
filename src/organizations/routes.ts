import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { notFound, targetIdOf, visibleToCaller } from "../http/authorize.ts";
import { findOrganizationInPath } from "../http/references.ts";
import { organizationResource } from "./resource.ts";
import { findOrganization, listOrganizations, type OrganizationRow } from "./store.ts";

const TAGS = ["organizations"];

const organizationSchema = z.object({
  id: z.guid(),
  name: z.string(),
  display_name: z.string(),
  description: z.string(),
  icon: z.string(),
  is_default: z.boolean(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

function organizationView(row: OrganizationRow): z.infer<typeof organizationSchema> {
  return { ...row, created_at: row.created_at.toISOString(), updated_at: row.updated_at.toISOString() };
}

/** Adds the routes about organizations. */
export function registerOrganizationRoutes(app: App, context: Context): void {
  const visible = ({ organizationId }: { organizationId?: string }) => organizationResource(organizationId);

  app.get(
    "/organizations",
    {
      config: { access: { list: visible } },
      schema: {
        operationId: "listOrganizations",
        summary: "The organizations that the caller sees",
        tags: TAGS,
        response: { 200: z.array(organizationSchema) },
      },
    },
    async (request) => (await listOrganizations(context.pool, visibleToCaller(request, visible))).map(organizationView),
  );

  app.get(
    "/organizations/:organization",
    {
      config: {
        access: {
          action: "read",
          of: async (request) => {
            const found = await findOrganizationInPath(context, request);
            return found && organizationResource(found.id);
          },
        },
      },
      schema: {
        operationId: "getOrganization",
        summary: "One organization",
        tags: TAGS,
        params: z.object({ organization: z.string().describe("an id, a name or `default`") }),
        response: { 200: organizationSchema },
      },
    },
    async (request) => {
      const organization = await findOrganization(context.pool, targetIdOf(request));
      if (!organization) throw notFound();
      return organizationView(organization);
    },
  );
}
