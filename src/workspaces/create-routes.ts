import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { actorOf, auditDone } from "../http/audit.ts";
import { demand, notFound, subjectOf, targetOf } from "../http/authorize.ts";
import { findOrganizationInPath, findUserInPath } from "../http/references.ts";
import { isMember } from "../organizations/store.ts";
import type { Resource } from "../rbac/decide.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { templateResource } from "../templates/resource.ts";
import { createWorkspace } from "./create.ts";
import { findOwnership } from "./ownership-store.ts";
import { workspaceResource } from "./rights.ts";
import { createWorkspaceBody, workspaceSchema } from "./schema.ts";
import { findWorkspace } from "./store.ts";
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

const KEY = { error: "1 to 255 visible ASCII characters" };
const keyHeader = z.object({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, KEY)
    .optional()
    .describe("a text of the caller's own, new for every new request"),
});

const createdSchema = workspaceSchema.extend({
  claimed: z.boolean(),
  miss_reason: z.string().optional().describe("why none was claimed"),
});

/** The answer to a request that is not worth going on with, because its caller has gone or the daemon stops. */
const givenUp = () => new ProblemError("unavailable", "the request was given up; no workspace was created");

/** Whose a new workspace is to be; that must be a person. */
function personIn({ organizationId, ownerId }: Resource): { organizationId: string; ownerId: string } {
  if (!organizationId || !ownerId) throw new Error("the route's resource has no organization or no owner");
  if (ownerId !== PREBUILDS_SYSTEM_USER_ID) return { organizationId, ownerId };
  throw new ProblemError("forbidden", "the prebuilds user's workspaces come from the pools; claim one of them instead");
}

/** Two requests are the same when they ask for the same. */
const hashOf = (asked: unknown): Buffer => createHash("sha256").update(JSON.stringify(asked)).digest();

/** Adds the route by which people and control planes get workspaces. */
export function registerCreateRoute(app: App, context: Context): void {
  // Whoever waits for a prebuild must not hold up the end of the daemon, nor get one after having gone away.
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort(givenUp()));

  /** A workspace to be, of somebody who is a member of the organization; who is not cannot have one there. */
  const ofMember = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const organization = await findOrganizationInPath(context, request);
    const owner = organization && (await findUserInPath(context, request));
    if (!owner) return undefined;
    const { userId, memberships } = subjectOf(request);
    const known = owner.id === userId && memberships.some(({ id }) => id === organization.id);
    if (!known && !(await isMember(context.pool, organization.id, owner.id))) return undefined;
    return { type: "workspace", organizationId: organization.id, ownerId: owner.id };
  };

  app.post(
    "/organizations/:organization/members/:user/workspaces",
    {
      config: { access: { action: "create", of: ofMember }, believes: true },
      schema: {
        operationId: "createWorkspace",
        summary: "Gives a member a workspace: a prebuild, claimed, or else a new one, built",
        description:
          "With an Idempotency-Key a request may be repeated for a day: the answer is that of the first one, with the " +
          "header Idempotent-Replayed, and nothing is done again.",
        tags: TAGS,
        params: z.object({
          organization: z.string().describe("an id, a name or `default`"),
          user: z.string().describe("an id, a username or `me`"),
        }),
        querystring: waitQuery,
        headers: keyHeader,
        body: createWorkspaceBody,
        response: {
          201: createdSchema,
        },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const subject = subjectOf(request);
      const { organizationId, ownerId } = personIn(targetOf(request));
      const key = request.headers["idempotency-key"];
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort(givenUp()));
      const outcome = await createWorkspace(
        context,
        {
          organizationId,
          ownerId,
          initiatorId: subject.userId,
          actor: actorOf(request),
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
          request: key === undefined ? undefined : { key, hash: hashOf([organizationId, ownerId, body]) },
        },
        ({ templateId: id, requireActiveVersion, versionActive }) => {
          const template = templateResource({ id, organizationId });
          demand(subject, "use", template);
          if (requireActiveVersion && !versionActive) demand(subject, "update", template);
        },
      );
      auditDone(request); // the entry is written together with the workspace
      const found = outcome.asClaimed ?? (await findWorkspace(context.pool, outcome.workspaceId));
      if (!found) throw notFound();
      if (outcome.repeated) {
        const ownership = await findOwnership(context.pool, outcome.workspaceId);
        if (!ownership) throw notFound();
        demand(subject, "read", workspaceResource(ownership));
      }
      reply.status(201);
      if (outcome.repeated) reply.header("idempotent-replayed", "true");
      return {
        ...workspaceView(found.workspace, found.latestBuild),
        claimed: outcome.claimed,
        ...(outcome.missReason === null ? {} : { miss_reason: outcome.missReason }),
      };
    },
  );
}
