import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit } from "../http/audit.ts";
import { notFound, pathPart, subjectOf, targetIdOf, targetOf, visibleToCaller } from "../http/authorize.ts";
import { flag, pageQuery, TOTAL_HEADER } from "../http/paging.ts";
import { findOrganizationInPath } from "../http/references.ts";
import type { Resource } from "../rbac/decide.ts";
import { displayNameField, nameField, organizationParam, quotaField, textField, withChanges } from "./fields.ts";
import { listGroupMembers } from "./group-member-store.ts";
import { deleteGroup, findGroup, findGroupId, insertGroup, listGroups, lockGroup } from "./group-store.ts";
import {
  type GroupView,
  groupEntry,
  groupFields,
  groupMemberSchema,
  groupMemberView,
  groupSchema,
  groupView,
  isEveryone,
} from "./group-view.ts";
import { groupMemberResource, groupResource, ownGroups } from "./resource.ts";
import { organizationInPath } from "./routes.ts";
import { holdOrganization } from "./store.ts";

const TAGS = ["groups"];
const organizationParams = z.object({ organization: organizationParam });

/** The group whose id is in a path. */
export const groupParams = z.object({ group: z.guid({ error: "must be a UUID" }) });
const systemQuery = z.object({ include_system: flag.describe("whether system users are counted") });
const createBody = z.strictObject({
  name: nameField,
  display_name: displayNameField.optional(),
  avatar_url: textField(2_048).optional(),
  quota_allowance: quotaField.optional(),
});

/** The group whose id is in a path, as what is protected. */
export async function groupInPath({ pool }: Context, request: FastifyRequest): Promise<Resource | undefined> {
  const found = await findGroup(pool, pathPart(request, "group"));
  return found && groupResource({ id: found.id, organizationId: found.organization_id });
}

/** A group as the API shows it. */
export async function answerGroup({ pool }: Context, id: string, includeSystem: boolean): Promise<GroupView> {
  const row = await findGroup(pool, id, { includeSystem });
  if (!row) throw notFound();
  return groupView(row);
}

/** The word stands for the group of all members, whatever that one is shown as. */
export function refuseReserved(name: string): void {
  if (name.toLowerCase() !== "everyone") return;
  const detail = "is reserved for the group of all members; choose another name";
  throw new ProblemError("invalid", "the name Everyone is reserved", { validations: [{ field: "name", detail }] });
}

/** Adds the routes about the groups of organizations, except for the one that changes a group. */
export function registerGroupRoutes(app: App, context: Context): void {
  const { pool, clock } = context;
  const byId = (request: FastifyRequest) => groupInPath(context, request);

  app.get(
    "/organizations/:organization/groups",
    {
      config: { access: { action: "read", of: (request) => organizationInPath(context, request) } },
      schema: {
        operationId: "listGroups",
        summary: "The groups of an organization that the caller sees",
        tags: TAGS,
        params: organizationParams,
        querystring: systemQuery.extend(pageQuery),
        response: {
          200: z.array(groupSchema).describe(`One page; the header ${TOTAL_HEADER} says how many there are`),
        },
      },
    },
    async (request, reply) => {
      const { include_system: includeSystem, ...page } = request.query;
      const organizationId = targetIdOf(request);
      const visible = {
        byRole: visibleToCaller(request, ({ organizationId: within }) =>
          groupResource(within === undefined ? {} : { organizationId: within }),
        ),
        own: ownGroups(subjectOf(request), organizationId),
      };
      const listed = await listGroups(pool, organizationId, visible, { ...page, includeSystem });
      reply.header(TOTAL_HEADER, listed.total);
      return listed.groups.map(groupView);
    },
  );

  app.post(
    "/organizations/:organization/groups",
    {
      config: {
        access: {
          action: "create",
          of: async (request) => {
            const found = await findOrganizationInPath(context, request);
            return found && groupResource({ organizationId: found.id });
          },
        },
      },
      schema: {
        operationId: "createGroup",
        summary: "Makes a group, which nobody is in yet",
        tags: TAGS,
        params: organizationParams,
        body: createBody,
        response: { 201: groupSchema },
      },
    },
    async (request, reply) => {
      const { organizationId } = targetOf(request) as { readonly organizationId: string };
      const { name, ...rest } = request.body;
      refuseReserved(name);
      const settings = withChanges({ name, display_name: "", avatar_url: "", quota_allowance: 0 }, rest);
      const id = await withTransaction(pool, BEGIN.impatient, async (client) => {
        if (!(await holdOrganization(client, organizationId))) throw notFound();
        const created = {
          id: await insertGroup(client, organizationId, settings),
          name,
          organization_id: organizationId,
        };
        await audit(request, client, groupEntry("create", created, difference(null, settings)), clock.now());
        return created.id;
      });
      reply.status(201);
      return answerGroup(context, id, false);
    },
  );

  app.get(
    "/organizations/:organization/groups/:name",
    {
      config: {
        access: {
          action: "read",
          of: async (request) => {
            const organization = await findOrganizationInPath(context, request);
            const id = organization && (await findGroupId(pool, organization.id, pathPart(request, "name")));
            return organization && id !== undefined
              ? groupResource({ id, organizationId: organization.id })
              : undefined;
          },
        },
      },
      schema: {
        operationId: "getGroupByName",
        summary: "One group, by its name",
        tags: TAGS,
        params: organizationParams.extend({ name: z.string() }),
        querystring: systemQuery,
        response: { 200: groupSchema },
      },
    },
    (request) => answerGroup(context, targetIdOf(request), request.query.include_system),
  );

  app.get(
    "/groups/:group",
    {
      config: { access: { action: "read", of: byId } },
      schema: {
        operationId: "getGroup",
        summary: "One group",
        tags: TAGS,
        params: groupParams,
        querystring: systemQuery,
        response: { 200: groupSchema },
      },
    },
    (request) => answerGroup(context, targetIdOf(request), request.query.include_system),
  );

  app.get(
    "/groups/:group/members",
    {
      config: { access: { action: "read", of: byId } },
      schema: {
        operationId: "listGroupMembers",
        summary: "Those in a group whom the caller sees, which is oneself at least",
        tags: TAGS,
        params: groupParams,
        querystring: z.object({ ...pageQuery, include_system: flag }),
        response: { 200: z.object({ users: z.array(groupMemberSchema), count: z.number() }) },
      },
    },
    async (request) => {
      const { include_system: includeSystem, ...page } = request.query;
      const visible = visibleToCaller(request, groupMemberResource);
      const { members, count } = await listGroupMembers(pool, targetIdOf(request), visible, { ...page, includeSystem });
      return { users: members.map(groupMemberView), count };
    },
  );

  app.delete(
    "/groups/:group",
    {
      config: { access: { action: "delete", of: byId } },
      schema: {
        operationId: "deleteGroup",
        summary: "Deletes a group; who was in it stays a member of the organization",
        tags: TAGS,
        params: groupParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        const row = await lockGroup(client, targetIdOf(request));
        if (!row) throw notFound();
        if (isEveryone(row)) {
          throw new ProblemError("invalid", "the group Everyone holds all members, and cannot be deleted");
        }
        const now = clock.now();
        await deleteGroup(client, row.id, now);
        await audit(request, client, groupEntry("delete", row, difference(groupFields(row), null)), now);
      });
      return reply.status(204).send(null);
    },
  );
}
