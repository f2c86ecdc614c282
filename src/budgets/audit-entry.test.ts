import assert from "node:assert/strict";
import { it } from "node:test";
import { groupBudgetEntry, overrideEntry } from "./audit-entry.ts";

const CREW = { id: "a0000000-0000-4000-8000-000000000000", name: "crew", organizationId: "home" };
const TEAM = { id: "b0000000-0000-4000-8000-000000000000", name: "team", organizationId: "away" };
const ALICE = { id: "e0000000-0000-4000-8000-000000000000", username: "alice" };

const joins = { group_id: { old: null, new: CREW.id }, group_name: { old: null, new: "crew" } };
const leaves = { group_id: { old: CREW.id, new: null }, group_name: { old: "crew", new: null } };
const moves = { group_id: { old: CREW.id, new: TEAM.id }, group_name: { old: "crew", new: "team" } };

it("a group's budget is written down with the limit as dollars, which is none before it and empty after it", () => {
  const about = { type: "group_ai_budget", id: CREW.id, target: "crew", organizationId: "home" };
  for (const [before, after, old, now] of [
    [null, 12_500_000, "$0.00", "$12.50"],
    [12_500_000, 1_000_000, "$12.50", "$1.00"],
    [12_500_000, 0, "$12.50", "$0.00"],
    [12_500_000, null, "$12.50", ""],
    [0, null, "$0.00", ""],
  ] as const) {
    const action = after === null ? "delete" : "write";
    const diff = { spend_limit: { old, new: now } };
    assert.deepEqual(groupBudgetEntry(CREW, { before, after }), { ...about, action, diff });
  }
  assert.deepEqual(groupBudgetEntry(CREW, { before: 5_000_000, after: 5_000_000 }).diff, {});
});

it("a user's own budget is written down with the group where that is another one than before", () => {
  const about = { type: "user_ai_budget_override", id: ALICE.id, target: "alice" };
  for (const [limits, groups, organizationId, diff] of [
    [[null, 5_000_000], [null, CREW], "home", { spend_limit: { old: "$0.00", new: "$5.00" }, ...joins }],
    [[5_000_000, 0], [CREW, CREW], "home", { spend_limit: { old: "$5.00", new: "$0.00" } }],
    [[5_000_000, 5_000_000], [CREW, TEAM], "away", moves],
    [[5_000_000, null], [CREW, null], "home", { spend_limit: { old: "$5.00", new: "" }, ...leaves }],
  ] as const) {
    const entry = overrideEntry(
      ALICE,
      { before: limits[0], after: limits[1] },
      { before: groups[0], after: groups[1] },
    );
    const action = limits[1] === null ? "delete" : "write";
    assert.deepEqual(entry, { ...about, action, organizationId, diff });
  }
});
