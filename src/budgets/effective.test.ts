import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type BudgetFacts, type BudgetPolicy, type EffectiveBudget, effectiveBudget } from "./effective.ts";

const [A, B] = ["a0000000-0000-4000-8000-000000000000", "b0000000-0000-4000-8000-000000000000"];
const [HOME, AWAY] = ["c0000000-0000-4000-8000-000000000000", "d0000000-0000-4000-8000-000000000000"];
/** The first moment of 2026, in microseconds. */
const JOINED = Date.UTC(2026, 0, 1) * 1_000;

const budget = (groupId: string, limitMicros: number, joinedAt: number | null = JOINED) => ({
  groupId,
  limitMicros,
  joinedAt,
});
const membership = (organizationId: string, joinedAt = JOINED, isDefault = false) => ({
  organizationId,
  joinedAt,
  isDefault,
});

const group = (groupId: string, limitMicros: number): EffectiveBudget => ({ groupId, limitMicros, source: "group" });
const unlimited = (groupId: string | null): EffectiveBudget => ({ groupId, limitMicros: null, source: null });
const own = (limitMicros: number): EffectiveBudget => ({ groupId: A, limitMicros, source: "user_override" });

const CASES: readonly (readonly [name: string, facts: Partial<BudgetFacts>, expected: EffectiveBudget])[] = [
  ["EFF-01: without any budget there is no limit", {}, unlimited(null)],
  ["EFF-02: the only budget counts", { budgets: [budget(A, 100)] }, group(A, 100)],
  ["the highest budget counts", { budgets: [budget(A, 100), budget(B, 300)] }, group(B, 300)],
  [
    "EFF-04: the user's own wins over higher ones",
    { override: { groupId: A, limitMicros: 50 }, budgets: [budget(A, 100), budget(B, 300)] },
    own(50),
  ],
  [
    "EFF-05: the user's own of nothing wins",
    { override: { groupId: A, limitMicros: 0 }, budgets: [budget(A, 100)] },
    own(0),
  ],
  ["the user's own counts without any others", { override: { groupId: A, limitMicros: 1 } }, own(1)],
  ["a group's budget of nothing is a limit", { budgets: [budget(A, 0)] }, group(A, 0)],
  [
    "EFF-07: the budget of Everyone counts like that of any group",
    { budgets: [budget(HOME, 20)], memberships: [membership(HOME, JOINED, true), membership(AWAY)] },
    group(HOME, 20),
  ],
  [
    "EFF-08: of equal ones that of the organization joined first counts",
    { budgets: [budget(A, 100, JOINED + 1), budget(B, 100, JOINED)] },
    group(B, 100),
  ],
  ["EFF-08: of those the lowest group id counts", { budgets: [budget(B, 100), budget(A, 100)] }, group(A, 100)],
  [
    "who is in a group without being a member comes after those who joined at any time",
    { budgets: [budget(A, 100, null), budget(B, 100, JOINED)] },
    group(B, 100),
  ],
  [
    "a higher budget counts before an earlier membership",
    { budgets: [budget(A, 100, JOINED), budget(B, 101, null)] },
    group(B, 101),
  ],
  [
    "the two largest amounts are told apart",
    { budgets: [budget(A, Number.MAX_SAFE_INTEGER - 1), budget(B, Number.MAX_SAFE_INTEGER)] },
    group(B, Number.MAX_SAFE_INTEGER),
  ],
  [
    "spend without a budget counts for the default organization, joined last or not",
    { memberships: [membership(HOME), membership(AWAY, JOINED + 1, true)] },
    unlimited(AWAY),
  ],
  [
    "spend without a budget counts for the organization joined first where none is the default",
    { memberships: [membership(HOME, JOINED + 1), membership(AWAY)] },
    unlimited(AWAY),
  ],
  [
    "of organizations joined at once that of the lowest id counts",
    { memberships: [membership(AWAY), membership(HOME)] },
    unlimited(HOME),
  ],
];

describe("the budget that counts", () => {
  for (const [name, facts, expected] of CASES) {
    it(name, () => {
      const all: BudgetFacts = { override: null, budgets: [], memberships: [], ...facts };
      assert.deepEqual(effectiveBudget("highest", all), expected);
      const backwards = { ...all, budgets: all.budgets.toReversed(), memberships: all.memberships.toReversed() };
      assert.deepEqual(effectiveBudget("highest", backwards), expected, "in whatever order they are read");
    });
  }

  it("EFF-11: a policy that there is not is an error, which says which there are", () => {
    const facts: BudgetFacts = { override: null, budgets: [budget(A, 1)], memberships: [] };
    assert.throws(
      () => effectiveBudget("lowest" as BudgetPolicy, facts),
      /unsupported policy "lowest" of AI budgets: use highest/,
    );
  });
});
