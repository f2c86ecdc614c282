import assert from "node:assert/strict";
import { it } from "node:test";
import { remainderOf, type SpendFacts, spendingOf, spentFor } from "./spending.ts";

const [A, B] = ["a0000000-0000-4000-8000-000000000000", "b0000000-0000-4000-8000-000000000000"];
const MOST = Number.MAX_SAFE_INTEGER;

const FACTS: SpendFacts = {
  userId: "e0000000-0000-4000-8000-000000000000",
  override: null,
  budgets: [
    { groupId: A, limitMicros: 100, joinedAt: 1 },
    { groupId: B, limitMicros: 50, joinedAt: 1 },
  ],
  memberships: [],
  spent: [
    { groupId: A, micros: 30 },
    { groupId: null, micros: 7 },
  ],
};

it("what somebody has spent is what counts for the group whose budget counts", () => {
  const budget = { groupId: A, limitMicros: 100, source: "group" } as const;
  assert.deepEqual(spendingOf("highest", FACTS), { userId: FACTS.userId, budget, spentMicros: 30 });
  assert.equal(spendingOf("highest", { ...FACTS, override: { groupId: B, limitMicros: 1 } }).spentMicros, 0);
  assert.equal(spendingOf("highest", { ...FACTS, budgets: [] }).spentMicros, 7, "of no group, for who is in none");
});

it("what counts for a group is known of each group apart", () => {
  assert.deepEqual([spentFor(FACTS, A), spentFor(FACTS, B), spentFor(FACTS, null)], [30, 0, 7]);
});

for (const [limitMicros, spentMicros, remainingMicros, isReached] of [
  [null, 0, null, false],
  [null, MOST, null, false],
  [0, 0, 0, true],
  [0, 1, 0, true],
  [1, 0, 1, false],
  [100, 99, 1, false],
  [100, 100, 0, true],
  [100, 101, 0, true],
  [MOST, 0, MOST, false],
  [MOST, MOST - 1, 1, false],
  [MOST, MOST, 0, true],
] as const) {
  it(`of a limit of ${limitMicros} with ${spentMicros} spent ${remainingMicros} is left, and it is ${isReached ? "" : "not "}reached`, () => {
    const budget = { groupId: A, limitMicros, source: limitMicros === null ? null : ("group" as const) };
    assert.deepEqual(remainderOf({ userId: FACTS.userId, budget, spentMicros }), { remainingMicros, isReached });
  });
}
