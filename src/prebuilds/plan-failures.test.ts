import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PlanCase, testPlans } from "../../test/support/plan-cases.ts";
import { planPreset, planPresets } from "./plan.ts";
import {
  at,
  backoff,
  create,
  failed,
  inProgress,
  prebuild,
  preset,
  remove,
  SETTINGS,
  state,
  T,
} from "./snapshot.fixture.ts";

const failing = { numFailed: 1, lastBuildAt: T };
const aMoment = (seconds: number, milliseconds: number): Date => new Date(at(seconds).getTime() + milliseconds);

/** Table TV-1 of the specification; numbers with a letter are cases of our own. */
const CASES: readonly PlanCase[] = [
  {
    says: "22 a recent failure holds back creations",
    given: { backoff: failing },
    state: { desired: 1 },
    actions: [backoff(at(5))],
  },
  {
    says: "22b every further failure adds one interval to the wait",
    given: { backoff: { numFailed: 3, lastBuildAt: at(-1) } },
    state: { desired: 1 },
    actions: [backoff(at(14))],
  },
  {
    says: "22c what is being started already is neither created nor held back",
    given: { inProgress: inProgress({ start: 1 }), backoff: failing },
    state: { desired: 1, starting: 1 },
    actions: [],
  },
  {
    says: "25 the backoff still holds at its last instant",
    given: { backoff: failing },
    state: { desired: 1 },
    actions: [backoff(at(5))],
    now: at(5),
  },
  {
    says: "25b the backoff ends right after its last instant",
    given: { backoff: failing },
    state: { desired: 1 },
    actions: [create(1)],
    now: aMoment(5, 1),
  },
  {
    says: "26 no failures, no backoff",
    given: { backoff: { numFailed: 0, lastBuildAt: T } },
    state: { desired: 1 },
    actions: [create(1)],
  },
  {
    says: "28 (ours) the backoff holds back the creation, and the expired one is deleted all the same",
    given: { ttlSeconds: 5, running: [prebuild("a", at(-10))], backoff: failing },
    state: { actual: 1, desired: 1, expired: 1 },
    actions: [remove("expired", "a"), backoff(at(5))],
  },
  {
    says: "28b (ours) a full pool with recent failures needs nothing",
    given: { running: [prebuild("a")], backoff: failing },
    state: { actual: 1, desired: 1, eligible: 1 },
    actions: [],
  },
  {
    says: "28c (ours) a pool with recent failures that has become too large is made smaller",
    given: { running: [prebuild("a", at(-1)), prebuild("b")], backoff: failing },
    state: { actual: 2, desired: 1, eligible: 2, extraneous: 1 },
    actions: [remove("extraneous", "a")],
  },
  {
    says: "28d (ours) a pool that is no longer kept is emptied although it failed a moment ago",
    given: { active: false, running: [prebuild("a")], backoff: failing },
    state: { actual: 1 },
    actions: [remove("inactive", "a")],
  },
  {
    says: "a failed prebuild is kept for people to look at",
    given: { desiredInstances: 0, failed: [failed("f", at(-60))] },
    state: {},
    actions: [],
    now: aMoment(0, -1),
  },
  {
    says: "a failed prebuild is deleted when it has been kept long enough",
    given: { desiredInstances: 0, failed: [failed("f", at(-60))] },
    state: {},
    actions: [remove("failed", "f")],
  },
  {
    says: "a failed prebuild takes nobody's place in its pool",
    given: { failed: [failed("f", T)] },
    state: { desired: 1 },
    actions: [create(1)],
  },
  {
    says: "failed prebuilds of a pool that is no longer kept are kept as long as all others",
    given: { active: false, failed: [failed("young", at(-59)), failed("old", at(-60))] },
    state: {},
    actions: [remove("failed", "old")],
  },
  {
    says: "a failed deletion is not repeated at once",
    given: { desiredInstances: 0, failed: [failed("f", at(-5), 1)] },
    state: {},
    actions: [],
    now: aMoment(0, -1),
  },
  {
    says: "a failed deletion is repeated after one interval",
    given: { desiredInstances: 0, failed: [failed("f", at(-5), 1)] },
    state: {},
    actions: [remove("delete_failed", "f")],
  },
  {
    says: "a deletion that has failed three times is repeated after three intervals and not before",
    given: { desiredInstances: 0, failed: [failed("f", at(-15), 3), failed("g", at(-14), 3)] },
    state: {},
    actions: [remove("delete_failed", "f")],
  },
  {
    says: "a deletion that keeps failing is repeated at least every hour",
    given: { desiredInstances: 0, failed: [failed("f", at(-3_600), 100_000), failed("g", at(-3_599), 100_000)] },
    state: {},
    actions: [remove("delete_failed", "f")],
  },
  {
    says: "a failed deletion in a pool that is no longer kept is repeated too",
    given: { active: false, failed: [failed("f", at(-5), 1)] },
    state: {},
    actions: [remove("delete_failed", "f")],
  },
  {
    says: "what makes room comes before what takes it, and each reason has an action of its own",
    given: {
      desiredInstances: 1,
      ttlSeconds: 3_600,
      running: [prebuild("x", at(-4_000))],
      failed: [failed("d", at(-5), 1), failed("f", at(-60)), failed("e", at(-60))],
    },
    state: { actual: 1, desired: 1, expired: 1 },
    actions: [remove("expired", "x"), remove("failed", "f", "e"), remove("delete_failed", "d"), create(1)],
  },
];

describe("the plan of a pool with failures", () => {
  testPlans(CASES);

  it("23 the failures of one pool do not hold back its sibling", () => {
    const full = preset({ id: "full", running: [prebuild("a")] });
    const plans = planPresets([preset({ backoff: failing }), full, preset({ id: "empty" })], SETTINGS, T);
    assert.deepEqual(
      plans.map(({ actions }) => actions),
      [[backoff(at(5))], [], [create(1)]],
    );
    assert.deepEqual(plans[1]?.state, state({ actual: 1, desired: 1, eligible: 1 }));
  });

  it("without a wait between attempts, a failed deletion is repeated by the next pass", () => {
    const settings = { ...SETTINGS, backoffIntervalMs: 0 };
    const plan = planPreset(preset({ desiredInstances: 0, failed: [failed("f", T, 7)] }), settings, T);
    assert.deepEqual(plan.actions, [remove("delete_failed", "f")]);
  });

  it("without a retention, a failed prebuild is deleted by the next pass", () => {
    const settings = { ...SETTINGS, failedRetentionMs: 0 };
    const plan = planPreset(preset({ desiredInstances: 0, failed: [failed("f", T)] }), settings, T);
    assert.deepEqual(plan.actions, [remove("failed", "f")]);
  });
});
