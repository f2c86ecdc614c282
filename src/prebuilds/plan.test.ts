import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Action, planPreset } from "./plan.ts";
import type { PresetSnapshot, RunningPrebuild } from "./snapshot.ts";
import type { PoolState } from "./state.ts";

const T = new Date("2025-06-02T12:00:00Z");
const at = (seconds: number): Date => new Date(T.getTime() + seconds * 1_000);
const prebuild = (id: string, createdAt = T, ready = true): RunningPrebuild => ({ id, createdAt, ready });
const unready = (id: string): RunningPrebuild => prebuild(id, T, false);

const preset = (given: Partial<PresetSnapshot>): PresetSnapshot => ({
  id: "p1",
  active: true,
  templateDeleted: false,
  deprecated: false,
  desiredInstances: 1,
  ttlSeconds: null,
  lastInvalidatedAt: null,
  status: "healthy",
  hardLimited: false,
  paused: false,
  scheduling: null,
  running: [],
  inProgress: { start: 0, stop: 0, delete: 0 },
  pending: 0,
  backoff: null,
  ...given,
});

const inProgress = (given: Partial<PresetSnapshot["inProgress"]>) => ({ start: 0, stop: 0, delete: 0, ...given });
const create = (count: number): Action => ({ kind: "create", count, reason: "below_target" });
const remove = (reason: "expired" | "extraneous" | "inactive", ...ids: string[]): Action => ({
  kind: "delete",
  ids,
  reason,
});
const cancel: Action = { kind: "cancel_pending", reason: "inactive" };
const backoff = (until: Date): Action => ({ kind: "backoff", until, reason: "recent_failures" });

type Case = {
  readonly says: string;
  readonly given: Partial<PresetSnapshot>;
  readonly state: Partial<PoolState>;
  readonly actions: readonly Action[];
  readonly now?: Date;
};

const OLD = at(-10);
const failing = { numFailed: 1, lastBuildAt: T };

