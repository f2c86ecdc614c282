import type { FastifyRequest } from "fastify";
import type pg from "pg";
import { z } from "zod";
import { type Difference, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { demand, notFound, pathPart, subjectOf, targetIdOf } from "../http/authorize.ts";
import { idParams } from "../http/paging.ts";
import { autostartProblem, nextStart } from "../lifecycle/autostart.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { workspaceEntry } from "./entry.ts";
import { findOwnership } from "./ownership-store.ts";
import { workspaceResource } from "./rights.ts";
import { extendProblem, fieldProblem, type LifecycleSetting, prebuildProblem, ttlProblem } from "./schedule-rules.ts";
import { lockLifecycle, setAutostart, setDeadline, setTtl, type WorkspaceToChange } from "./schedule-store.ts";
import { autostartBody, extendBody, ttlBody } from "./schema.ts";

const TAGS = ["workspaces"];

/** Lets in who may change the workspace in the path. */
export const updateOf = ({ pool }: Pick<Context, "pool">) =>
  ({
    action: "update",
    of: async (request: FastifyRequest) => {
      const workspace = await findOwnership(pool, pathPart(request, "id"));
      return workspace && workspaceResource(workspace);
    },
  }) as const;

/**
 * Locks the workspace that a request is about, and decides again on it as it is then.
 * @throws ProblemError not_found when it is gone or the caller may not change it any more, conflict for a prebuild
 */
export async function lockToChange(
  client: pg.PoolClient,
  request: FastifyRequest,
  setting: LifecycleSetting,
): Promise<WorkspaceToChange> {
  const found = await lockLifecycle(client, targetIdOf(request));
  if (!found || found.workspace.deleted) throw notFound("the workspace");
  demand(subjectOf(request), "update", workspaceResource(found.workspace));
  if (found.workspace.owner_id === PREBUILDS_SYSTEM_USER_ID) throw prebuildProblem(found.workspace.name, setting);
  return found;
}

/** Adds the routes that say when a workspace starts and stops by itself. */
export function registerScheduleRoutes(app: App, context: Context): void {
  const access = updateOf(context);

  /** Makes a change, which says what differs, in a transaction with its audit entry; without a difference there is none. */
  const change = (
    request: FastifyRequest,
    setting: LifecycleSetting,
    now: Date,
    make: (client: pg.PoolClient, found: WorkspaceToChange) => Promise<Difference>,
  ) =>
    withTransaction(context.pool, BEGIN.impatient, async (client) => {
      const found = await lockToChange(client, request, setting);
      const diff = await make(client, found);
      if (Object.keys(diff).length === 0) auditDone(request);
      else await audit(request, client, workspaceEntry(found.workspace, diff), now);
    });

  app.put(
    "/workspaces/:id/autostart",
    {
      config: { access },
      schema: {
        operationId: "updateAutostart",
        summary: "Says when a workspace starts by itself",
        tags: TAGS,
        params: idParams,
        body: autostartBody,
        response: { 204: z.null().describe("It is as asked for") },
      },
    },
    async (request, reply) => {
      const schedule = request.body.schedule?.trim() || null;
      const now = context.clock.now();
      await change(request, "autostart", now, async (client, { workspace, facts }) => {
        const problem = schedule === null ? undefined : autostartProblem(schedule, facts.template);
        if (problem !== undefined) throw fieldProblem(`the autostart schedule ${problem}`, "schedule", problem);
        const diff = difference({ autostart_schedule: facts.autostartSchedule }, { autostart_schedule: schedule });
        if (Object.keys(diff).length === 0) return diff;
        const nextStartAt = nextStart({ ...facts, autostartSchedule: schedule }, now);
        await setAutostart(client, workspace.id, { schedule, nextStartAt, now });
        return diff;
      });
      return reply.status(204).send(null);
    },
  );

  app.put(
    "/workspaces/:id/ttl",
    {
      config: { access },
      schema: {
        operationId: "updateTtl",
        summary: "Says how long after its start a workspace stops by itself",
        description: "It counts from the next start. Without a ttl, what runs now stops only when it has to.",
        tags: TAGS,
        params: idParams,
        body: ttlBody,
        response: { 204: z.null().describe("It is as asked for") },
      },
    },
    async (request, reply) => {
      const ttlMs = request.body.ttl_ms || null;
      const now = context.clock.now();
      await change(request, "autostop", now, async (client, { workspace, facts }) => {
        const problem = ttlProblem(ttlMs, facts.template);
        if (problem !== undefined) throw fieldProblem(`the ttl ${problem}`, "ttl_ms", problem);
        if (ttlMs === facts.ttlMs) return {};
        await setTtl(client, workspace.id, { ttlMs, now });
        const { deadline, maxDeadline } = facts.build;
        const runsOn = ttlMs === null && deadline !== null;
        if (runsOn) await setDeadline(client, facts, { deadline: maxDeadline, now });
        return difference(
          { ttl_ms: facts.ttlMs, deadline },
          { ttl_ms: ttlMs, deadline: runsOn ? maxDeadline : deadline },
        );
      });
      return reply.status(204).send(null);
    },
  );

  app.put(
    "/workspaces/:id/extend",
    {
      config: { access },
      schema: {
        operationId: "extendWorkspace",
        summary: "Says until when a workspace that is running runs this time",
        tags: TAGS,
        params: idParams,
        body: extendBody,
        response: { 200: z.object({ message: z.string(), deadline: z.iso.datetime() }) },
      },
    },
    async (request) => {
      const deadline = new Date(request.body.deadline);
      const now = context.clock.now();
      await change(request, "the extension of deadlines", now, async (client, { facts }) => {
        const problem = extendProblem(facts, deadline, now);
        if (problem) throw problem;
        const diff = difference({ deadline: facts.build.deadline }, { deadline });
        if (Object.keys(diff).length > 0) await setDeadline(client, facts, { deadline, now });
        return diff;
      });
      const text = deadline.toISOString();
      return { message: `the workspace runs until ${text}`, deadline: text };
    },
  );
}
