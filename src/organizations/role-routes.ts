import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, subjectOf, targetOf } from "../http/authorize.ts";
import { findOrganizationInPath } from "../http/references.ts";
import type { Resource } from "../rbac/decide.ts";
import { findCustomRoles, holdCustomRoles, listCustomRoles } from "./custom-role-store.ts";
import { organizationParam, userParam } from "./fields.ts";
import { memberInPath, memberOf } from "./member-routes.ts";
import { lockMember, updateMemberRoles } from "./member-store.ts";
import { memberEntry, memberFields, memberSchema, memberView } from "./member-view.ts";
import { roleAssignment } from "./resource.ts";
import {
  assignableRoles,
  isRole,
  roleChange,
  roleChangeProblem,
  roleNames,
  storedRoles,
  unknownRoles,
} from "./role-change.ts";
import { assignableRoleSchema } from "./role-view.ts";
import { holdOrganization } from "./store.ts";

const TAGS = ["members"];

const rolesBody = z.strictObject({
  roles: z
    .array(z.string({ error: "must be the name of a role" }).max(64, { error: "must be the name of a role" }), {
      error: "must be a list of roles",
    })
    .max(64, { error: "must have at most 64 entries" }),
});

/** The roles of the organization that a path names, as what is protected. */
export async function rolesInPath(context: Context, request: FastifyRequest): Promise<Resource | undefined> {
  const found = await findOrganizationInPath(context, request);
  return found && roleAssignment(found.id);
}

/** Adds the routes about the roles of an organization's members. */
export function registerMemberRoleRoutes(app: App, context: Context): void {
  const { pool, clock } = context;

  app.get(
    "/organizations/:organization/members/roles",
    {
      config: { access: { action: "read", of: (request) => rolesInPath(context, request) } },
      schema: {
        operationId: "listMemberRoles",
        summary: "The roles that members of an organization can be given",
        tags: TAGS,
        params: z.object({ organization: organizationParam }),
        response: { 200: z.array(assignableRoleSchema) },
      },
    },
    async (request) => {
      const { organizationId } = targetOf(request) as { readonly organizationId: string };
      return assignableRoles(subjectOf(request), organizationId, await listCustomRoles(pool, organizationId));
    },
  );

  app.put(
    "/organizations/:organization/members/:user/roles",
    {
      // Which rights it takes depends on the roles that the member has at the moment of the change.
      config: { access: { action: "read", of: (request) => memberInPath(context, request, { system: false }) } },
      schema: {
        operationId: "updateMemberRoles",
        summary: "Gives a member of an organization these roles and no others",
        tags: TAGS,
        params: z.object({ organization: organizationParam, user: userParam }),
        body: rolesBody,
        response: { 200: memberSchema },
      },
    },
    async (request) => {
      const { organizationId, userId } = memberOf(request);
      const updated = await withTransaction(pool, BEGIN.impatient, async (client) => {
        if (!(await holdOrganization(client, organizationId))) throw notFound();
        const held = await holdCustomRoles(client, organizationId, request.body.roles);
        const before = await lockMember(client, organizationId, userId);
        if (!before) throw notFound();
        // What the member has and is no role any more may be sent back; it goes.
        const known = [...held, ...before.roles];
        const wanted = roleNames(request.body.roles, known);
        const validations = unknownRoles(wanted, known);
        if (validations.length > 0) throw new ProblemError("invalid", "the request is not valid", { validations });
        const roles = storedRoles(wanted.filter((name) => isRole(name, held)));
        const change = roleChange(before.roles, roles);
        const custom = [...held, ...(await findCustomRoles(client, organizationId, change.removed))];
        const refused = roleChangeProblem(subjectOf(request), organizationId, change, custom);
        if (refused !== undefined) throw new ProblemError("forbidden", refused);
        if (change.added.length + change.removed.length === 0) {
          auditDone(request);
          return before;
        }
        const now = clock.now();
        const after = { ...before, roles, updated_at: now };
        await updateMemberRoles(client, before, roles, now);
        const diff = difference(memberFields(before), memberFields(after));
        await audit(request, client, memberEntry("write", after, diff), now);
        return after;
      });
      return memberView(updated);
    },
  );
}
