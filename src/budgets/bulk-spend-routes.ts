import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { subjectOf, targetIdOf, targetOf } from "../http/authorize.ts";
import { organizationParam } from "../organizations/fields.ts";
import { groupInPath, groupParams } from "../organizations/group-routes.ts";
import { groupMemberResource, groupResource } from "../organizations/resource.ts";
import { organizationInPath } from "../organizations/routes.ts";
import { can, type Resource } from "../rbac/decide.ts";
import { userResource } from "../users/resource.ts";
import { idsField } from "./fields.ts";
import { periodOf } from "./period.ts";
import { findGroupMembers, readGroupSpend, readSpendFacts } from "./spend-store.ts";
import { groupSpendSchema, memberSpendSchema, memberSpendView, periodView } from "./spend-view.ts";
import { spendingOf, spentFor } from "./spending.ts";

const TAGS = ["ai budgets"];

/** Adds the routes that tell of many at once what they spend on AI. What the caller may not see is left out. */
export function registerBulkSpendRoutes(app: App, context: Context): void {
  const { pool, clock, aiBudgetPolicy } = context;

  app.get(
    "/organizations/:organization/groups/ai/spend",
    {
      config: { access: { action: "read", of: (request) => organizationInPath(context, request) } },
      schema: {
        operationId: "listGroupAiSpend",
        summary: "What was spent on AI this month that counts for groups, of all their members together",
        tags: TAGS,
        params: z.object({ organization: organizationParam }),
        querystring: z.object({ group_ids: idsField }),
        response: { 200: groupSpendSchema },
      },
    },
    async (request) => {
      const organizationId = targetIdOf(request);
      const mayRead = (resource: Resource) => can(subjectOf(request), "read", resource);
      // Who sees only themselves among the members of a group is not told what the others spend.
      const visible = mayRead({ type: "group_member", organizationId })
        ? request.query.group_ids.filter((id) => mayRead(groupResource({ id, organizationId })))
        : [];
      const period = periodOf(clock.now());
      const groups = await readGroupSpend(pool, organizationId, visible, period);
      return {
        ...periodView(period),
        groups: groups.map(({ groupId, limitMicros, micros }) => ({
          group_id: groupId,
          spend_limit_micros: limitMicros,
          current_spend_micros: micros,
        })),
      };
    },
  );

  app.get(
    "/groups/:group/members/ai/spend",
    {
      config: { access: { action: "read", of: (request) => groupInPath(context, request) } },
      schema: {
        operationId: "listGroupMemberAiSpend",
        summary: "What members of a group may spend on AI this month, and have spent that counts for the group",
        tags: TAGS,
        params: groupParams,
        querystring: z.object({ user_ids: idsField }),
        response: { 200: memberSpendSchema },
      },
    },
    async (request) => {
      const { id: groupId = "", organizationId = "" } = targetOf(request);
      const subject = subjectOf(request);
      const visible = request.query.user_ids.filter(
        (id) =>
          can(subject, "read", userResource(id)) &&
          can(subject, "read", groupMemberResource({ organizationId, ownerId: id })),
      );
      const period = periodOf(clock.now());
      const memberIds = await findGroupMembers(pool, groupId, visible);
      const facts = new Map((await readSpendFacts(pool, memberIds, period)).map((one) => [one.userId, one]));
      return {
        ...periodView(period),
        members: memberIds.flatMap((id) => {
          const known = facts.get(id);
          if (!known) return [];
          return memberSpendView({ ...spendingOf(aiBudgetPolicy, known), spentMicros: spentFor(known, groupId) });
        }),
      };
    },
  );
}
