import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit } from "../http/audit.ts";
import { notFound, subjectOf, targetIdOf } from "../http/authorize.ts";
import { userInPath } from "../http/references.ts";
import { groupResource } from "../organizations/resource.ts";
import { can } from "../rbac/decide.ts";
import { userParams } from "../users/fields.ts";
import { systemProblem } from "../users/guards.ts";
import { overrideEntry } from "./audit-entry.ts";
import { microsField } from "./fields.ts";
import {
  type BudgetGroup,
  deleteOverride,
  findBudgetGroup,
  findOverride,
  findOverrideWithGroup,
  lockBudgetUser,
  putOverride,
} from "./store.ts";
import { overrideSchema, overrideView } from "./view.ts";

const TAGS = ["ai budgets"];
const PATH = "/users/:user/ai/budget";
const body = z.strictObject({
  group_id: z.guid({ error: "must be the id of a group" }),
  spend_limit_micros: microsField,
});

/** Adds the routes about budgets that are users' own. What a caller may not change looks as if it was not there. */
export function registerOverrideRoutes(app: App, context: Context): void {
  const { pool, clock } = context;
  const inPath = (request: FastifyRequest) => userInPath(context, request);

  app.get(
    PATH,
    {
      config: { access: { action: "read", of: inPath } },
      schema: {
        operationId: "getUserAiBudget",
        summary: "What a user alone may spend on AI in a month, whatever their groups allow",
        tags: TAGS,
        params: userParams,
        response: { 200: overrideSchema },
      },
    },
    async (request) => {
      const row = await findOverride(pool, targetIdOf(request));
      if (!row) throw notFound();
      return overrideView(row);
    },
  );

  app.put(
    PATH,
    {
      config: { access: { action: () => "update", of: inPath, isHidden: true } },
      schema: {
        operationId: "putUserAiBudget",
        summary: "Sets what a user alone may spend on AI in a month, and the group that it counts for",
        tags: TAGS,
        params: userParams,
        body,
        response: { 200: overrideSchema },
      },
    },
    async (request) => {
      const { group_id: groupId, spend_limit_micros: limitMicros } = request.body;
      const userId = targetIdOf(request);
      const group = await findBudgetGroup(pool, groupId);
      if (!group || !may(request, "read", group) || !may(request, "update", group)) throw notFound();
      const row = await withTransaction(pool, BEGIN.impatient, async (client) => {
        const user = await lockBudgetUser(client, userId);
        if (!user) throw notFound();
        const problem = systemProblem(user);
        if (problem) throw problem;
        const before = await findOverrideWithGroup(client, userId);
        const now = clock.now();
        const after = await putOverride(client, { userId, groupId: group.id, limitMicros }, now);
        if (!after) throw notInGroup(user, group);
        const limits = { before: before?.spend_limit_micros ?? null, after: limitMicros };
        const groups = { before: before?.group ?? null, after: group };
        await audit(request, client, overrideEntry({ id: userId, ...user }, limits, groups), now);
        return after;
      });
      return overrideView(row);
    },
  );

  app.delete(
    PATH,
    {
      config: { access: { action: "update", of: inPath, isHidden: true } },
      schema: {
        operationId: "deleteUserAiBudget",
        summary: "Takes the budget away that is a user's own; those of their groups count again",
        tags: TAGS,
        params: userParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const userId = targetIdOf(request);
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        const user = await lockBudgetUser(client, userId);
        const before = user && (await findOverrideWithGroup(client, userId));
        if (!before || !may(request, "update", before.group)) throw notFound();
        if (!(await deleteOverride(client, userId))) throw notFound();
        const limits = { before: before.spend_limit_micros, after: null };
        const groups = { before: before.group, after: null };
        await audit(request, client, overrideEntry({ id: userId, ...user }, limits, groups), clock.now());
      });
      return reply.status(204).send(null);
    },
  );
}

function may(request: FastifyRequest, action: "read" | "update", { id, organizationId }: BudgetGroup): boolean {
  return can(subjectOf(request), action, groupResource({ id, organizationId }));
}

function notInGroup({ username }: { readonly username: string }, { name, organization }: BudgetGroup): ProblemError {
  const detail = "must be the id of a group that the user is in";
  return new ProblemError(
    "invalid",
    `${username} is not in the group ${organization}/${name}: choose one of theirs, or add them first`,
    {
      validations: [{ field: "group_id", detail }],
    },
  );
}
