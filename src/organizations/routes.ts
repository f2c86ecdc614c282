import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { lockApply } from "../apply/store.ts";
import { type AuditEntry, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, subjectOf, targetIdOf, visibleToCaller } from "../http/authorize.ts";
import { pageQuery, TOTAL_HEADER } from "../http/paging.ts";
import { findOrganizationInPath } from "../http/references.ts";
import type { Resource } from "../rbac/decide.ts";
import { countDependants, type Dependants, deleteOrganization } from "./deletion-store.ts";
import { displayNameField, nameField, organizationParam, textField, withChanges } from "./fields.ts";
import { memberFields } from "./member-view.ts";
import { organizationResource } from "./resource.ts";
import {
  addMember,
  createOrganization,
  findOrganization,
  listOrganizations,
  lockOrganization,
  updateOrganization,
} from "./store.ts";
import { type OrganizationRow, organizationFields, organizationSchema, organizationView } from "./view.ts";

const TAGS = ["organizations"];
const params = z.object({ organization: organizationParam });

const text = { display_name: displayNameField, description: textField(2_048), icon: textField(256) };
const updateBody = z.strictObject({ name: nameField, ...text }).partial();
const createBody = updateBody.required({ name: true });

/** The organization that a path names, as what is protected. */
export async function organizationInPath(context: Context, request: FastifyRequest): Promise<Resource | undefined> {
  const found = await findOrganizationInPath(context, request);
  return found && organizationResource(found.id);
}

/** Adds the routes about organizations themselves. */
export function registerOrganizationRoutes(app: App, context: Context): void {
  const { pool, clock } = context;
  const visible = ({ organizationId }: { organizationId?: string }) => organizationResource(organizationId);
  const inPath = (request: FastifyRequest) => organizationInPath(context, request);

  app.get(
    "/organizations",
    {
      config: { access: { list: visible } },
      schema: {
        operationId: "listOrganizations",
        summary: "The organizations that the caller sees",
        tags: TAGS,
        querystring: z.object(pageQuery),
        response: {
          200: z.array(organizationSchema).describe(`One page; the header ${TOTAL_HEADER} says how many there are`),
        },
      },
    },
    async (request, reply) => {
      const page = await listOrganizations(pool, visibleToCaller(request, visible), request.query);
      reply.header(TOTAL_HEADER, page.total);
      return page.organizations.map(organizationView);
    },
  );

  app.post(
    "/organizations",
    {
      config: { access: { action: "create", of: () => organizationResource(undefined) } },
      schema: {
        operationId: "createOrganization",
        summary: "Makes an organization, of which the caller becomes a member",
        tags: TAGS,
        body: createBody,
        response: { 201: organizationSchema },
      },
    },
    async (request, reply) => {
      refuseReserved(request.body.name);
      const { userId, username } = subjectOf(request);
      const created = await withTransaction(pool, BEGIN.impatient, async (client) => {
        const row = await createOrganization(client, request.body);
        await addMember(client, { organizationId: row.id, userId });
        const member = difference(null, memberFields({ username, roles: [] }));
        await audit(
          request,
          client,
          [
            entryOf("create", row, difference(null, organizationFields(row))),
            {
              type: "organization_member",
              action: "create",
              id: userId,
              target: username,
              organizationId: row.id,
              diff: member,
            },
          ],
          clock.now(),
        );
        return row;
      });
      reply.status(201);
      return organizationView(created);
    },
  );

  app.get(
    "/organizations/:organization",
    {
      config: { access: { action: "read", of: inPath } },
      schema: {
        operationId: "getOrganization",
        summary: "One organization",
        tags: TAGS,
        params,
        response: { 200: organizationSchema },
      },
    },
    async (request) => {
      const organization = await findOrganization(pool, targetIdOf(request));
      if (!organization) throw notFound();
      return organizationView(organization);
    },
  );

  app.patch(
    "/organizations/:organization",
    {
      config: { access: { action: "update", of: inPath } },
      schema: {
        operationId: "updateOrganization",
        summary: "Changes the name of an organization, or what is said of it",
        tags: TAGS,
        params,
        body: updateBody,
        response: { 200: organizationSchema },
      },
    },
    async (request) => {
      const updated = await withTransaction(pool, BEGIN.impatient, async (client) => {
        const before = await lockOrganization(client, targetIdOf(request));
        if (!before) throw notFound();
        if (!before.is_default) refuseReserved(request.body.name);
        const wanted = withChanges(before, request.body);
        const diff = difference(organizationFields(before), organizationFields(wanted));
        if (Object.keys(diff).length === 0) {
          auditDone(request);
          return before;
        }
        const after = await updateOrganization(client, before.id, wanted, clock.now());
        await audit(request, client, entryOf("write", after, diff), clock.now());
        return after;
      });
      return organizationView(updated);
    },
  );

  app.delete(
    "/organizations/:organization",
    {
      config: { access: { action: "delete", of: inPath } },
      schema: {
        operationId: "deleteOrganization",
        summary: "Deletes an organization without workspaces and templates",
        tags: TAGS,
        params,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        // An apply that has found the organization must not add templates to it after they have been counted.
        await lockApply(client);
        const row = await lockOrganization(client, targetIdOf(request));
        if (!row) throw notFound();
        if (row.is_default) {
          throw new ProblemError("invalid", `${row.name} is the default organization, which cannot be deleted`);
        }
        refuseWhileUsed(row.name, await countDependants(client, row.id));
        await deleteOrganization(client, row.id, clock.now());
        await audit(request, client, entryOf("delete", row, difference(organizationFields(row), null)), clock.now());
      });
      return reply.status(204).send(null);
    },
  );
}

function entryOf(action: AuditEntry["action"], row: OrganizationRow, diff: AuditEntry["diff"]): AuditEntry {
  return { type: "organization", action, id: row.id, target: row.name, organizationId: row.id, diff };
}

/** The word stands for the default organization, whatever that one is called. */
function refuseReserved(name: string | undefined): void {
  if (name?.toLowerCase() !== "default") return;
  const detail = "is reserved for the default organization; choose another name";
  throw new ProblemError("invalid", "the name default is reserved", { validations: [{ field: "name", detail }] });
}

function refuseWhileUsed(name: string, dependants: Dependants): void {
  const inTheWay = Object.entries(dependants)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${count === 1 ? what.slice(0, -1) : what}`);
  if (inTheWay.length === 0) return;
  throw new ProblemError("conflict", `organization ${name} still has ${inTheWay.join(" and ")}; delete them first`);
}
