import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SpendView } from "../budgets/spend-view.ts";
import { groupSpendTable, memberSpendTable, spendLines, userBudgetLines } from "./budget-words.ts";

const PERIOD = { period_start: "2026-03-01T00:00:00.000Z", period_end: "2026-04-01T00:00:00.000Z" };

const spend = (given: Partial<SpendView>): SpendView => ({
  user_id: "u1",
  effective_group_id: "g1",
  spend_limit_micros: 10_000_000,
  limit_source: "group",
  current_spend_micros: 0,
  ...PERIOD,
  ...given,
});
const UNLIMITED = { spend_limit_micros: null, limit_source: null };
const TITLES = new Map([["g1", "default/crew"]]);

const lineOf = (lines: readonly string[], name: string) =>
  lines.find((line) => line.startsWith(`${name}:`))?.replace(/^.*?: +/, "");
const limitOf = (given: Partial<SpendView>) =>
  lineOf(userBudgetLines("alice", undefined, spend(given), TITLES), "limit");

describe("a user's budget", () => {
  it("says what is left to the last micro, and how much is spent above the limit", () => {
    const left = (micros: number) => lineOf(spendLines("alice", spend({ current_spend_micros: micros })), "left");
    assert.equal(left(1), "$9.999999");
    assert.equal(left(10_000_000), "$0.00");
    assert.equal(left(10_000_001), "$0.00; $0.000001 over the limit");
  });

  it("says whose limit it is, and by its id the group that may not be seen", () => {
    assert.equal(limitOf({}), "$10.00 a month, which is the budget of default/crew");
    assert.equal(limitOf({ limit_source: "user_override" }), "$10.00 a month, which is their own budget");
    assert.equal(limitOf({ effective_group_id: "g2" }), "$10.00 a month, which is the budget of g2");
  });

  it("tells no limit from one of nothing", () => {
    const none = spendLines("alice", spend({ ...UNLIMITED, current_spend_micros: 5 }));
    assert.deepEqual([lineOf(none, "limit"), lineOf(none, "left")], ["none", undefined]);
    const nothing = spendLines("alice", spend({ spend_limit_micros: 0 }));
    assert.deepEqual([lineOf(nothing, "limit"), lineOf(nothing, "left")], ["$0.00", "$0.00"]);
  });

  it("says that what somebody without any organization spends counts for no group", () => {
    const lines = userBudgetLines("alice", undefined, spend({ ...UNLIMITED, effective_group_id: null }), TITLES);
    assert.equal(lineOf(lines, "counts for"), "no group");
  });
});

describe("tables of spend", () => {
  it("have the decimal points of their amounts below each other", () => {
    const limits = [1, 120_000_000, null, 9_007_199_254_740_991];
    const groups = limits.map((limit, index) => ({
      group_id: `g${index + 1}`,
      spend_limit_micros: limit,
      current_spend_micros: index,
    }));
    assert.deepEqual(groupSpendTable(TITLES, { ...PERIOD, groups }), [
      "GROUP         SPENT IN 2026-03  LIMIT OF EACH MEMBER",
      "default/crew         $0.00                 $0.000001",
      "g2                   $0.000001           $120.00",
      "g3                   $0.000002                  none",
      "g4                   $0.000003    $9007199254.740991",
    ]);
  });

  it("leave out what is left of a limit that counts for another group", () => {
    const { period_start: _, period_end: __, ...here } = spend({ current_spend_micros: 2_500_000 });
    const members = [
      here,
      { ...here, user_id: "u2", effective_group_id: "g2", limit_source: "user_override" as const },
      { ...here, ...UNLIMITED, user_id: "u3" },
    ];
    const names = new Map(["alice", "bob", "carol"].map((name, index) => [`u${index + 1}`, name]));
    const known = { groupId: "g1", names, titles: TITLES };
    assert.deepEqual(memberSpendTable(known, { ...PERIOD, members }), [
      "USERNAME  SPENT IN 2026-03   LIMIT   LEFT  WHOSE LIMIT  COUNTS FOR",
      "alice                $2.50  $10.00  $7.50  group        default/crew",
      "bob                  $2.50  $10.00         their own    g2",
      "carol                $2.50    none                      default/crew",
    ]);
  });
});
