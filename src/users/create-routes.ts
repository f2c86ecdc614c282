import type pg from "pg";
import { type AuditEntry, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit } from "../http/audit.ts";
import { demand, subjectOf } from "../http/authorize.ts";
import { memberEntry, memberFields } from "../organizations/member-view.ts";
import { organizationResource } from "../organizations/resource.ts";
import { addMember, findOrganization, holdOrganization } from "../organizations/store.ts";
import type { OrganizationRow } from "../organizations/view.ts";
import { can, type Subject } from "../rbac/decide.ts";
import { userEntry } from "./audit-entry.ts";
import { createUserBody } from "./fields.ts";
import { assignmentProblem } from "./guards.ts";
import { siteRoleAssignment } from "./resource.ts";
import { createUser, findUser } from "./store.ts";
import { type UserRow, userSchema, userView } from "./view.ts";

/** Adds the route that makes users. */
export function registerUserCreateRoutes(app: App, context: Context): void {
  app.post(
    "/users",
    {
      config: { access: { action: "create", of: () => ({ type: "user" }) } },
      schema: {
        operationId: "createUser",
        summary: "Makes a user",
        description:
          "The user becomes a member of the organizations that are named, or else of the default one; an empty list " +
          "makes a user who is a member of nothing.",
        tags: ["users"],
        body: createUserBody,
        response: { 201: userSchema },
      },
    },
    async (request, reply) => {
      const { organization_ids: ids = ["default"], ...body } = request.body;
      const subject = subjectOf(request);
      const now = context.clock.now();
      if (body.roles.length > 0) demand(subject, "assign", siteRoleAssignment());
      const problem = assignmentProblem(subject, [], body.roles);
      if (problem) throw problem;
      const user = await withTransaction(context.pool, BEGIN.impatient, async (client) => {
        const organizations = await organizationsToJoin(client, subject, ids);
        const { username, email, name, roles: siteRoles, login_type: loginType } = body;
        const { id } = await createUser(client, { username, email, name, siteRoles, loginType });
        for (const organization of organizations) {
          await addMember(client, { organizationId: organization.id, userId: id });
        }
        const created = await findUser(client, id);
        if (!created) throw new Error("the user that was just made is not there");
        const entries = [userEntry(null, created), ...organizations.map((one) => joinEntry(created, one))];
        await audit(request, client, entries, now);
        return created;
      });
      reply.status(201);
      return userView(user);
    },
  );
}

/** Finds the organizations that a user is to be made a member of, all of which the subject may add members to. */
async function organizationsToJoin(
  client: pg.PoolClient,
  subject: Subject,
  references: readonly string[],
): Promise<OrganizationRow[]> {
  const found: OrganizationRow[] = [];
  for (const [index, reference] of references.entries()) {
    const organization = await findOrganization(client, reference);
    const isThere = organization && (await holdOrganization(client, organization.id));
    if (!isThere || !can(subject, "read", organizationResource(organization.id))) {
      const detail = "there is no such organization, or you may not see it";
      const validations = [{ field: `organization_ids.${index}`, detail }];
      throw new ProblemError("invalid", "the request is not valid", { validations });
    }
    demand(subject, "create", { type: "organization_member", organizationId: organization.id });
    found.push(organization);
  }
  return found;
}

function joinEntry({ id: user_id, username }: UserRow, { id: organization_id }: OrganizationRow): AuditEntry {
  const member = { user_id, username, organization_id };
  return memberEntry("create", member, difference(null, memberFields({ username, roles: [] })));
}
