import { z } from "zod";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, pathPart, targetIdOf } from "../http/authorize.ts";
import { idParams } from "../http/paging.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { setAutoupdates } from "./autoupdates-store.ts";
import { workspaceEntry } from "./entry.ts";
import { findOwnership } from "./ownership-store.ts";
import { workspaceResource } from "./rights.ts";
import { autoupdatesBody } from "./schema.ts";

/** Adds the route that says whether a workspace is updated when it is started. */
export function registerAutoupdatesRoutes(app: App, context: Context): void {
  const { pool, clock } = context;

  app.put(
    "/workspaces/:id/autoupdates",
    {
      config: {
        access: {
          action: "update",
          of: async (request) => {
            const workspace = await findOwnership(pool, pathPart(request, "id"));
            return workspace && workspaceResource(workspace);
          },
        },
      },
      schema: {
        operationId: "updateAutoupdates",
        summary: "Says whether a workspace is built from its template's active version whenever it is started",
        tags: ["workspaces"],
        params: idParams,
        body: autoupdatesBody,
        response: { 204: z.null().describe("It is as asked for") },
      },
    },
    async (request, reply) => {
      const wanted = request.body.automatic_updates;
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        const workspace = await setAutoupdates(client, targetIdOf(request), wanted, clock.now());
        if (!workspace) throw notFound("the workspace");
        if (workspace.owner_id === PREBUILDS_SYSTEM_USER_ID) {
          throw new ProblemError(
            "conflict",
            "a prebuild is never updated: its pool replaces it when the template's active version changes",
          );
        }
        if (workspace.before === wanted) return auditDone(request);
        await audit(
          request,
          client,
          workspaceEntry(workspace, difference({ automatic_updates: workspace.before }, { automatic_updates: wanted })),
          clock.now(),
        );
      });
      return reply.status(204).send(null);
    },
  );
}
