import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { executable, planPreset, planPresets } from "./plan.ts";
import {
  at,
  backoff,
  cancel,
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
import type { PresetSnapshot } from "./snapshot.ts";

const failing = { numFailed: 1, lastBuildAt: T };

/** Table TV-1 of the specification; numbers with a letter are cases of our own. */
const SKIPS: readonly [says: string, given: Partial<PresetSnapshot>, skip: boolean, idle: boolean][] = [
  ["37 inactive and empty", { active: false, desiredInstances: 5 }, true, true],
  ["37b inactive and empty with an open window", { active: false, scheduling: always(5) }, true, true],
  [
    "37c inactive with nothing but builds under way",
    { active: false, inProgress: inProgress({ start: 1 }) },
    true,
    true,
  ],
  ["38 inactive with a running prebuild", { active: false, running: [prebuild("a")] }, false, false],
  ["38b inactive with a first build that waits", { active: false, pending: 1 }, false, false],
  ["38c inactive with a failed prebuild to keep", { active: false, failed: [failed("f", T)] }, false, true],
  ["38d inactive with a failed prebuild to delete", { active: false, failed: [failed("f", at(-99))] }, false, false],
  ["40 of a deleted template, and empty", { templateDeleted: true }, true, true],
  ["41 of a deprecated template, and empty", { deprecated: true }, true, true],
  ["41b inactive with recent failures", { active: false, backoff: failing }, false, true],
  ["43 active and full", { desiredInstances: 2, running: [prebuild("a"), prebuild("b")] }, false, true],
  ["44 active and empty", { desiredInstances: 5 }, false, false],
  ["44b inactive and empty at the failure limit", { active: false, hardLimited: true }, true, true],
  ["46 active and empty at the failure limit", { desiredInstances: 5, hardLimited: true }, false, false],
  [
    "47 (ours) inactive with an expired prebuild",
    { active: false, ttlSeconds: 5, running: [prebuild("a", at(-10))] },
    false,
    false,
  ],
];

function always(instances: number) {
  return { timezone: "UTC", schedule: [{ cron: "* * * * *", instances }] };
}

describe("a pass", () => {
  for (const [says, given, skip, idle] of SKIPS) {
    const [number, ...words] = says.split(" ");
    const what = `${skip ? "skips" : "does not skip"} a pool that is ${words.join(" ")}`;
    it(`${number} ${what}, and has ${idle ? "nothing" : "something"} to do there`, () => {
      const plan = planPreset(preset(given), SETTINGS, T);
      assert.equal(plan.skip, skip);
      assert.equal(plan.actions.length === 0, idle);
      if (skip) assert.deepEqual(plan.actions, []);
    });
  }
});

const BUSY: readonly Partial<PresetSnapshot>[] = [
  { desiredInstances: 3 },
  { running: [prebuild("a"), prebuild("b")] },
  { active: false, running: [prebuild("a")], pending: 1 },
  { ttlSeconds: 5, running: [prebuild("a", at(-10))] },
  { desiredInstances: 0, failed: [failed("f", at(-99)), failed("g", at(-99), 1)] },
  { backoff: failing },
];

describe("a paused pool", () => {
  it("is left as it is, whatever is wrong with it, and its numbers are still counted", () => {
    for (const given of BUSY) {
      const running = planPreset(preset(given), SETTINGS, T);
      const paused = planPreset(preset({ ...given, paused: true }), SETTINGS, T);
      assert.ok(running.actions.length > 0);
      assert.deepEqual(paused, { ...running, actions: [] });
    }
  });

  it("does not stop its siblings", () => {
    const plans = planPresets([preset({ paused: true }), preset({ id: "p2" })], SETTINGS, T);
    assert.deepEqual(
      plans.map(({ actions }) => actions),
      [[], [create(1)]],
    );
  });
});

describe("what is executed of a plan", () => {
  const given: Partial<PresetSnapshot> = {
    desiredInstances: 5,
    ttlSeconds: 5,
    running: [prebuild("a", at(-10))],
    failed: [failed("f", at(-99)), failed("g", at(-99), 1)],
  };
  const removals = [remove("expired", "a"), remove("failed", "f"), remove("delete_failed", "g")];

  it("is all of it while the pool is healthy", () => {
    const plan = planPreset(preset(given), SETTINGS, T);
    assert.deepEqual(executable(preset(given), plan), plan);
    assert.deepEqual(plan.actions, [...removals, create(5)]);
  });

  for (const held of [{ hardLimited: true }, { status: "validation_failed" }] as const) {
    it(`46b is everything but the creations with ${JSON.stringify(held)}`, () => {
      const limited = preset({ ...given, ...held });
      const plan = planPreset(limited, SETTINGS, T);
      assert.deepEqual(plan.actions, [...removals, create(5)], "the plan says what the pool would need");
      assert.deepEqual(executable(limited, plan), { ...plan, actions: removals });
      assert.deepEqual(plan.state, state({ desired: 5, actual: 1, expired: 1 }));
    });
  }

  it("46d (ours) is no wait either in a limited pool: it has nothing to wait for", () => {
    const limited = preset({ ...given, hardLimited: true, backoff: failing });
    const plan = planPreset(limited, SETTINGS, T);
    assert.deepEqual(plan.actions, [...removals, backoff(at(5))]);
    assert.deepEqual(executable(limited, plan).actions, removals);
  });

  it("46c is everything in a limited pool that is no longer kept", () => {
    const limited = preset({ active: false, hardLimited: true, running: [prebuild("a")], pending: 1 });
    const plan = planPreset(limited, SETTINGS, T);
    assert.deepEqual(executable(limited, plan).actions, [cancel, remove("inactive", "a")]);
  });
});
