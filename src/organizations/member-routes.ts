import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit } from "../http/audit.ts";
import { notFound, subjectOf, targetIdOf, targetOf, visibleToCaller } from "../http/authorize.ts";
import { flag, pageQuery, TOTAL_HEADER } from "../http/paging.ts";
import { findOrganizationInPath, findUserInPath } from "../http/references.ts";
import { can, type Resource } from "../rbac/decide.ts";
import { MEMBER_ROLE } from "../rbac/system-roles.ts";
import { userResource } from "../users/resource.ts";
import { findCustomRoles } from "./custom-role-store.ts";
import { organizationParam, textField, userParam } from "./fields.ts";
import { deleteMember, findMember, insertMember, listMembers, lockMember } from "./member-store.ts";
import { memberEntry, memberFields, memberSchema, memberView } from "./member-view.ts";
import { memberResource } from "./resource.ts";
import { roleChangeProblem } from "./role-change.ts";
import { organizationInPath } from "./routes.ts";
import { holdOrganization } from "./store.ts";

const TAGS = ["members"];
const params = z.object({ organization: organizationParam, user: userParam });

/** Whom a path names, as a member of the organization that it names. */
export async function memberInPath(
  context: Context,
  request: FastifyRequest,
  { system }: { readonly system: boolean },
): Promise<Resource | undefined> {
  const organization = await findOrganizationInPath(context, request);
  const user = organization && (await findUserInPath(context, request));
  const member = user && (await findMember(context.pool, organization.id, user.id));
  if (!member || (member.is_system && !system)) return undefined;
  return memberResource({ organizationId: organization.id, ownerId: user.id });
}

/** The organization and the user of a member that a route's access has found. */
export function memberOf(request: FastifyRequest): { readonly organizationId: string; readonly userId: string } {
  const { organizationId, ownerId } = targetOf(request);
  if (organizationId === undefined || ownerId === undefined) throw new Error("the route's resource is no member");
  return { organizationId, userId: ownerId };
}

/** Adds the routes about who is a member of an organization. */
export function registerMemberRoutes(app: App, context: Context): void {
  const { pool, clock } = context;

  app.get(
    "/organizations/:organization/members",
    {
      config: { access: { action: "read", of: (request) => organizationInPath(context, request) } },
      schema: {
        operationId: "listMembers",
        summary: "The members of an organization that the caller sees",
        tags: TAGS,
        params: z.object({ organization: organizationParam }),
        querystring: z.object({
          ...pageQuery,
          include_system: flag,
          q: textField(256).default("").describe("a part of a username, a name or an email address"),
        }),
        response: {
          200: z.array(memberSchema).describe(`One page; the header ${TOTAL_HEADER} says how many there are`),
        },
      },
    },
    async (request, reply) => {
      const { include_system: includeSystem, q: search, ...page } = request.query;
      const visible = visibleToCaller(request, memberResource);
      const listed = await listMembers(pool, targetIdOf(request), visible, { includeSystem, search }, page);
      reply.header(TOTAL_HEADER, listed.total);
      return listed.members.map(memberView);
    },
  );

  app.get(
    "/organizations/:organization/members/:user",
    {
      config: { access: { action: "read", of: (request) => memberInPath(context, request, { system: true }) } },
      schema: {
        operationId: "getMember",
        summary: "One member of an organization",
        tags: TAGS,
        params,
        response: { 200: memberSchema },
      },
    },
    async (request) => {
      const { organizationId, userId } = memberOf(request);
      const member = await findMember(pool, organizationId, userId);
      if (!member) throw notFound();
      return memberView(member);
    },
  );

  app.post(
    "/organizations/:organization/members/:user",
    {
      config: {
        access: {
          action: "create",
          of: async (request) => {
            const found = await findOrganizationInPath(context, request);
            return found && { type: "organization_member", organizationId: found.id };
          },
        },
      },
      schema: {
        operationId: "addMember",
        summary: "Makes a user a member of an organization, without roles",
        tags: TAGS,
        params,
        response: { 200: memberSchema },
      },
    },
    async (request) => {
      const { organizationId } = targetOf(request) as { readonly organizationId: string };
      const subject = subjectOf(request);
      refuse(roleChangeProblem(subject, organizationId, { added: [MEMBER_ROLE], removed: [] }, []));
      const user = await findUserInPath(context, request);
      if (!user || !can(subject, "read", userResource(user.id))) throw notFound();
      const added = await withTransaction(pool, BEGIN.impatient, async (client) => {
        if (!(await holdOrganization(client, organizationId))) throw notFound();
        const isNew = await insertMember(client, organizationId, user.id);
        const member = await findMember(client, organizationId, user.id);
        if (!member) throw notFound();
        if (!isNew) throw new ProblemError("conflict", `${member.username} is a member of this organization already`);
        await audit(
          request,
          client,
          memberEntry("create", member, difference(null, memberFields(member))),
          clock.now(),
        );
        return member;
      });
      return memberView(added);
    },
  );

  app.delete(
    "/organizations/:organization/members/:user",
    {
      config: { access: { action: "delete", of: (request) => memberInPath(context, request, { system: false }) } },
      schema: {
        operationId: "removeMember",
        summary:
          "Ends somebody's membership of an organization, and of all its groups; its workspaces are no longer shared with them",
        tags: TAGS,
        params,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const { organizationId, userId } = memberOf(request);
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        const member = await lockMember(client, organizationId, userId);
        if (!member) throw notFound();
        const { roles: removed } = member;
        // Who is removed loses the roles, and can be added again without them.
        if (removed.length > 0) {
          const custom = await findCustomRoles(client, organizationId, removed);
          refuse(roleChangeProblem(subjectOf(request), organizationId, { added: [], removed }, custom));
        }
        const now = clock.now();
        await deleteMember(client, member);
        await audit(request, client, memberEntry("delete", member, difference(memberFields(member), null)), now);
      });
      return reply.status(204).send(null);
    },
  );
}

/** @throws ProblemError when there is a reason to refuse */
function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new ProblemError("forbidden", problem);
}
