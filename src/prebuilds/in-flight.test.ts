import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCount } from "./in-flight.ts";
import { type PresetPlan, planPresets } from "./plan.ts";
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

function planWith(maxInFlight: number, ...pools: readonly Partial<PresetSnapshot>[]): readonly PresetPlan[] {
  const presets = pools.map((given, index) => preset({ id: `p${index}`, ...given }));
  return planPresets(presets, { ...SETTINGS, maxInFlight }, T);
}

/** How many prebuilds each pool may create under the cap. */
const sharesOf = (maxInFlight: number, ...pools: readonly Partial<PresetSnapshot>[]) =>
  planWith(maxInFlight, ...pools).map(createCount);

const running = (count: number) => Array.from({ length: count }, (_, index) => prebuild(`r${index}`));
const starting = (start: number) => inProgress({ start });

/** Each case: what it says, the cap, the pools, and what each of them may create. */
const CASES: readonly [string, number, readonly Partial<PresetSnapshot>[], readonly number[]][] = [
  ["0 means any number", 0, [{ desiredInstances: 500 }, { desiredInstances: 700 }], [500, 700]],
  ["a cap that is not reached changes nothing", 10, [{ desiredInstances: 4 }, { desiredInstances: 6 }], [4, 6]],
  ["pools that are equally empty get equally much", 4, [{ desiredInstances: 9 }, { desiredInstances: 9 }], [2, 2]],
  ["what cannot be shared equally goes to the first", 5, [{ desiredInstances: 9 }, { desiredInstances: 9 }], [3, 2]],
  ["one place goes to one pool", 1, [{ desiredInstances: 9 }, { desiredInstances: 9 }], [1, 0]],
  [
    "the emptiest pool comes first, though the other one lacks more",
    2,
    [
      { desiredInstances: 100, running: running(60) },
      { desiredInstances: 4, running: running(1) },
    ],
    [0, 2],
  ],
  [
    "a pool that has caught up shares with the others from then on",
    4,
    [
      { desiredInstances: 4, running: running(2) },
      { desiredInstances: 4, running: [] },
    ],
    [1, 3],
  ],
  [
    "how full a pool is, is a matter of its size: the large one gets more",
    6,
    [{ desiredInstances: 20 }, { desiredInstances: 10 }],
    [4, 2],
  ],
  [
    "what a pool starts already fills it as what runs does",
    2,
    [{ desiredInstances: 4, inProgress: starting(2) }, { desiredInstances: 4 }],
    [0, 0],
  ],
  [
    "starts under way leave the rest of the cap",
    5,
    [{ desiredInstances: 4, inProgress: starting(2) }, { desiredInstances: 4 }],
    [1, 2],
  ],
  [
    "starts under way in pools that are no longer kept count",
    3,
    [{ active: false, inProgress: starting(2) }, { desiredInstances: 4 }],
    [0, 1],
  ],
  [
    "starts under way in paused pools count",
    3,
    [{ paused: true, desiredInstances: 9, inProgress: starting(2) }, { desiredInstances: 4 }],
    [0, 1],
  ],
  [
    "a cap below what is under way creates nothing",
    2,
    [{ desiredInstances: 9, inProgress: starting(5) }, { desiredInstances: 1 }],
    [0, 0],
  ],
  [
    "expired prebuilds do not make a pool look full",
    1,
    [
      { desiredInstances: 2, running: running(1) },
      { desiredInstances: 2, ttlSeconds: 5, running: [prebuild("x", at(-9)), prebuild("y", at(-9))] },
    ],
    [0, 1],
  ],
  [
    "pools at the failure limit get only what nobody else needs",
    4,
    [{ desiredInstances: 9, hardLimited: true }, { desiredInstances: 3 }],
    [1, 3],
  ],
  [
    "pools whose parameters are refused get nothing while others can use it",
    3,
    [{ desiredInstances: 9, status: "validation_failed" }, { desiredInstances: 3 }],
    [0, 3],
  ],
  [
    "a pool that waits after a failure takes no place",
    3,
    [{ desiredInstances: 9, backoff: { numFailed: 1, lastBuildAt: T } }, { desiredInstances: 3 }],
    [0, 3],
  ],
];

describe("the cap on prebuilds that are being started at once", () => {
  for (const [says, max, pools, shares] of CASES) {
    it(says, () => assert.deepEqual(sharesOf(max, ...pools), shares));
  }

  it("holds back creations only: deletions, cancellations and waits stay as they are, in their order", () => {
    const plans = planWith(
      1,
      { active: false, running: [prebuild("a")], pending: 1 },
      { ttlSeconds: 5, running: [prebuild("x", at(-9))], failed: [failed("f", at(-99)), failed("g", at(-99), 1)] },
      { running: [prebuild("old", at(-1)), prebuild("new")] },
      { backoff: { numFailed: 1, lastBuildAt: T } },
      { desiredInstances: 4, inProgress: starting(1) },
    );
    assert.deepEqual(
      plans.map(({ actions }) => actions),
      [
        [cancel, remove("inactive", "a")],
        [remove("expired", "x"), remove("failed", "f"), remove("delete_failed", "g")],
        [remove("extraneous", "old")],
        [backoff(at(5))],
        [],
      ],
    );
  });

  it("leaves the numbers of the pools alone", () => {
    const [plan] = planWith(2, { desiredInstances: 5, running: running(1) });
    assert.deepEqual(plan?.state, state({ desired: 5, actual: 1, eligible: 1 }));
    assert.deepEqual(plan?.actions, [create(2)]);
  });

  it("of any size is used up as long as pools need it, and never exceeded", () => {
    const pools = [{ desiredInstances: 7 }, { desiredInstances: 3, inProgress: starting(1) }, { desiredInstances: 40 }];
    for (let max = 1; max <= 60; max += 1) {
      const created = sharesOf(max, ...pools).reduce((sum, share) => sum + share, 0);
      assert.equal(created, Math.min(max - 1, 49), `with a cap of ${max}`);
    }
  });
});
