import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { visibleToCaller } from "../http/authorize.ts";
import { templateResource } from "../templates/resource.ts";
import { planSchema, poolSchema, readPlan, readPools } from "./status.ts";

const TAGS = ["prebuilds"];

/** Adds the routes that say what the pools hold and why. */
export function registerPrebuildRoutes(app: App, context: Context): void {
  app.get(
    "/prebuilds/pools",
    {
      config: { access: { list: templateResource } },
      schema: {
        operationId: "listPools",
        summary: "The pools of the caller's organizations: what they hold, and why they are not full",
        tags: TAGS,
        response: { 200: z.array(poolSchema) },
      },
    },
    async (request) => {
      const { everything, organizationIds } = visibleToCaller(request, templateResource);
      const pools = await readPools(context);
      return everything ? pools : pools.filter((pool) => organizationIds.includes(pool.organization_id));
    },
  );

  app.get(
    "/prebuilds/plan",
    {
      // The plan weighs the pools of all organizations against one another, so it is for who runs the deployment.
      config: { access: { action: "read", of: () => ({ type: "deployment_config" }) } },
      schema: {
        operationId: "getPlan",
        summary: "What a pass would do now, and why; changes nothing",
        tags: TAGS,
        response: { 200: planSchema },
      },
    },
    async () => readPlan(context),
  );
}
