import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { demand, notFound, pathPart, subjectOf, targetIdOf, targetOf } from "../http/authorize.ts";
import { idParams } from "../http/paging.ts";
import { holdSharing, readSharing } from "../organizations/sharing-store.ts";
import { can, type Resource } from "../rbac/decide.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { type AccessLists, aclBody, aclProblems, aclSchema, changedLists, granteesIn, readChanges } from "./acl.ts";
import { holdGroups, holdMembers, lockShared, readAccess, storeAccess } from "./acl-store.ts";
import { findOwnership } from "./ownership-store.ts";
import { workspaceResource } from "./rights.ts";

const PATH = "/workspaces/:id/acl";
const TAGS = ["workspaces"];
const DONE = { 204: z.null().describe("It is as asked for") };
const NOBODY: AccessLists = { users: {}, groups: {} };

/** Adds the routes about whom workspaces are shared with. */
export function registerAclRoutes(app: App, context: Context): void {
  const { pool, clock } = context;

  const isDisabled = async (organizationId: string | undefined): Promise<boolean> =>
    context.workspaceSharingDisabled || ((await readSharing(pool, organizationId as string)) ?? true);

  const byId = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const workspace = await findOwnership(pool, pathPart(request, "id"));
    return workspace && workspaceResource(workspace);
  };

  /** Where nobody may share, who sees the workspace is told so, and not that a right is missing. */
  const toShare = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const workspace = await byId(request);
    if (workspace && can(subjectOf(request), "read", workspace)) {
      if (await isDisabled(workspace.organizationId)) throw sharingDisabled(context);
    }
    return workspace;
  };

  /** Shares a workspace with those that `edit` makes of the lists there are; `named` are those who may be new in them. */
  async function share(
    request: FastifyRequest,
    named: ReturnType<typeof granteesIn>,
    edit: (before: AccessLists) => AccessLists,
  ): Promise<void> {
    const { organizationId } = targetOf(request) as { readonly organizationId: string };
    await withTransaction(pool, BEGIN.impatient, async (client) => {
      // From here on the organization's switch stays as it is.
      if (await holdSharing(client, organizationId)) throw sharingDisabled(context);
      const members = await holdMembers(client, organizationId, named.users);
      const groups = await holdGroups(client, organizationId, named.groups);
      const workspace = await lockShared(client, targetIdOf(request));
      if (!workspace) throw notFound("the workspace");
      demand(subjectOf(request), "share", workspaceResource(workspace));
      if (workspace.owner_id === PREBUILDS_SYSTEM_USER_ID) {
        throw new ProblemError("conflict", "a prebuild is not shared with anybody: claim it first, and share it then");
      }
      const before = { users: workspace.user_acl, groups: workspace.stored_groups };
      const after = edit(before);
      const validations = aclProblems(named, after, { ownerId: workspace.owner_id, members, groups });
      if (validations.length > 0) throw new ProblemError("invalid", "the request is not valid", { validations });
      const diff = difference(columnsOf(before), columnsOf(after));
      if (Object.keys(diff).length === 0) return auditDone(request);
      const now = clock.now();
      await storeAccess(client, workspace.id, after, now);
      const target = `${workspace.owner_name}/${workspace.name}`;
      await audit(
        request,
        client,
        { action: "write", type: "workspace", id: workspace.id, target, organizationId, diff },
        now,
      );
    });
  }

  app.get(
    PATH,
    {
      config: { access: { action: "read", of: byId } },
      schema: {
        operationId: "getWorkspaceAcl",
        summary: "Whom a workspace is shared with",
        tags: TAGS,
        params: idParams,
        response: { 200: aclSchema },
      },
    },
    async (request) => {
      const lists = await readAccess(pool, targetIdOf(request));
      if (!lists) throw notFound();
      if (await isDisabled(targetOf(request).organizationId)) return { users: [], groups: [] };
      return lists;
    },
  );

  app.patch(
    PATH,
    {
      config: { access: { action: "share", of: toShare } },
      schema: {
        operationId: "updateWorkspaceAcl",
        summary: "Shares a workspace with users and groups, or no longer; those that are not named stay",
        tags: TAGS,
        params: idParams,
        body: aclBody,
        response: DONE,
      },
    },
    async (request, reply) => {
      const changes = readChanges(request.body);
      await share(request, granteesIn(changes), (before) => changedLists(before, changes));
      return reply.status(204).send(null);
    },
  );

  app.delete(
    PATH,
    {
      config: { access: { action: "share", of: toShare } },
      schema: {
        operationId: "deleteWorkspaceAcl",
        summary: "Shares a workspace with nobody any more",
        tags: TAGS,
        params: idParams,
        response: DONE,
      },
    },
    async (request, reply) => {
      await share(request, { users: [], groups: [] }, () => NOBODY);
      return reply.status(204).send(null);
    },
  );
}

const columnsOf = ({ users, groups }: AccessLists) => ({ user_acl: users, group_acl: groups });

const sharingDisabled = ({ workspaceSharingDisabled }: Context) =>
  new ProblemError(
    "forbidden",
    workspaceSharingDisabled
      ? "sharing is disabled in this deployment; only who runs it can enable it"
      : "sharing is disabled in this organization; an administrator of it can enable it",
  );
