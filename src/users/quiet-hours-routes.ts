import type { FastifyRequest } from "fastify";
import { difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, subjectOf, targetIdOf } from "../http/authorize.ts";
import { userInPath } from "../http/references.ts";
import { parseQuietHours } from "../lifecycle/quiet-hours.ts";
import { can } from "../rbac/decide.ts";
import { lockUserAndOwners } from "./change-store.ts";
import { userParams } from "./fields.ts";
import { changeProblem } from "./guards.ts";
import { readQuietHours, storeQuietHours } from "./quiet-hours-store.ts";
import { quietHoursBody, quietHoursSchema, quietHoursView } from "./quiet-hours-view.ts";

const TAGS = ["users"];

/** Adds the routes about the time of day at which a user's workspaces stop that have to. */
export function registerQuietHoursRoutes(app: App, context: Context): void {
  const { pool, clock } = context;
  const inPath = (request: FastifyRequest) => userInPath(context, request);

  app.get(
    "/users/:user/quiet-hours",
    {
      config: { access: { action: "read", of: inPath } },
      schema: {
        operationId: "getQuietHours",
        summary: "When a user's workspaces stop that have to stop on some day",
        tags: TAGS,
        params: userParams,
        response: { 200: quietHoursSchema },
      },
    },
    async (request) => {
      const stored = await readQuietHours(pool, targetIdOf(request));
      if (stored === undefined) throw notFound();
      return quietHoursView(stored, clock.now());
    },
  );

  app.put(
    "/users/:user/quiet-hours",
    {
      config: {
        access: {
          action: "update",
          of: inPath,
          by: (subject, action, user) => can(subject, action, user) || can(subject, "update_personal", user),
        },
      },
      schema: {
        operationId: "updateQuietHours",
        summary: "Says when a user's workspaces stop that have to; everybody may choose their own",
        description: "It counts for each workspace from its next start.",
        tags: TAGS,
        params: userParams,
        body: quietHoursBody,
        response: { 200: quietHoursSchema },
      },
    },
    async (request) => {
      const schedule = request.body.schedule.trim();
      const problem = schedule === "" ? undefined : parseQuietHours(schedule);
      if (typeof problem === "string") {
        const validations = [{ field: "schedule", detail: problem }];
        throw new ProblemError("invalid", "these cannot be quiet hours", { validations });
      }
      const now = clock.now();
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        const { user, owners } = await lockUserAndOwners(client, targetIdOf(request));
        const before = user && (await readQuietHours(client, user.id));
        if (!user || before === undefined) throw notFound();
        const guard = changeProblem(subjectOf(request), user, user, owners);
        if (guard) throw guard;
        if (before === schedule) return auditDone(request);
        await storeQuietHours(client, user.id, schedule, now);
        const diff = difference({ quiet_hours_schedule: before }, { quiet_hours_schedule: schedule });
        const { id, username: target } = user;
        await audit(request, client, { action: "write", type: "user", id, target, organizationId: null, diff }, now);
      });
      return quietHoursView(schedule, now);
    },
  );
}
