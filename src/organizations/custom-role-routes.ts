import { z } from "zod";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError, type Validation } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, subjectOf, targetOf } from "../http/authorize.ts";
import type { Subject } from "../rbac/decide.ts";
import type { Permission } from "../rbac/permission.ts";
import { isNotCustom } from "../rbac/roles.ts";
import { isSystemRole } from "../rbac/system-roles.ts";
import { deleteCustomRole, insertCustomRole, lockCustomRole, updateCustomRole } from "./custom-role-store.ts";
import { customRoleBody, notHeld, readWanted, reservedNameProblems } from "./custom-roles.ts";
import { organizationParam } from "./fields.ts";
import { isAssignableRole } from "./role-change.ts";
import { rolesInPath } from "./role-routes.ts";
import {
  type AssignableRoleView,
  assignableRoleSchema,
  type CustomRoleRow,
  customRoleEntry,
  customRoleFields,
  customRoleView,
} from "./role-view.ts";
import { holdOrganization } from "./store.ts";

const TAGS = ["members"];
const PATH = "/organizations/:organization/members/roles";
const params = z.object({ organization: organizationParam });

/** Adds the routes by which people make, change and delete roles of their own. */
export function registerCustomRoleRoutes(app: App, context: Context): void {
  const { pool, clock } = context;

  app.post(
    PATH,
    {
      config: { access: { action: "create", of: (request) => rolesInPath(context, request) } },
      schema: {
        operationId: "createCustomRole",
        summary: "Makes a role for members of an organization, which nobody has yet",
        tags: TAGS,
        params,
        body: customRoleBody,
        response: { 201: assignableRoleSchema },
      },
    },
    async (request, reply) => {
      const { organizationId } = targetOf(request) as { readonly organizationId: string };
      const subject = subjectOf(request);
      const { name, display_name, organization_permissions: wanted } = request.body;
      const { permissions, problems } = readWanted(wanted, []);
      refuseInvalid([...reservedNameProblems(name, "make"), ...problems]);
      refuseEscalation(subject, organizationId, permissions);
      const made = await withTransaction(pool, BEGIN.impatient, async (client) => {
        if (!(await holdOrganization(client, organizationId))) throw notFound();
        const now = clock.now();
        const row = await insertCustomRole(client, organizationId, { name, display_name, permissions }, now);
        await audit(request, client, customRoleEntry("create", row, difference(null, customRoleFields(row))), now);
        return row;
      });
      reply.status(201);
      return viewFor(subject, made);
    },
  );

  app.put(
    PATH,
    {
      config: { access: { action: "update", of: (request) => rolesInPath(context, request) } },
      schema: {
        operationId: "updateCustomRole",
        summary: "Makes a role of an organization, which the body names, what the body says",
        tags: TAGS,
        params,
        body: customRoleBody,
        response: { 200: assignableRoleSchema },
      },
    },
    async (request) => {
      const { organizationId } = targetOf(request) as { readonly organizationId: string };
      const subject = subjectOf(request);
      const { name, display_name, organization_permissions: wanted } = request.body;
      // A role that is the daemon's alone is not among those that can be changed: to this route it is not there.
      if (!isSystemRole(name)) refuseInvalid(reservedNameProblems(name, "change"));
      const updated = await withTransaction(pool, BEGIN.impatient, async (client) => {
        if (!(await holdOrganization(client, organizationId))) throw notFound();
        const before = await lockCustomRole(client, organizationId, name);
        if (!before) throw noSuchRole(name);
        const { permissions, problems } = readWanted(wanted, before.permissions);
        refuseInvalid(problems);
        refuseEscalation(subject, organizationId, permissions);
        const after = { ...before, display_name, permissions };
        const diff = difference(customRoleFields(before), customRoleFields(after));
        if (Object.keys(diff).length === 0) {
          auditDone(request);
          return before;
        }
        const now = clock.now();
        await updateCustomRole(client, after, now);
        await audit(request, client, customRoleEntry("write", after, diff), now);
        return after;
      });
      return viewFor(subject, updated);
    },
  );

  app.delete(
    `${PATH}/:roleName`,
    {
      config: { access: { action: "delete", of: (request) => rolesInPath(context, request) } },
      schema: {
        operationId: "deleteCustomRole",
        summary: "Deletes a role that was made for an organization, and takes it from all who have it",
        tags: TAGS,
        params: params.extend({ roleName: z.string().describe("its name, in any case") }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const { organizationId } = targetOf(request) as { readonly organizationId: string };
      const { roleName } = request.params;
      if (isNotCustom(roleName) && !isSystemRole(roleName)) {
        throw new ProblemError("not_found", `the role ${roleName.toLowerCase()} is built in and cannot be deleted`);
      }
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        if (!(await holdOrganization(client, organizationId))) throw notFound();
        const row = await lockCustomRole(client, organizationId, roleName);
        if (!row) throw noSuchRole(roleName);
        const now = clock.now();
        const members = await deleteCustomRole(client, row, now);
        const diff = difference({ ...customRoleFields(row), members }, null);
        await audit(request, client, customRoleEntry("delete", row, diff), now);
      });
      return reply.status(204).send(null);
    },
  );
}

const viewFor = (subject: Subject, row: CustomRoleRow): AssignableRoleView =>
  customRoleView(row, isAssignableRole(subject, row.organization_id, row.name));

const noSuchRole = (name: string): ProblemError => notFound(`the role ${name}`);

function refuseInvalid(validations: readonly Validation[]): void {
  if (validations.length > 0) throw new ProblemError("invalid", "the request is not valid", { validations });
}

/** Nobody makes a role that lets its holders do more than they may do themselves. */
function refuseEscalation(subject: Subject, organizationId: string, permissions: readonly Permission[]): void {
  const missing = notHeld(subject, organizationId, permissions);
  if (missing.length === 0) return;
  throw new ProblemError("forbidden", `you cannot let others do what you may not do yourself: ${missing.join(", ")}`);
}