const CASES: readonly Case[] = [
  {
    says: "1 a pool that wants nothing and has nothing is left alone",
    given: { desiredInstances: 0 },
    state: {},
    actions: [],
  },
  { says: "2 an empty pool is filled", given: {}, state: { desired: 1 }, actions: [create(1)] },
  {
    says: "5 an inactive pool is emptied although a deletion is under way",
    given: { active: false, running: [unready("a")], inProgress: inProgress({ delete: 1 }) },
    state: { actual: 1, deleting: 1 },
    actions: [remove("inactive", "a")],
  },
  {
    says: "6 an inactive pool cancels what has not begun before it deletes what runs",
    given: { active: false, running: [unready("a")], pending: 2 },
    state: { actual: 1 },
    actions: [cancel, remove("inactive", "a")],
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
    says: "13 what is being stopped does not count",
    given: { desiredInstances: 3, running: [unready("a"), unready("b")], inProgress: inProgress({ stop: 1 }) },
    state: { actual: 2, desired: 3, stopping: 1 },
    actions: [create(1)],
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
    says: "19 of too many the oldest goes, ready or not",
    given: { running: [prebuild("new"), prebuild("old", at(-3_600))] },
    state: { actual: 2, desired: 1, eligible: 2, extraneous: 1 },
    actions: [remove("extraneous", "old")],
  },
  {
    says: "20 a deprecated template's pool is emptied",
    given: { deprecated: true, running: [prebuild("a")] },
    state: { actual: 1 },
    actions: [remove("inactive", "a")],
  },
  {
    says: "21 a deleted template's pool is emptied, the oldest first",
    given: { templateDeleted: true, running: [prebuild("new"), prebuild("old", OLD)] },
    state: { actual: 2 },
    actions: [remove("inactive", "old", "new")],
  },
  {
    says: "22 a recent failure holds back creations",
    given: { backoff: failing },
    state: { desired: 1 },
    actions: [backoff(at(5))],
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
    now: new Date(at(5).getTime() + 1),
  },
  {
    says: "26 no failures, no backoff",
    given: { backoff: { numFailed: 0, lastBuildAt: T } },
    state: { desired: 1 },
    actions: [create(1)],
  },
  {
    says: "28 (ours) the backoff holds back the creation, and the expired one is deleted all the same",
    given: { ttlSeconds: 5, running: [prebuild("a", OLD)], backoff: failing },
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
    says: "29 nothing that is fresh expires",
    given: { desiredInstances: 2, ttlSeconds: 5, running: [unready("a"), unready("b")] },
    state: { actual: 2, desired: 2 },
    actions: [],
  },
  {
    says: "31 expired ones are deleted and replaced in the same pass",
    given: { desiredInstances: 2, ttlSeconds: 5, running: [prebuild("a", OLD), prebuild("b", OLD)] },
    state: { actual: 2, desired: 2, expired: 2 },
    actions: [remove("expired", "a", "b"), create(2)],
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
    says: "33 expired and extraneous ones both go",
    given: { ttlSeconds: 5, running: [prebuild("a", OLD), prebuild("c"), prebuild("b", at(-2))] },
    state: { actual: 3, desired: 1, expired: 1, eligible: 2, extraneous: 1 },
    actions: [remove("expired", "a"), remove("extraneous", "b")],
  },
  {
    says: "34 what was made before the invalidation is replaced",
    given: { desiredInstances: 2, lastInvalidatedAt: at(60), running: [unready("a"), unready("b")] },
    state: { actual: 2, desired: 2, expired: 2 },
    actions: [remove("expired", "a", "b"), create(2)],
  },
  {
    says: "35 what was made after the invalidation stays",
    given: {
      desiredInstances: 2,
      lastInvalidatedAt: at(60),
      running: [unready("a"), { ...unready("b"), createdAt: at(120) }],
    },
    state: { actual: 2, desired: 2, expired: 1 },
    actions: [remove("expired", "a"), create(1)],
  },
  {
    says: "36 a prebuild expires strictly after its ttl",
    given: { ttlSeconds: 10, running: [unready("a"), { ...unready("b"), createdAt: OLD }], desiredInstances: 2 },
    state: { actual: 2, desired: 2 },
    actions: [],
  },
  {
    says: "46 the failure limit does not change the plan; it stops the execution",
    given: { desiredInstances: 5, hardLimited: true },
    state: { desired: 5 },
    actions: [create(5)],
  },
  {
    says: "47 (ours) expired ones of an inactive pool are deleted too",
    given: { active: false, ttlSeconds: 5, running: [prebuild("b"), prebuild("a", OLD)] },
    state: { actual: 2, expired: 1 },
    actions: [remove("inactive", "a", "b")],
  },
  { says: "a paused pool is left as it is", given: { paused: true }, state: { desired: 1 }, actions: [] },
];

const ZERO: PoolState = {
  desired: 0,
  actual: 0,
  expired: 0,
  eligible: 0,
  extraneous: 0,
  starting: 0,
  stopping: 0,
  deleting: 0,
};

describe("the plan of one pool", () => {
  for (const { says, given, state, actions, now } of CASES) {
    it(says, () => {
      const plan = planPreset(preset(given), { backoffIntervalMs: 5_000 }, now ?? T);
      assert.deepEqual(plan.state, { ...ZERO, ...state });
      assert.deepEqual(plan.actions, actions);
    });
  }

  const SKIPS: readonly [string, Partial<PresetSnapshot>, boolean][] = [
    ["37 inactive and empty", { active: false, desiredInstances: 5 }, true],
    ["38 inactive with a running prebuild", { active: false, running: [prebuild("a")] }, false],
    ["39 inactive with a first build that waits", { active: false, pending: 1 }, false],
    ["40 deleted template, empty", { templateDeleted: true }, true],
    ["41 deprecated template, empty", { deprecated: true }, true],
    ["42 inactive with recent failures", { active: false, backoff: failing }, false],
    ["43 active and full", { desiredInstances: 2, running: [prebuild("a"), prebuild("b")] }, false],
    ["44 active and empty", { desiredInstances: 5 }, false],
    ["45 inactive and empty at the failure limit", { active: false, hardLimited: true }, true],
    ["47 inactive with an expired prebuild", { active: false, ttlSeconds: 5, running: [prebuild("a", OLD)] }, false],
  ];
  for (const [says, given, skip] of SKIPS) {
    it(`${skip ? "skips" : "does not skip"} a pool that is ${says}`, () => {
      const plan = planPreset(preset(given), { backoffIntervalMs: 5_000 }, T);
      assert.equal(plan.skip, skip);
      if (skip) assert.deepEqual(plan.actions, []);
    });
  }
});
