import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PlanCase, testPlans } from "../../test/support/plan-cases.ts";
import { planPreset } from "./plan.ts";
import { at, create, prebuild, preset, remove, SETTINGS, T, unready } from "./snapshot.fixture.ts";

const OLD = at(-10);

/** Table TV-1 of the specification; numbers with a letter are cases of our own. */
const CASES: readonly PlanCase[] = [
  {
    says: "29 nothing that is fresh expires",
    given: { desiredInstances: 2, ttlSeconds: 5, running: [unready("a"), unready("b")] },
    state: { actual: 2, desired: 2 },
    actions: [],
  },
  {
    says: "29b one of two expires and is replaced in the same pass",
    given: { desiredInstances: 2, ttlSeconds: 5, running: [prebuild("a", OLD), unready("b")] },
    state: { actual: 2, desired: 2, expired: 1 },
    actions: [remove("expired", "a"), create(1)],
  },
  {
    says: "31 expired ones are deleted and replaced in the same pass",
    given: { desiredInstances: 2, ttlSeconds: 5, running: [prebuild("a", OLD), prebuild("b", OLD)] },
    state: { actual: 2, desired: 2, expired: 2 },
    actions: [remove("expired", "a", "b"), create(2)],
  },
  {
    says: "31b a start under way replaces one of the expired ones",
    given: {
      desiredInstances: 2,
      ttlSeconds: 5,
      running: [prebuild("a", OLD), prebuild("b", OLD)],
      inProgress: { start: 1, stop: 0, delete: 0 },
    },
    state: { actual: 2, desired: 2, expired: 2, starting: 1 },
    actions: [remove("expired", "a", "b"), create(1)],
  },
  {
    says: "32 expired ones are not replaced while enough fresh ones are there",
    given: {
      desiredInstances: 2,
      ttlSeconds: 5,
      running: [prebuild("a", OLD), prebuild("b", OLD), unready("c"), unready("d")],
    },
    state: { actual: 4, desired: 2, expired: 2 },
    actions: [remove("expired", "a", "b")],
  },
  {
    says: "32b expired and extraneous ones both go",
    given: { ttlSeconds: 5, running: [prebuild("a", OLD), prebuild("c"), prebuild("b", at(-2))] },
    state: { actual: 3, desired: 1, expired: 1, eligible: 2, extraneous: 1 },
    actions: [remove("expired", "a"), remove("extraneous", "b")],
  },
  {
    says: "32c a pool that wants nothing loses its expired ones as such",
    given: { desiredInstances: 0, ttlSeconds: 5, running: [prebuild("a", OLD)] },
    state: { actual: 1, expired: 1 },
    actions: [remove("expired", "a")],
  },
  {
    says: "34 what was made before the invalidation is replaced",
    given: { desiredInstances: 2, lastInvalidatedAt: at(60), running: [unready("a"), unready("b")] },
    state: { actual: 2, desired: 2, expired: 2 },
    actions: [remove("expired", "a", "b"), create(2)],
  },
  {
    says: "35 what was made after the invalidation stays",
    given: { desiredInstances: 2, lastInvalidatedAt: at(60), running: [unready("a"), unready("b", at(120))] },
    state: { actual: 2, desired: 2, expired: 1 },
    actions: [remove("expired", "a"), create(1)],
  },
  {
    says: "35b what was made at the instant of the invalidation stays",
    given: { lastInvalidatedAt: at(-5), running: [prebuild("a", at(-5))] },
    state: { actual: 1, desired: 1, eligible: 1 },
    actions: [],
  },
  {
    says: "35c a prebuild expires strictly after its ttl",
    given: { desiredInstances: 2, ttlSeconds: 10, running: [unready("a"), unready("b", OLD)] },
    state: { actual: 2, desired: 2 },
    actions: [],
  },
  {
    says: "35d a millisecond after its ttl a prebuild has expired",
    given: { ttlSeconds: 10, running: [prebuild("a", new Date(OLD.getTime() - 1))] },
    state: { actual: 1, desired: 1, expired: 1 },
    actions: [remove("expired", "a"), create(1)],
  },
  {
    says: "35e an invalidation counts for prebuilds that their ttl would let live",
    given: { ttlSeconds: 3_600, lastInvalidatedAt: at(-5), running: [prebuild("a", OLD)] },
    state: { actual: 1, desired: 1, expired: 1 },
    actions: [remove("expired", "a"), create(1)],
  },
  ...[0, -1, null].map((ttlSeconds) => ({
    says: `35f with a ttl of ${ttlSeconds} a prebuild lives for ever`,
    given: { ttlSeconds, running: [prebuild("a", new Date(0))] },
    state: { actual: 1, desired: 1, eligible: 1 },
    actions: [],
  })),
  {
    says: "47 (ours) expired ones of an inactive pool are deleted like all others",
    given: { active: false, ttlSeconds: 5, running: [prebuild("b"), prebuild("a", OLD)] },
    state: { actual: 2, expired: 1 },
    actions: [remove("inactive", "a", "b")],
  },
];

describe("the plan of a pool whose prebuilds expire", () => {
  testPlans(CASES);

  it("131 a pool of any shape loses its expired ones and the oldest above the target, and gets what is missing", () => {
    const rows: readonly [running: number, desired: number, expired: number, extraneous: number, created: number][] = [
      [2, 2, 0, 0, 0],
      [2, 2, 1, 0, 1],
      [2, 2, 2, 0, 2],
      [4, 2, 2, 0, 0],
      [4, 2, 1, 1, 0],
    ];
    for (const [running, desired, expired, extraneous, created] of rows) {
      // The expired ones are the oldest, and of the others each is younger than the one before.
      const members = Array.from({ length: running }, (_, index) =>
        prebuild(String(index), at(index < expired ? -100 + index : -4 + index)),
      );
      const ids = members.map(({ id }) => id);
      const { actions } = planPreset(
        preset({ desiredInstances: desired, ttlSeconds: 5, running: members }),
        SETTINGS,
        T,
      );
      assert.deepEqual(actions, [
        ...(expired > 0 ? [remove("expired", ...ids.slice(0, expired))] : []),
        ...(extraneous > 0 ? [remove("extraneous", ...ids.slice(expired, expired + extraneous))] : []),
        ...(created > 0 ? [create(created)] : []),
      ]);
    }
  });
});
