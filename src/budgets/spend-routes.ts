import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { type Batcher, createBatcher } from "../batch.ts";
import type { Context } from "../context.ts";
import { messageOf } from "../errors.ts";
import type { App } from "../http/app.ts";
import { auditDone } from "../http/audit.ts";
import { notFound, pathPart, targetIdOf } from "../http/authorize.ts";
import { findUserInPath, userInPath } from "../http/references.ts";
import { userParams } from "../users/fields.ts";
import { isUuid } from "../uuid.ts";
import { microsField, requestIdField } from "./fields.ts";
import { periodOf } from "./period.ts";
import { BATCHES, createSpendRecorder } from "./record.ts";
import { RECORDED_SPEND } from "./resource.ts";
import { readSpendFacts } from "./spend-store.ts";
import { recordedSpendSchema, recordedSpendView, type SpendView, spendSchema, spendView } from "./spend-view.ts";
import { spendingOf } from "./spending.ts";

const TAGS = ["ai budgets"];
const PATH = "/users/:user/ai/spend";
const body = z.strictObject({
  request_id: requestIdField,
  spend_micros: microsField.describe("what is added, in micros: a million of them are one dollar"),
});

/** Adds the routes about what single users spend on AI. */
export function registerSpendRoutes(app: App, context: Context): void {
  const read = createSpendReader(context);
  const record = createSpendRecorder(context);

  app.get(
    PATH,
    {
      config: {
        access: { action: "read", of: (request) => userInPath(context, request) },
      },
      schema: {
        operationId: "getUserAiSpend",
        summary: "What a user may spend on AI this month, who says so, and what they have spent",
        tags: TAGS,
        params: userParams,
        response: { 200: spendSchema },
      },
    },
    async (request) => {
      const view = await read(targetIdOf(request));
      if (!view) throw notFound();
      return view;
    },
  );

  app.post(
    PATH,
    {
      config: {
        // A gateway asks on every request of everybody, always with the same token.
        believes: true,
        access: { action: "create", of: () => RECORDED_SPEND, isHidden: true },
      },
      schema: {
        operationId: "recordUserAiSpend",
        summary: "Adds to what a user has spent on AI, once for each request id, and says what is left",
        tags: TAGS,
        params: userParams,
        body,
        response: { 200: recordedSpendSchema },
      },
    },
    async (request) => {
      const { request_id: requestId, spend_micros: micros } = request.body;
      const add = async () => {
        const userId = await idOfUserInPath(context, request);
        if (userId === undefined) throw notFound();
        return record({ userId, requestId, micros });
      };
      const { spending, period } = await add().catch((error: unknown) => {
        // Who reports it may drop it, and then this is all that is left of it.
        const spend = { user: pathPart(request, "user"), request_id: requestId, spend_micros: micros };
        request.log.warn({ spend, problem: messageOf(error) }, "what was spent on AI was not added");
        throw error;
      });
      auditDone(request); // the spend is its own record, and there is too much of it for the log
      return recordedSpendView(spending, period);
    },
  );
}

/** Reads what users may spend and have spent; those who are asked about together are read in one statement. */
function createSpendReader({ pool, clock, aiBudgetPolicy }: Context): Batcher<string, SpendView | undefined> {
  return createBatcher({
    ...BATCHES,
    isItemsFault: () => false,
    async work(userIds) {
      const period = periodOf(clock.now());
      const facts = await readSpendFacts(pool, [...new Set(userIds)], period);
      const views = new Map(facts.map((one) => [one.userId, spendView(spendingOf(aiBudgetPolicy, one), period)]));
      return userIds.map((id) => views.get(id));
    },
  });
}

/** An id is not looked up: what is added to the spend of nobody is refused with it. */
async function idOfUserInPath(context: Context, request: FastifyRequest): Promise<string | undefined> {
  const reference = pathPart(request, "user");
  return isUuid(reference) ? reference.toLowerCase() : (await findUserInPath(context, request))?.id;
}
