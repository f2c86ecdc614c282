/** How one limit is chosen among those of several groups. */
export const BUDGET_POLICIES = ["highest"] as const;
export type BudgetPolicy = (typeof BUDGET_POLICIES)[number];

/** The budget of a group that somebody is in, Everyone included. */
type GroupBudget = {
  readonly groupId: string;
  readonly limitMicros: number;
  /** When they joined the group's organization, in microseconds; null for who is in a group without being a member. */
  readonly joinedAt: number | null;
};

/** What is known of somebody's budget. */
export type BudgetFacts = {
  /** The limit that is theirs alone, and the group that their spend counts for. */
  readonly override: { readonly groupId: string; readonly limitMicros: number } | null;
  readonly budgets: readonly GroupBudget[];
  readonly memberships: readonly {
    readonly organizationId: string;
    readonly isDefault: boolean;
    readonly joinedAt: number;
  }[];
};

/** What somebody may spend on AI in a month, who says so, and which group their spend counts for. */
export type EffectiveBudget = {
  readonly groupId: string | null;
  /** Null for no limit. */
  readonly limitMicros: number | null;
  readonly source: "user_override" | "group" | null;
};

/**
 * The budget that counts (budgets specification, 3.7): the user's own, be it lower than all others; otherwise the
 * highest of the groups', of equal ones that of the organization joined first, then that of the lowest group id. Who has
 * none is without a limit, and their spend counts for all members of the default organization, or of the one they
 * joined first.
 * @throws Error when there is no such policy
 */
export function effectiveBudget(
  policy: BudgetPolicy,
  { override, budgets, memberships }: BudgetFacts,
): EffectiveBudget {
  if (override) return { ...override, source: "user_override" };
  const [chosen] = budgets.toSorted(orderOf(policy));
  if (chosen) return { groupId: chosen.groupId, limitMicros: chosen.limitMicros, source: "group" };
  const [home] = memberships.toSorted(
    (a, b) =>
      Number(b.isDefault) - Number(a.isDefault) ||
      a.joinedAt - b.joinedAt ||
      compareIds(a.organizationId, b.organizationId),
  );
  return { groupId: home?.organizationId ?? null, limitMicros: null, source: null };
}

function orderOf(policy: BudgetPolicy): (a: GroupBudget, b: GroupBudget) => number {
  if (policy !== "highest") {
    throw new Error(`unsupported policy ${JSON.stringify(policy)} of AI budgets: use ${BUDGET_POLICIES.join(", ")}`);
  }
  return (a, b) =>
    b.limitMicros - a.limitMicros ||
    (a.joinedAt ?? Number.MAX_SAFE_INTEGER) - (b.joinedAt ?? Number.MAX_SAFE_INTEGER) ||
    compareIds(a.groupId, b.groupId);
}

const compareIds = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
