import { type AuditEntry, type Difference, difference } from "../audit/entry.ts";
import { dollars } from "./amount.ts";

type Group = { readonly id: string; readonly name: string; readonly organizationId: string };
/** A limit in micros before and after a change; null where there was none or is none any more. */
type Limits = { readonly before: number | null; readonly after: number | null };

/** What the audit log is to say of a change of a group's budget. */
export function groupBudgetEntry(group: Group, limits: Limits): AuditEntry {
  return {
    type: "group_ai_budget",
    action: limits.after === null ? "delete" : "write",
    id: group.id,
    target: group.name,
    organizationId: group.organizationId,
    diff: limitDifference(limits),
  };
}

/**
 * What the audit log is to say of a change of the budget that is a user's own.
 * @param groups the group that it counted for, and the one that it counts for from then on; null for none
 */
export function overrideEntry(
  user: { readonly id: string; readonly username: string },
  limits: Limits,
  groups: { readonly before: Group | null; readonly after: Group | null },
): AuditEntry {
  const { before, after } = groups;
  return {
    type: "user_ai_budget_override",
    action: limits.after === null ? "delete" : "write",
    id: user.id,
    target: user.username,
    organizationId: (after ?? before)?.organizationId ?? null,
    diff: { ...limitDifference(limits), ...difference(before && fieldsOf(before), after && fieldsOf(after)) },
  };
}

const fieldsOf = ({ id, name }: Group) => ({ group_id: id, group_name: name });

/** Limits as text; no limit before counts as nothing, and none afterwards is empty (budgets specification, 3.8). */
function limitDifference({ before, after }: Limits): Difference {
  return difference({ spend_limit: dollars(before ?? 0) }, { spend_limit: after === null ? "" : dollars(after) });
}
