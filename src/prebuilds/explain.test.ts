import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explainShortfall, type Shortfall } from "./explain.ts";
import { executable, planPresets } from "./plan.ts";
import { at, inProgress, prebuild, preset, SETTINGS, T, unready } from "./snapshot.fixture.ts";
import type { PresetSnapshot } from "./snapshot.ts";

const failing = { numFailed: 1, lastBuildAt: T };
const reason = (name: Shortfall["reason"], count: number): Shortfall => ({ reason: name, count });

type Case = {
  readonly says: string;
  readonly given: Partial<PresetSnapshot>;
  readonly reasons: readonly Shortfall[];
  readonly maxInFlight?: number;
};

const CASES: readonly Case[] = [
  { says: "a full pool needs no explanation", given: { running: [prebuild("a")] }, reasons: [] },
  {
    says: "a pool with more than it wants needs none",
    given: { running: [prebuild("a"), prebuild("b")] },
    reasons: [],
  },
  {
    says: "a pool that is no longer kept wants nothing",
    given: { active: false, desiredInstances: 9, running: [prebuild("a")] },
    reasons: [],
  },
  {
    says: "a pool that nobody has filled yet is below its target",
    given: { desiredInstances: 3 },
    reasons: [reason("below_target", 3)],
  },
  {
    says: "what is being started is missing for being built",
    given: { desiredInstances: 3, inProgress: inProgress({ start: 3 }) },
    reasons: [reason("building", 3)],
  },
  {
    says: "what runs and is not ready is missing for that",
    given: { desiredInstances: 2, running: [prebuild("a"), unready("b")] },
    reasons: [reason("not_ready", 1)],
  },
  {
    says: "what is being stopped or deleted explains nothing: it is replaced",
    given: { desiredInstances: 2, inProgress: inProgress({ stop: 1, delete: 1 }) },
    reasons: [reason("below_target", 2)],
  },
  {
    says: "a paused pool lacks everything but what is on its way",
    given: { desiredInstances: 5, paused: true, running: [unready("a")], inProgress: inProgress({ start: 1 }) },
    reasons: [reason("not_ready", 1), reason("building", 1), reason("paused", 3)],
  },
  {
    says: "a pause is said rather than the failures that would hold the pool back without it",
    given: { desiredInstances: 2, paused: true, hardLimited: true, backoff: failing },
    reasons: [reason("paused", 2)],
  },
  {
    says: "at the failure limit the limit is the reason, whatever else there would be",
    given: { desiredInstances: 2, hardLimited: true, backoff: failing },
    reasons: [reason("hard_limited", 2)],
    maxInFlight: 1,
  },
  {
    says: "refused parameters are the reason, before the failure limit",
    given: { desiredInstances: 2, status: "validation_failed", hardLimited: true },
    reasons: [reason("validation_failed", 2)],
  },
  {
    says: "recent failures come with the time until which they count",
    given: { desiredInstances: 2, running: [prebuild("a")], backoff: failing },
    reasons: [{ reason: "recent_failures", count: 1, until: at(5) }],
  },
  {
    says: "failures that nothing is held back for explain nothing",
    given: { desiredInstances: 2, backoff: failing, inProgress: inProgress({ start: 2 }) },
    reasons: [reason("building", 2)],
  },
  {
    says: "what the cap leaves out is capped, and the rest is below the target",
    given: { desiredInstances: 5 },
    reasons: [reason("capped", 3), reason("below_target", 2)],
    maxInFlight: 2,
  },
  {
    says: "while others fill the cap all of it is capped",
    given: { desiredInstances: 5, inProgress: inProgress({ start: 2 }) },
    reasons: [reason("building", 2), reason("capped", 3)],
    maxInFlight: 2,
  },
  {
    says: "what has expired and is being replaced is missing for that",
    given: { desiredInstances: 3, ttlSeconds: 5, running: [prebuild("a", at(-9)), prebuild("b", at(-9))] },
    reasons: [reason("expired", 2), reason("below_target", 1)],
  },
  {
    says: "expired prebuilds above the target explain no more than is missing",
    given: { desiredInstances: 1, ttlSeconds: 5, running: [prebuild("a", at(-9)), prebuild("b", at(-9))] },
    reasons: [reason("expired", 1)],
  },
  {
    says: "expired prebuilds whose replacement is being built are explained by that",
    given: { ttlSeconds: 5, running: [prebuild("a", at(-9))], inProgress: inProgress({ start: 1 }) },
    reasons: [reason("building", 1)],
  },
  {
    says: "starts too many explain no more than is missing",
    given: { running: [unready("a")], inProgress: inProgress({ start: 4 }) },
    reasons: [reason("not_ready", 1)],
  },
  {
    says: "several reasons stand in one order: on its way, then held back, then to be created",
    given: {
      desiredInstances: 10,
      ttlSeconds: 5,
      running: [prebuild("a"), unready("b"), prebuild("x", at(-9))],
      inProgress: inProgress({ start: 2 }),
    },
    reasons: [
      reason("not_ready", 1),
      reason("building", 2),
      reason("capped", 3),
      reason("expired", 1),
      reason("below_target", 2),
    ],
    maxInFlight: 5,
  },
];

describe("why a pool is not full", () => {
  for (const { says, given, reasons, maxInFlight = 0 } of CASES) {
    it(says, () => {
      const pool = preset(given);
      const plan = planPresets([pool], { ...SETTINGS, maxInFlight }, T)[0];
      assert.ok(plan);
      const explained = explainShortfall(pool, executable(pool, plan));
      assert.deepEqual(explained, reasons);
      const missing = Math.max(plan.state.desired - plan.state.eligible, 0);
      assert.equal(
        explained.reduce((sum, { count }) => sum + count, 0),
        missing,
        "every missing prebuild is explained once",
      );
    });
  }
});
