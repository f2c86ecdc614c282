import { z } from "zod";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, targetIdOf } from "../http/authorize.ts";
import { emptyAccess } from "../workspaces/acl-store.ts";
import { organizationParam } from "./fields.ts";
import { reconcileRoles } from "./reconcile.ts";
import { organizationInPath } from "./routes.ts";
import { isDisabledIn, sharingBody, sharingSchema, sharingView } from "./sharing.ts";
import { readSharing, storeSharing } from "./sharing-store.ts";
import { lockOrganization } from "./store.ts";
import { lockSystemRoles } from "./system-role-store.ts";

const PATH = "/organizations/:organization/settings/workspace-sharing";
const TAGS = ["organizations"];
const params = z.object({ organization: organizationParam });

/** Adds the routes about whether workspaces can be shared in an organization. */
export function registerSharingRoutes(app: App, context: Context): void {
  const { pool, clock, workspaceSharingDisabled } = context;

  app.get(
    PATH,
    {
      config: { access: { action: "read", of: (request) => organizationInPath(context, request) } },
      schema: {
        operationId: "getWorkspaceSharing",
        summary: "Whether workspaces can be shared in an organization",
        tags: TAGS,
        params,
        response: { 200: sharingSchema },
      },
    },
    async (request) => {
      const stored = await readSharing(pool, targetIdOf(request));
      if (stored === undefined) throw notFound();
      return sharingView(stored, workspaceSharingDisabled);
    },
  );

  app.patch(
    PATH,
    {
      config: { access: { action: "update", of: (request) => organizationInPath(context, request) } },
      schema: {
        operationId: "updateWorkspaceSharing",
        summary: "Says whether workspaces can be shared in an organization",
        description: "When they no longer can, those that are shared are so no longer, for good.",
        tags: TAGS,
        params,
        body: sharingBody,
        response: { 200: sharingSchema },
      },
    },
    async (request) => {
      const disabled = isDisabledIn(request.body);
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        await lockSystemRoles(client);
        const organization = await lockOrganization(client, targetIdOf(request));
        if (!organization) throw notFound();
        const { id, name } = organization;
        const before = await readSharing(client, id);
        if (before === disabled) return auditDone(request);
        const now = clock.now();
        await storeSharing(client, id, disabled, now);
        await reconcileRoles(client, now, id).catch((cause: unknown) => {
          // Not the caller's to repair: the database does not take what the code says.
          throw new Error("the roles of the organization could not be brought up to date", { cause });
        });
        const unshared = disabled ? await emptyAccess(client, id, now) : 0;
        const diff = difference(
          { workspace_sharing_disabled: before, shared_workspaces: unshared },
          { workspace_sharing_disabled: disabled, shared_workspaces: 0 },
        );
        await audit(
          request,
          client,
          { type: "organization", action: "write", id, target: name, organizationId: id, diff },
          now,
        );
      });
      return sharingView(disabled, workspaceSharingDisabled);
    },
  );
}
