import assert from "node:assert/strict";
import { it } from "node:test";
import { allowanceOf, permits, refusal } from "./quota.ts";

for (const { says, given, permitted } of [
  { says: "what fits is permitted, to the last credit", given: { before: 0, cost: 5 }, permitted: true },
  { says: "one credit more than the budget is refused", given: { before: 0, cost: 6 }, permitted: false },
  { says: "who has no budget may have what costs nothing", given: { budget: 0, before: 0, cost: 0 }, permitted: true },
  { says: "who has no budget may have nothing else", given: { budget: 0, before: 0, cost: 1 }, permitted: false },
  { says: "the same cost is permitted over the budget", given: { consumed: 90, before: 7, cost: 7 }, permitted: true },
  { says: "a lower cost is permitted over the budget", given: { consumed: 90, before: 7, cost: 6 }, permitted: true },
  { says: "a deletion is permitted over the budget", given: { consumed: 90, before: 7, cost: 0 }, permitted: true },
  { says: "a higher cost is refused over the budget", given: { consumed: 90, before: 7, cost: 8 }, permitted: false },
  { says: "what the workspace cost before is not counted twice", given: { before: 4, cost: 5 }, permitted: true },
]) {
  it(says, () => assert.equal(permits({ budget: 20, consumed: 15, ...given }), permitted));
}

it("who is over the budget has nothing left, and no debts", () => {
  assert.deepEqual([allowanceOf({ budget: 20, consumed: 15 }), allowanceOf({ budget: 20, consumed: 21 })], [5, 0]);
});

it("a refusal says what it would cost, what there is, and what can be done", () => {
  const says = refusal({ budget: 20, consumed: 15, cost: 12 }, { owner: "alice", organization: "lab" });
  assert.equal(
    says,
    "the workspace would cost 12 a day; of the budget of 20 that alice has in the organization lab, 15 are in use: " +
      "delete or stop a workspace, or ask an administrator to raise the quota allowance of a group of lab",
  );
});
