import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { notFound, pathPart, subjectOf, targetIdOf, targetOf, visibleToCaller } from "../http/authorize.ts";
import { flag, idParams, pageQuery } from "../http/paging.ts";
import { findOrganizationInPath, findUserInPath } from "../http/references.ts";
import { isMember } from "../organizations/store.ts";
import type { Resource } from "../rbac/decide.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { createWorkspace } from "./create.ts";
import { type WorkspaceOwnership, workspaceResource } from "./rights.ts";
import { buildStatusSchema, createWorkspaceBody, type WorkspaceView, workspaceSchema } from "./schema.ts";
import { filterOf } from "./search.ts";
import { findOwnership, findOwnershipByName, findWorkspace, listWorkspaces } from "./store.ts";
import { workspaceView } from "./view.ts";

const TAGS = ["workspaces"];
/** The longest that a request may wait for a prebuild. */
const MAX_WAIT_SECONDS = 600;

const waitRule = { error: `a whole number of seconds from 0 to ${MAX_WAIT_SECONDS}` };
const waitQuery = z.object({
  wait: z.coerce
    .number(waitRule)
    .int(waitRule)
    .min(0, waitRule)
    .max(MAX_WAIT_SECONDS, waitRule)
    .default(0)
    .describe("how many seconds to wait for a prebuild before building a new workspace"),
});

/** The answer to a request that is not worth going on with, because its caller has gone or the daemon stops. */
const givenUp = () => new ProblemError("unavailable", "the request was given up; no workspace was created");

/** A workspace that could be there. */
const awake = (place: Pick<Resource, "organizationId" | "ownerId">): Resource => ({ type: "workspace", ...place });
const dormant = (place: Pick<Resource, "organizationId" | "ownerId">): Resource => ({
  type: "workspace_dormant",
  ...place,
});

/** Whose a new workspace is to be; that must be a person. */
function personIn({ organizationId, ownerId }: Resource): { organizationId: string; ownerId: string } {
  if (!organizationId || !ownerId) throw new Error("the route's resource has no organization or no owner");
  if (ownerId !== PREBUILDS_SYSTEM_USER_ID) return { organizationId, ownerId };
  throw new ProblemError("forbidden", "the prebuilds user's workspaces come from the pools; claim one of them instead");
}

/** Adds the routes about workspaces. */
export function registerWorkspaceRoutes(app: App, context: Context): void {
  const { pool } = context;

  // Whoever waits for a prebuild must not hold up the end of the daemon, nor get one after having gone away.
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort(givenUp()));

  const resourceOf = (row: WorkspaceOwnership | undefined) => row && workspaceResource(row);

  const byId = async (request: FastifyRequest) => resourceOf(await findOwnership(pool, pathPart(request, "id")));

  const byName = async (request: FastifyRequest) => {
    const owner = await findUserInPath(context, request);
    return owner && resourceOf(await findOwnershipByName(pool, owner.id, pathPart(request, "name")));
  };

  /** A workspace to be, of somebody who is a member of the organization; who is not cannot have one there. */
  const ofMember = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const organization = await findOrganizationInPath(context, request);
    const owner = organization && (await findUserInPath(context, request));
    if (!owner) return undefined;
    const { userId, memberships } = subjectOf(request);
    const known = owner.id === userId && memberships.some(({ id }) => id === organization.id);
    if (!known && !(await isMember(pool, organization.id, owner.id))) return undefined;
    return { type: "workspace", organizationId: organization.id, ownerId: owner.id };
  };

  async function answerWorkspace(id: string, options: { includeDeleted: boolean }): Promise<WorkspaceView> {
    const found = await findWorkspace(pool, id);
    if (!found || (found.workspace.deleted && !options.includeDeleted)) throw notFound();
    return workspaceView(found.workspace, found.latestBuild);
  }

  app.post(
    "/organizations/:organization/members/:user/workspaces",
    {
      config: { access: { action: "create", of: ofMember } },
      schema: {
        operationId: "createWorkspace",
        summary: "Gives a member a workspace: a prebuild, claimed, or else a new one, built",
        tags: TAGS,
        params: z.object({
          organization: z.string().describe("an id, a name or `default`"),
          user: z.string().describe("an id, a username or `me`"),
        }),
        querystring: waitQuery,
        body: createWorkspaceBody,
        response: {
          201: workspaceSchema.extend({
            claimed: z.boolean(),
            miss_reason: z.string().optional().describe("why none was claimed"),
          }),
        },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const { organizationId, ownerId } = personIn(targetOf(request));
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort(givenUp()));
      const outcome = await createWorkspace(context, {
        organizationId,
        ownerId,
        initiatorId: subjectOf(request).userId,
        name: body.name,
        templateId: body.template_id ?? undefined,
        templateVersionId: body.template_version_id ?? undefined,
        presetId: body.template_version_preset_id ?? undefined,
        parameters: body.rich_parameter_values ?? [],
        autostartSchedule: body.autostart_schedule,
        ttlMs: body.ttl_ms,
        automaticUpdates: body.automatic_updates,
        waitMs: request.query.wait * 1_000,
        signal: AbortSignal.any([closing.signal, gone.signal]),
      });
      const workspace = await answerWorkspace(outcome.workspaceId, { includeDeleted: true });
      reply.status(201);
      return {
        ...workspace,
        claimed: outcome.claimed,
        ...(outcome.missReason === null ? {} : { miss_reason: outcome.missReason }),
      };
    },
  );

  app.get(
    "/workspaces",
    {
      config: { access: { list: awake } },
      schema: {
        operationId: "listWorkspaces",
        summary: "The workspaces that the caller sees",
        tags: TAGS,
        querystring: z.object({
          ...pageQuery,
          q: z.string().max(1_024).optional().describe("for example `owner:me name:build status:running`"),
          owner: z.string().optional(),
          name: z.string().optional(),
          template: z.string().optional(),
          organization: z.string().optional(),
          status: buildStatusSchema.optional(),
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
