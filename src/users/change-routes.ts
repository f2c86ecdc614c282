import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { demand, notFound, subjectOf, targetIdOf } from "../http/authorize.ts";
import { findUserInPath } from "../http/references.ts";
import { can, type Resource } from "../rbac/decide.ts";
import { userEntry } from "./audit-entry.ts";
import { countWorkspaces, deleteUser, lockUserAndOwners, storeUser } from "./change-store.ts";
import { loginTypeBody, profileBody, rolesBody, userParams } from "./fields.ts";
import { changeProblem, changesBetween } from "./guards.ts";
import { siteRoleAssignment, userResource } from "./resource.ts";
import { type UserRow, userSchema, userView } from "./view.ts";

const TAGS = ["users"];

/** Who sees a user is told that its roles are not theirs to change; to others there is no such user. */
const within = ({ id }: Resource) => userResource(id as string);

/** Adds the routes by which users are changed and deleted; what may be done is decided again on the locked user. */
export function registerUserChangeRoutes(app: App, context: Context): void {
  const inPath = (as: (id: string) => Resource) => async (request: FastifyRequest) => {
    const user = await findUserInPath(context, request);
    return user && as(user.id);
  };
  const update = { action: "update", of: inPath(userResource) } as const;

  /** Makes the caller's user into what `edit` says, unless a guard forbids it. */
  async function change(request: FastifyRequest, edit: (user: UserRow) => UserRow): Promise<UserRow> {
    const now = context.clock.now();
    return withTransaction(context.pool, BEGIN.impatient, async (client) => {
      const { user, owners } = await lockUserAndOwners(client, targetIdOf(request));
      if (!user) throw notFound();
      const wanted = edit(user);
      const problem = changeProblem(subjectOf(request), user, wanted, owners);
      if (problem) throw problem;
      const entry = userEntry(user, wanted);
      if (Object.keys(entry.diff).length === 0) {
        auditDone(request);
        return user;
      }
      if (!(await storeUser(client, wanted, now))) throw notFound();
      await audit(request, client, entry, now);
      return { ...wanted, updated_at: now };
    });
  }

  app.put(
    "/users/:user/profile",
    {
      config: {
        access: {
          ...update,
          by: (subject, action, user) => can(subject, action, user) || can(subject, "update_personal", user),
        },
      },
      schema: {
        operationId: "updateUserProfile",
        summary: "Changes a user's username or name; everybody may change their own",
        tags: TAGS,
        params: userParams,
        body: profileBody,
        response: { 200: userSchema },
      },
    },
    async (request) => {
      const { username, name } = request.body;
      const changed = await change(request, (user) => ({
        ...user,
        username: username ?? user.username,
        name: name ?? user.name,
      }));
      return userView(changed);
    },
  );

  for (const { verb, operationId, summary, status } of STATUSES) {
    app.put(
      `/users/:user/status/${verb}`,
      {
        config: { access: update },
        schema: { operationId, summary, tags: TAGS, params: userParams, response: { 200: userSchema } },
      },
      async (request) => userView(await change(request, (user) => ({ ...user, status }))),
    );
  }

  app.put(
    "/users/:user/login-type",
    {
      config: { access: update },
      schema: {
        operationId: "updateUserLoginType",
        summary: "Says whether anybody can act as a user",
        description: "While it is none, the user's tokens do not work, and no new ones can be made.",
        tags: TAGS,
        params: userParams,
        body: loginTypeBody,
        response: { 200: userSchema },
      },
    },
    async (request) => userView(await change(request, (user) => ({ ...user, login_type: request.body.login_type }))),
  );

  app.put(
    "/users/:user/roles",
    {
      config: {
        access: {
          action: "assign",
          of: inPath(siteRoleAssignment),
          by: (subject, _, roles) => can(subject, "assign", roles) || can(subject, "unassign", roles),
          within,
        },
      },
      schema: {
        operationId: "updateUserRoles",
        summary: "Sets the roles that a user has for the whole deployment: these and no others",
        tags: TAGS,
        params: userParams,
        body: rolesBody,
        response: { 200: userSchema },
      },
    },
    async (request) => {
      const { roles } = request.body;
      const changed = await change(request, (user) => {
        const { given, taken } = changesBetween(user.rbac_roles, roles);
        const needed = [
          ...(given.length > 0 ? ["assign" as const] : []),
          ...(taken.length > 0 ? ["unassign" as const] : []),
        ];
        for (const action of needed) demand(subjectOf(request), action, siteRoleAssignment(user.id), { within });
        return { ...user, rbac_roles: given.length + taken.length > 0 ? roles : user.rbac_roles };
      });
      return userView(changed);
    },
  );

  app.delete(
    "/users/:user",
    {
      config: { access: { action: "delete", of: inPath(userResource) } },
      schema: {
        operationId: "deleteUser",
        summary: "Deletes a user who has no workspaces, and its tokens",
        tags: TAGS,
        params: userParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const now = context.clock.now();
      await withTransaction(context.pool, BEGIN.impatient, async (client) => {
        const { user, owners } = await lockUserAndOwners(client, targetIdOf(request));
        if (!user) throw notFound();
        const problem = changeProblem(subjectOf(request), user, null, owners);
        if (problem) throw problem;
        const workspaces = await countWorkspaces(client, user.id);
        if (workspaces > 0) throw stillUsed(user, workspaces);
        if (!(await deleteUser(client, user.id, now))) throw notFound();
        await audit(request, client, userEntry(user, null), now);
      });
      return reply.status(204).send(null);
    },
  );
}

const STATUSES = [
  {
    verb: "suspend",
    operationId: "suspendUser",
    summary: "Suspends a user, whose tokens do not work until it is activated again",
    status: "suspended",
  },
  {
    verb: "activate",
    operationId: "activateUser",
    summary: "Makes a user active again",
    status: "active",
  },
  {
    verb: "dormant",
    operationId: "makeUserDormant",
    summary: "Marks a user as one that has not been active for long, and may come back",
    status: "dormant",
  },
] as const;

function stillUsed({ username }: UserRow, workspaces: number): ProblemError {
  const [these, them] = workspaces === 1 ? ["1 workspace", "it"] : [`${workspaces} workspaces`, "them"];
  return new ProblemError("conflict", `${username} still has ${these}; delete ${them} first`);
}
