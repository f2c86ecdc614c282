import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { notFound, pathPart, subjectOf, targetIdOf, visibleToCaller } from "../http/authorize.ts";
import { flag, idParams, pageQuery } from "../http/paging.ts";
import { findUserInPath } from "../http/references.ts";
import type { Resource } from "../rbac/decide.ts";
import { findOwnership, findOwnershipByName } from "./ownership-store.ts";
import { type WorkspaceOwnership, workspaceResource } from "./rights.ts";
import { buildStatusSchema, type WorkspaceView, workspaceSchema } from "./schema.ts";
import { filterOf } from "./search.ts";
import { findWorkspace, listWorkspaces } from "./store.ts";
import { workspaceView } from "./view.ts";

const TAGS = ["workspaces"];
/** A workspace that could be there. */
const awake = (place: Pick<Resource, "organizationId" | "ownerId">): Resource => ({ type: "workspace", ...place });
const dormant = (place: Pick<Resource, "organizationId" | "ownerId">): Resource => ({
  type: "workspace_dormant",
  ...place,
});

/** Adds the routes about workspaces. */
export function registerWorkspaceRoutes(app: App, context: Context): void {
  const { pool } = context;

  const resourceOf = (row: WorkspaceOwnership | undefined) => row && workspaceResource(row);

  const byId = async (request: FastifyRequest) => resourceOf(await findOwnership(pool, pathPart(request, "id")));

  const byName = async (request: FastifyRequest) => {
    const owner = await findUserInPath(context, request);
    return owner && resourceOf(await findOwnershipByName(pool, owner.id, pathPart(request, "name")));
  };

  async function answerWorkspace(id: string, options: { includeDeleted: boolean }): Promise<WorkspaceView> {
    const found = await findWorkspace(pool, id);
    if (!found || (found.workspace.deleted && !options.includeDeleted)) throw notFound();
    return workspaceView(found.workspace, found.latestBuild);
  }

  app.get(
    "/workspaces",
    {
      config: { access: { list: awake, isShared: true } },
      schema: {
        operationId: "listWorkspaces",
        summary: "The workspaces that the caller sees",
        tags: TAGS,
        querystring: z.object({
          ...pageQuery,
          q: z.string().max(1_024).optional().describe("for example `owner:me name:build status:running`"),
          owner: z.string().optional().describe("a username, or `me`; `prebuilds` has those that nobody has claimed"),
          initiator: z.string().optional().describe("who asked for the latest build: a username, or `me`"),
          name: z.string().optional().describe("part of the name"),
          template: z.string().optional(),
          organization: z.string().optional(),
          status: buildStatusSchema.optional(),
          dormant: z.enum(["true", "false"], { error: "true or false" }).optional(),
          id: z.string().optional().describe("an id, or several with commas between them"),
        }),
        response: { 200: z.object({ workspaces: z.array(workspaceSchema), count: z.number() }) },
      },
    },
    async (request) => {
      const { limit, offset, ...query } = request.query;
      const visible = { awake: visibleToCaller(request, awake), dormant: visibleToCaller(request, dormant) };
      const filter = filterOf(query, subjectOf(request));
      const page = await listWorkspaces(pool, visible, filter, { limit, offset });
      return {
        workspaces: page.workspaces.map(({ workspace, latestBuild }) => workspaceView(workspace, latestBuild)),
        count: page.count,
      };
    },
  );

  app.get(
    "/workspaces/:id",
    {
      config: { access: { action: "read", of: byId } },
      schema: {
        operationId: "getWorkspace",
        summary: "One workspace",
        tags: TAGS,
        params: idParams,
        querystring: z.object({ include_deleted: flag }),
        response: { 200: workspaceSchema },
      },
    },
    (request) => answerWorkspace(targetIdOf(request), { includeDeleted: request.query.include_deleted }),
  );

  app.get(
    "/users/:user/workspace/:name",
    {
      config: { access: { action: "read", of: byName } },
      schema: {
        operationId: "getWorkspaceByName",
        summary: "One workspace, by its owner and name",
        tags: TAGS,
        params: z.object({ user: z.string(), name: z.string() }),
        response: { 200: workspaceSchema },
      },
    },
    (request) => answerWorkspace(targetIdOf(request), { includeDeleted: false }),
  );
}
