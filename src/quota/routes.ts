import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { organizationParam, userParam } from "../organizations/fields.ts";
import { memberInPath, memberOf } from "../organizations/member-routes.ts";
import { readQuota } from "./store.ts";

/** A member's quota as the API shows it. */
const quotaSchema = z.object({
  credits_consumed: z.number().describe("what the member's workspaces in the organization cost a day"),
  budget: z.number().describe("what the groups that the member is in allow, Everyone included"),
});
export type QuotaView = z.infer<typeof quotaSchema>;

/** Adds the route about what members may spend. */
export function registerQuotaRoutes(app: App, context: Context): void {
  app.get(
    "/organizations/:organization/members/:user/workspace-quota",
    {
      config: {
        access: {
          action: "read",
          // Members see one another where workspaces may be shared, but not which groups allow others how much.
          of: async (request) => {
            const member = await memberInPath(context, request, { system: true });
            return member && { ...member, type: "group_member" };
          },
        },
      },
      schema: {
        operationId: "getWorkspaceQuota",
        summary: "What a member's workspaces in an organization cost a day, and what they may cost",
        tags: ["members"],
        params: z.object({ organization: organizationParam, user: userParam }),
        response: { 200: quotaSchema },
      },
    },
    async (request): Promise<QuotaView> => {
      const { organizationId, userId } = memberOf(request);
      const { budget, consumed } = await readQuota(context.pool, { organizationId, ownerId: userId });
      return { credits_consumed: consumed, budget };
    },
  );
}
