import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { audit } from "../http/audit.ts";
import { demand, forbidden, notFound, pathPart, subjectOf, targetIdOf, targetOf } from "../http/authorize.ts";
import { idParams, pageQuery, TOTAL_HEADER } from "../http/paging.ts";
import { findUserInPath } from "../http/references.ts";
import { can, type Subject } from "../rbac/decide.ts";
import { templateResource } from "../templates/resource.ts";
import type { AskedBuild } from "./build-rules.ts";
import { cancelBuild, queueBuild } from "./builds.ts";
import type { LockedWorkspace } from "./builds-store.ts";
import { findOwnership, findOwnershipByBuild, findOwnershipByName } from "./ownership-store.ts";
import { mayBuild, templateRights, type WorkspaceOwnership, workspaceResource } from "./rights.ts";
import { BUILD_BODY_LIMIT, type BuildView, buildSchema, createBuildBody } from "./schema.ts";
import { findBuild, findBuildByNumber, listBuilds } from "./store.ts";
import { type BuildRow, buildView } from "./view.ts";

const TAGS = ["builds"];

const numberRule = { error: "the number of a build, which is 1 for the first" };
const buildNumber = z.coerce.number(numberRule).int(numberRule).min(1, numberRule).max(2_147_483_647, numberRule);

/** Refuses a build that the subject may not ask for, of the workspace as it is now. */
function demandBuild(subject: Subject, workspace: LockedWorkspace, asked: AskedBuild): void {
  demand(subject, asked.transition, workspaceResource(workspace), { by: mayBuild });
  const template = templateResource({ id: workspace.template_id, organizationId: workspace.organization_id });
  const outdated = asked.versionId !== undefined && asked.versionId !== workspace.active_version_id;
  for (const right of templateRights({ ...asked, leavesRule: outdated && workspace.require_active_version })) {
    if (!can(subject, right, template)) throw forbidden(right, "template");
  }
}

function askedBuild(body: z.infer<typeof createBuildBody>): AskedBuild {
  return {
    transition: body.transition,
    orphan: body.orphan,
    // An empty state is one, too: nothing is there.
    state: typeof body.state === "string" ? Buffer.from(body.state, "base64") : undefined,
    versionId: body.template_version_id ?? undefined,
    parameters: body.rich_parameter_values ?? undefined,
  };
}

/** Adds the routes about the builds of workspaces. */
export function registerBuildRoutes(app: App, context: Context): void {
  const { pool } = context;

  const resourceOf = (row: WorkspaceOwnership | undefined) => row && workspaceResource(row);
  const workspace = async (request: FastifyRequest) => resourceOf(await findOwnership(pool, pathPart(request, "id")));
  const workspaceByName = async (request: FastifyRequest) => {
    const owner = await findUserInPath(context, request);
    return owner && resourceOf(await findOwnershipByName(pool, owner.id, pathPart(request, "name")));
  };
  // What may be done with a build is what may be done with its workspace.
  const workspaceOfBuild = async (request: FastifyRequest) =>
    resourceOf(await findOwnershipByBuild(pool, pathPart(request, "id")));

  function answer(build: BuildRow | undefined): BuildView {
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
        response: {
          200: z.array(buildSchema).describe(`One page; the header ${TOTAL_HEADER} says how many there are`),
        },
      },
    },
    async (request, reply) => {
      const { builds, count } = await listBuilds(pool, targetIdOf(request), request.query);
      reply.header(TOTAL_HEADER, count);
      return builds.map(buildView);
    },
  );

  app.post(
    "/workspaces/:id/builds",
    {
      bodyLimit: BUILD_BODY_LIMIT,
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
      const subject = subjectOf(request);
      const asked = askedBuild(request.body);
      const { buildId } = await queueBuild(
        context,
        { ...asked, workspaceId: targetIdOf(request), initiatorId: subject.userId },
        {
          demand: (current) => demandBuild(subject, current, asked),
          record: (client, entry) => audit(request, client, entry, context.clock.now()),
        },
      );
      reply.status(201);
      return answer(await findBuild(pool, buildId));
    },
  );

  app.get(
    "/users/:user/workspace/:name/builds/:number",
    {
      config: { access: { action: "read", of: workspaceByName } },
      schema: {
        operationId: "getBuildByNumber",
        summary: "One build, by its workspace's owner and name and by its number",
        tags: TAGS,
        params: z.object({ user: z.string(), name: z.string(), number: buildNumber }),
        response: { 200: buildSchema },
      },
    },
    async (request) => answer(await findBuildByNumber(pool, targetIdOf(request), request.params.number)),
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
    async (request) => answer(await findBuild(pool, request.params.id)),
  );

  app.patch(
    "/workspacebuilds/:id/cancel",
    {
      config: { access: { action: "update", of: workspaceOfBuild, by: mayBuild } },
      schema: {
        operationId: "cancelBuild",
        summary: "Cancels a build",
        tags: TAGS,
        params: idParams,
        response: { 200: z.object({ message: z.string() }) },
      },
    },
    async (request) => {
      const build = { buildId: request.params.id, ownerId: targetOf(request).ownerId };
      await cancelBuild(context, build, (client, entry) => audit(request, client, entry, context.clock.now()));
      return { message: "the build is marked as canceled" };
    },
  );
}
