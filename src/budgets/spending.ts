import { type BudgetFacts, type BudgetPolicy, type EffectiveBudget, effectiveBudget } from "./effective.ts";

/** What is known of somebody's budget, and what they have spent in the period, by the group that it counts for. */
export type SpendFacts = BudgetFacts & {
  readonly userId: string;
  readonly spent: readonly { readonly groupId: string | null; readonly micros: number }[];
};

/** What somebody may spend in the period, and what they have spent that counts for the same group. */
export type Spending = { readonly userId: string; readonly budget: EffectiveBudget; readonly spentMicros: number };

/** What somebody may spend and has spent. */
export function spendingOf(policy: BudgetPolicy, facts: SpendFacts): Spending {
  const budget = effectiveBudget(policy, facts);
  return { userId: facts.userId, budget, spentMicros: spentFor(facts, budget.groupId) };
}

/** What somebody has spent in the period that counts for a group. */
export function spentFor({ spent }: SpendFacts, groupId: string | null): number {
  return spent.find((one) => one.groupId === groupId)?.micros ?? 0;
}

/** What is left of a limit, and whether it is reached; without a limit nothing is, ever. */
export function remainderOf({ budget: { limitMicros }, spentMicros }: Spending): {
  readonly remainingMicros: number | null;
  readonly isReached: boolean;
} {
  if (limitMicros === null) return { remainingMicros: null, isReached: false };
  return { remainingMicros: Math.max(limitMicros - spentMicros, 0), isReached: spentMicros >= limitMicros };
}
