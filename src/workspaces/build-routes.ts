import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { notFound, pathPart, subjectOf, targetIdOf } from "../http/authorize.ts";
import { idParams, pageQuery } from "../http/paging.ts";
import { cancelBuild, queueBuild } from "./builds.ts";
import { mayBuild, mayOnWorkspace, type WorkspaceOwnership, workspaceResource } from "./rights.ts";
import { type BuildView, buildSchema, createBuildBody, logLineSchema } from "./schema.ts";
import { findBuild, findOwnership, findOwnershipByBuild, listBuilds, listLogLines } from "./store.ts";
import { buildView } from "./view.ts";

const TAGS = ["builds"];
/** The most log lines of one answer; who wants more asks again with the last id as `after`. */
const MAX_LOG_LINES = 10_000;

/** Adds the routes about the builds of workspaces. */
export function registerBuildRoutes(app: App, context: Context): void {
  const { pool } = context;

  const workspace = async (request: FastifyRequest) => resourceOf(await findOwnership(pool, pathPart(request, "id")));
  // What may be done with a build is what may be done with its workspace.
  const workspaceOfBuild = async (request: FastifyRequest) =>
    resourceOf(await findOwnershipByBuild(pool, pathPart(request, "id")));

  const resourceOf = (row: WorkspaceOwnership | undefined) => row && workspaceResource(row);

  async function answerBuild(id: string): Promise<BuildView> {
    const build = await findBuild(pool, id);
    if (!build) throw notFound();
    return buildView(build);
  }

  app.get(
    "/workspaces/:id/builds",
    {
      config: { access: { action: "read", of: workspace } },
      schema: {
        operationId: "listBuilds",
        summary: "The builds of a workspace, the newest first",
        tags: TAGS,
        params: idParams,
        querystring: z.object(pageQuery),
        response: { 200: z.array(buildSchema) },
      },
    },
    async (request) => (await listBuilds(pool, targetIdOf(request), request.query)).map(buildView),
  );

  app.post(
    "/workspaces/:id/builds",
    {
      config: {
        access: {
          action: ({ body }) => (body as z.infer<typeof createBuildBody>).transition,
          of: workspace,
          by: mayBuild,
        },
      },
      schema: {
        operationId: "createBuild",
        summary: "Starts, stops or deletes a workspace",
        tags: TAGS,
        params: idParams,
        body: createBuildBody,
        response: { 201: buildSchema },
      },
    },
    async (request, reply) => {
      const { buildId } = await queueBuild(context, {
        workspaceId: targetIdOf(request),
        transition: request.body.transition,
        initiatorId: subjectOf(request).userId,
      });
      reply.status(201);
      return answerBuild(buildId);
    },
  );

  app.get(
    "/workspacebuilds/:id",
    {
      config: { access: { action: "read", of: workspaceOfBuild } },
      schema: {
        operationId: "getBuild",
        summary: "One build",
        tags: TAGS,
        params: idParams,
        response: { 200: buildSchema },
      },
    },
    (request) => answerBuild(request.params.id),
  );

  app.get(
    "/workspacebuilds/:id/logs",
    {
      config: { access: { action: "read", of: workspaceOfBuild } },
      schema: {
        operationId: "listLogLines",
        summary: "The log of a build, the oldest line first",
        tags: TAGS,
        params: idParams,
        querystring: z.object({
          after: z.coerce
            .number({ error: "the id of a log line" })
            .int({ error: "the id of a log line" })
            .min(0, { error: "the id of a log line" })
            .default(0)
            .describe("only lines that come after the one with this id"),
        }),
        response: { 200: z.array(logLineSchema) },
      },
    },
    (request) => listLogLines(pool, request.params.id, { after: request.query.after, limit: MAX_LOG_LINES }),
  );

  app.patch(
    "/workspacebuilds/:id/cancel",
    {
      config: { access: { action: "update", of: workspaceOfBuild, by: mayOnWorkspace } },
      schema: {
        operationId: "cancelBuild",
        summary: "Cancels a build",
        tags: TAGS,
        params: idParams,
        response: { 200: z.object({ message: z.string() }) },
      },
    },
    async (request) => {
      await cancelBuild(context, { buildId: request.params.id });
      return { message: "the build is marked as canceled" };
    },
  );
}
