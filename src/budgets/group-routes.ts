import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import type { App } from "../http/app.ts";
import { audit } from "../http/audit.ts";
import { notFound, targetIdOf } from "../http/authorize.ts";
import { groupInPath, groupParams } from "../organizations/group-routes.ts";
import { groupBudgetEntry } from "./audit-entry.ts";
import { microsField } from "./fields.ts";
import { deleteGroupBudget, findGroupBudget, lockBudgetGroup, putGroupBudget } from "./store.ts";
import { groupBudgetSchema, groupBudgetView } from "./view.ts";

const TAGS = ["ai budgets"];
const PATH = "/groups/:group/ai/budget";
const body = z.strictObject({ spend_limit_micros: microsField });

/** Adds the routes about groups' budgets. What a caller may not change looks as if it was not there. */
export function registerGroupBudgetRoutes(app: App, context: Context): void {
  const { pool, clock } = context;
  const inPath = (request: FastifyRequest) => groupInPath(context, request);

  app.get(
    PATH,
    {
      config: { access: { action: "read", of: inPath } },
      schema: {
        operationId: "getGroupAiBudget",
        summary: "What each member of a group may spend on AI in a month",
        tags: TAGS,
        params: groupParams,
        response: { 200: groupBudgetSchema },
      },
    },
    async (request) => {
      const row = await findGroupBudget(pool, targetIdOf(request));
      if (!row) throw notFound();
      return groupBudgetView(row);
    },
  );

  app.put(
    PATH,
    {
      config: { access: { action: () => "update", of: inPath, isHidden: true } },
      schema: {
        operationId: "putGroupAiBudget",
        summary: "Sets what each member of a group may spend on AI in a month; 0 permits nothing",
        tags: TAGS,
        params: groupParams,
        body,
        response: { 200: groupBudgetSchema },
      },
    },
    async (request) => {
      const limitMicros = request.body.spend_limit_micros;
      const row = await withTransaction(pool, BEGIN.impatient, async (client) => {
        const group = await lockBudgetGroup(client, targetIdOf(request));
        if (!group) throw notFound();
        const before = (await findGroupBudget(client, group.id))?.spend_limit_micros ?? null;
        const now = clock.now();
        const after = await putGroupBudget(client, { groupId: group.id, limitMicros }, now);
        await audit(request, client, groupBudgetEntry(group, { before, after: limitMicros }), now);
        return after;
      });
      return groupBudgetView(row);
    },
  );

  app.delete(
    PATH,
    {
      config: { access: { action: "update", of: inPath, isHidden: true } },
      schema: {
        operationId: "deleteGroupAiBudget",
        summary: "Takes a group's budget away",
        tags: TAGS,
        params: groupParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await withTransaction(pool, BEGIN.impatient, async (client) => {
        const group = await lockBudgetGroup(client, targetIdOf(request));
        const before = group && (await deleteGroupBudget(client, group.id));
        if (!before) throw notFound();
        const entry = groupBudgetEntry(group, { before: before.spend_limit_micros, after: null });
        await audit(request, client, entry, clock.now());
      });
      return reply.status(204).send(null);
    },
  );
}
