import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { notFound, subjectOf, targetIdOf, visibleToCaller } from "../http/authorize.ts";
import { flag, pageQuery, TOTAL_HEADER } from "../http/paging.ts";
import { userInPath } from "../http/references.ts";
import { organizationResource } from "../organizations/resource.ts";
import { organizationSchema, organizationView } from "../organizations/view.ts";
import { can } from "../rbac/decide.ts";
import { assignableRoleSchema, assignableRoles } from "./assignable-roles.ts";
import { userParams } from "./fields.ts";
import { listOrganizationsOf } from "./organization-store.ts";
import { siteRoleAssignment, userResource } from "./resource.ts";
import { findUser, listUsers } from "./store.ts";
import { userSchema, userStatusSchema, userView } from "./view.ts";

const TAGS = ["users"];

/** Adds the routes by which users are looked at. */
export function registerUserRoutes(app: App, context: Context): void {
  registerList(app, context);
  registerRoles(app);
  const inPath = (request: FastifyRequest) => userInPath(context, request);

  app.get(
    "/users/:user",
    {
      config: { access: { action: "read", of: inPath } },
      schema: {
        operationId: "getUser",
        summary: "One user",
        tags: TAGS,
        params: userParams,
        response: { 200: userSchema },
      },
    },
    async (request) => {
      const user = await findUser(context.pool, targetIdOf(request));
      if (!user) throw notFound();
      return userView(user);
    },
  );

  app.get(
    "/users/:user/organizations",
    {
      config: { access: { action: "read", of: inPath } },
      schema: {
        operationId: "listUserOrganizations",
        summary: "The organizations that a user is a member of, as far as the caller sees them",
        tags: TAGS,
        params: userParams,
        querystring: z.object(pageQuery),
        response: {
          200: z.array(organizationSchema).describe(`one page; how many there are in all is in ${TOTAL_HEADER}`),
        },
      },
    },
    async (request, reply) => {
      const visible = visibleToCaller(request, ({ organizationId }) => organizationResource(organizationId));
      const page = await listOrganizationsOf(context.pool, targetIdOf(request), visible, request.query);
      reply.header(TOTAL_HEADER, page.total);
      return page.organizations.map(organizationView);
    },
  );
}

function registerList(app: App, context: Context): void {
  // Who is a member of nothing has nobody to look at; one's own user is at /users/me.
  const visible = ({ ownerId }: { readonly ownerId: string }) => userResource(ownerId);
  app.get(
    "/users",
    {
      config: { access: { list: visible } },
      schema: {
        operationId: "listUsers",
        summary: "The users that the caller sees",
        tags: TAGS,
        querystring: z.object({
          ...pageQuery,
          q: z
            .string()
            .max(254, { error: "must have at most 254 characters" })
            .optional()
            .describe("a part of the username or the email address, in any case"),
          status: userStatusSchema.optional(),
          include_system: flag,
        }),
        response: { 200: z.object({ users: z.array(userSchema), count: z.number() }) },
      },
    },
    async (request) => {
      const { limit, offset, q, status, include_system: includeSystem } = request.query;
      const filter = { q, status, includeSystem };
      const page = await listUsers(context.pool, visibleToCaller(request, visible), filter, { limit, offset });
      return { users: page.users.map(userView), count: page.count };
    },
  );
}

function registerRoles(app: App): void {
  app.get(
    "/users/roles",
    {
      config: {
        access: {
          action: "read",
          of: () => siteRoleAssignment(),
          // Who has no role but the one that all have, and is a member of nothing, learns nothing.
          by: (subject, action, resource) =>
            can(subject, action, resource) && subject.roles.some(({ name }) => name !== "member"),
        },
      },
      schema: {
        operationId: "listSiteRoles",
        summary: "The roles that users can be given for the whole deployment, and which of them the caller may give",
        tags: TAGS,
        response: { 200: z.array(assignableRoleSchema) },
      },
    },
    async (request) => assignableRoles(subjectOf(request)),
  );
}
