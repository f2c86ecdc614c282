import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PlanCase, testPlans } from "../../test/support/plan-cases.ts";
import { planPresets } from "./plan.ts";
import {
  at,
  cancel,
  create,
  inProgress,
  prebuild,
  preset,
  remove,
  SETTINGS,
  state,
  T,
  unready,
} from "./snapshot.fixture.ts";

/** Table TV-1 of the specification; numbers with a letter are cases of our own. */
const CASES: readonly PlanCase[] = [
  {
    says: "1 a pool that wants nothing and has nothing is left alone",
    given: { desiredInstances: 0 },
    state: {},
    actions: [],
  },
  { says: "2 an empty pool is filled", given: {}, state: { desired: 1 }, actions: [create(1)] },
  {
    says: "2b the whole gap is asked for at once",
    given: { desiredInstances: 100, running: [prebuild("a")] },
    state: { desired: 100, actual: 1, eligible: 1 },
    actions: [create(99)],
  },
  {
    says: "5 an inactive pool is emptied although a deletion is under way",
    given: { active: false, running: [unready("a")], inProgress: inProgress({ delete: 1 }) },
    state: { actual: 1, deleting: 1 },
    actions: [remove("inactive", "a")],
  },
  {
    says: "5b an inactive pool cancels what has not begun before it deletes what runs",
    given: { active: false, running: [unready("a")], pending: 2 },
    state: { actual: 1 },
    actions: [cancel, remove("inactive", "a")],
  },
  {
    says: "5c an inactive pool waits for a start that is under way, and creates nothing",
    given: { active: false, desiredInstances: 3, inProgress: inProgress({ start: 1 }) },
    state: { starting: 1 },
    actions: [],
  },
  {
    says: "7 first builds that wait are left alone while the pool is active",
    given: { desiredInstances: 0, pending: 2 },
    state: {},
    actions: [],
  },
  {
    says: "8 what is being started counts",
    given: { inProgress: inProgress({ start: 1 }) },
    state: { desired: 1, starting: 1 },
    actions: [],
  },
  {
    says: "10 a start too many is waited for, and becomes extraneous when it ends",
    given: { desiredInstances: 2, running: [unready("a"), unready("b")], inProgress: inProgress({ start: 1 }) },
    state: { actual: 2, desired: 2, starting: 1 },
    actions: [],
  },
  {
    says: "11 running and starting together fill the pool",
    given: { desiredInstances: 3, running: [unready("a")], inProgress: inProgress({ start: 2 }) },
    state: { actual: 1, desired: 3, starting: 2 },
    actions: [],
  },
  {
    says: "11b only what neither runs nor is being started is missing",
    given: { desiredInstances: 5, running: [unready("a")], inProgress: inProgress({ start: 2 }) },
    state: { actual: 1, desired: 5, starting: 2 },
    actions: [create(2)],
  },
  {
    says: "13 what is being stopped does not count",
    given: { desiredInstances: 3, running: [unready("a"), unready("b")], inProgress: inProgress({ stop: 1 }) },
    state: { actual: 2, desired: 3, stopping: 1 },
    actions: [create(1)],
  },
  {
    says: "14 a stop under way does not disturb a full pool",
    given: {
      desiredInstances: 3,
      running: [unready("a"), unready("b"), unready("c")],
      inProgress: inProgress({ stop: 1 }),
    },
    state: { actual: 3, desired: 3, stopping: 1 },
    actions: [],
  },
  {
    says: "16 what is being deleted does not count",
    given: { desiredInstances: 2, running: [unready("a")], inProgress: inProgress({ delete: 1 }) },
    state: { actual: 1, desired: 2, deleting: 1 },
    actions: [create(1)],
  },
  {
    says: "17 a deletion under way does not disturb a full pool",
    given: { desiredInstances: 2, running: [unready("a"), unready("b")], inProgress: inProgress({ delete: 1 }) },
    state: { actual: 2, desired: 2, deleting: 1 },
    actions: [],
  },
  {
    says: "17b a pool with builds of all kinds under way creates what is missing besides the starts",
    given: { desiredInstances: 6, running: [unready("a")], inProgress: { start: 2, stop: 1, delete: 2 } },
    state: { actual: 1, desired: 6, starting: 2, stopping: 1, deleting: 2 },
    actions: [create(3)],
  },
  {
    says: "19 of too many the oldest goes",
    given: { running: [prebuild("new"), prebuild("old", at(-3_600))] },
    state: { actual: 2, desired: 1, eligible: 2, extraneous: 1 },
    actions: [remove("extraneous", "old")],
  },
  {
    says: "19b of too many the oldest goes although it is ready and the younger one is not",
    given: { running: [unready("new"), prebuild("old", at(-3_600))] },
    state: { actual: 2, desired: 1, eligible: 1, extraneous: 1 },
    actions: [remove("extraneous", "old")],
  },
  {
    says: "19c of equally old ones the smaller id goes, so that the plan is always the same",
    given: { running: [prebuild("b"), prebuild("a"), prebuild("c")] },
    state: { actual: 3, desired: 1, eligible: 3, extraneous: 2 },
    actions: [remove("extraneous", "a", "b")],
  },
  {
    says: "19d a pool that wants nothing any more is emptied, the oldest first",
    given: { desiredInstances: 0, running: [prebuild("new"), prebuild("old", at(-1))] },
    state: { actual: 2, eligible: 2, extraneous: 2 },
    actions: [remove("extraneous", "old", "new")],
  },
  {
    says: "20 a deprecated template's pool is emptied",
    given: { deprecated: true, running: [prebuild("a")] },
    state: { actual: 1 },
    actions: [remove("inactive", "a")],
  },
  {
    says: "20b a deleted template's pool is emptied, the oldest first",
    given: { templateDeleted: true, running: [prebuild("new"), prebuild("old", at(-10))] },
    state: { actual: 2 },
    actions: [remove("inactive", "old", "new")],
  },
];

describe("the plan of one pool", () => {
  testPlans(CASES);
});

describe("the plan of several pools", () => {
  it("4 an empty pool is filled whatever its sibling of an older version needs", () => {
    const older = preset({ id: "older", active: false, running: [prebuild("a")], pending: 2 });
    const plans = planPresets([older, preset({ id: "newer" })], SETTINGS, T);
    assert.deepEqual(
      plans.map(({ id, actions }) => [id, actions]),
      [
        ["older", [cancel, remove("inactive", "a")]],
        ["newer", [create(1)]],
      ],
    );
    assert.deepEqual(plans[1]?.state, state({ desired: 1 }));
  });

  it("4b the plans stand in the order of the pools", () => {
    const ids = ["c", "a", "b"];
    const plans = planPresets(
      ids.map((id) => preset({ id })),
      SETTINGS,
      T,
    );
    assert.deepEqual(
      plans.map(({ id }) => id),
      ids,
    );
  });
});
