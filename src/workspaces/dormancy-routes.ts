import { z } from "zod";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, subjectOf, targetIdOf } from "../http/authorize.ts";
import { idParams } from "../http/paging.ts";
import { bumpedDeadline } from "../lifecycle/activity.ts";
import { makeActive, makeDormant } from "../lifecycle/execute.ts";
import { readLifecycle } from "../lifecycle/facts-store.ts";
import { can } from "../rbac/decide.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { recordUse } from "./dormancy-store.ts";
import { lockToChange, updateOf } from "./schedule-routes.ts";
import { dormantBody, workspaceSchema } from "./schema.ts";
import { findWorkspace } from "./store.ts";
import { workspaceView } from "./view.ts";

const TAGS = ["workspaces"];

const isDormant = () =>
  new ProblemError("conflict", "the workspace is dormant, so it cannot be in use; activate it first");

/** Adds the routes by which a workspace is said to be in use, or to be dormant. */
export function registerDormancyRoutes(app: App, context: Context): void {
  const { pool, clock } = context;
  const access = updateOf(context);

  app.put(
    "/workspaces/:id/dormant",
    {
      config: { access },
      schema: {
        operationId: "updateDormancy",
        summary: "Makes a workspace dormant, for which it is stopped, or active again",
        description: "A dormant workspace cannot be started. Its template may say after what time it is deleted.",
        tags: TAGS,
        params: idParams,
        body: dormantBody,
        response: { 200: workspaceSchema },
      },
    },
    async (request) => {
      const now = clock.now();
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        const found = await lockToChange(client, request, "dormancy");
        if (request.body.dormant === (found.facts.dormantAt !== null)) return auditDone(request);
        const entries = request.body.dormant
          ? await makeDormant(context, client, found, { initiatorId: subjectOf(request).userId, now })
          : await makeActive(client, found, now);
        await audit(request, client, entries, now);
      });
      context.wake.jobs();
      const { workspace, latestBuild } = (await findWorkspace(pool, targetIdOf(request))) ?? gone();
      return workspaceView(workspace, latestBuild);
    },
  );

  app.post(
    "/workspaces/:id/usage",
    {
      // Who enters a workspace uses it.
      config: { access: { ...access, by: (subject, action, w) => can(subject, action, w) || can(subject, "ssh", w) } },
      schema: {
        operationId: "recordUsage",
        summary: "Says that a workspace is in use, which puts off its autostop and its dormancy",
        description:
          "Nothing happens to a prebuild, which is for nobody's use yet, nor to a workspace that is being changed at that " +
          "moment: who uses it says so again.",
        tags: TAGS,
        params: idParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      auditDone(request); // what is used is not changed by it
      const facts = await readLifecycle(pool, targetIdOf(request));
      if (!facts || facts.deleted) throw notFound("the workspace");
      if (facts.ownerId !== PREBUILDS_SYSTEM_USER_ID) {
        if (facts.dormantAt !== null) throw isDormant();
        const now = clock.now();
        const use = { deadline: bumpedDeadline(facts, now), now };
        if (!(await recordUse(pool, facts, use))) throw isDormant();
      }
      return reply.status(204).send(null);
    },
  );
}

function gone(): never {
  throw notFound("the workspace");
}
