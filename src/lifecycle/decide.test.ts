import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bitsOf } from "./days.ts";
import { decide, type LifecycleAction } from "./decide.ts";
import { at, DAY, HOUR, MINUTE, T, workspace } from "./workspace.fixture.ts";

type Given = NonNullable<Parameters<typeof workspace>[0]>;

const STOP: LifecycleAction = { kind: "stop", reason: "autostop" };
const START: LifecycleAction = { kind: "start", reason: "autostart" };
const DELETE: LifecycleAction = { kind: "delete", reason: "autodelete" };
const ASLEEP: LifecycleAction = { kind: "dormancy", stops: false };
const STOPS_ASLEEP: LifecycleAction = { kind: "dormancy", stops: true };

/** What is decided when clocks have run steadily, or so far behind the tick. */
const decided = (given: Given, tick = T, behind = 0): LifecycleAction | null =>
  decide(workspace(given), { tick, steadyTick: new Date(tick.getTime() - behind) });

/** Given facts, with changes to the parts of which not all are replaced. */
const and = (given: Given, more: Given): Given => ({
  ...given,
  ...more,
  template: { ...given.template, ...more.template },
  build: { ...given.build, ...more.build },
});

const runsOut: Given = { build: { createdAt: at(-HOUR), deadline: T } };
/** Stopped yesterday, and to start now. */
const starts: Given = {
  autostartSchedule: "0 8 * * *",
  nextStartAt: T,
  build: { transition: "stop", createdAt: at(-14 * HOUR) },
};
const failedLongAgo: Given = {
  template: { failureTtlMs: HOUR },
  build: { jobStatus: "failed", completedAt: at(-HOUR - 1) },
};
const forgotten: Given = { template: { timeTilDormantMs: DAY }, lastUsedAt: at(-DAY - 1) };
const goes: Given = {
  template: { timeTilDormantAutodeleteMs: DAY },
  dormantAt: at(-DAY - 1),
  deletingAt: at(-1),
  build: { transition: "stop" },
};
const failedDelete = (ago: number): Given =>
  and(goes, { deletingAt: at(-3 * DAY), build: { transition: "delete", jobStatus: "failed", completedAt: at(-ago) } });

type Case = [why: string, given: Given, expected: LifecycleAction | null];

function check(name: string, cases: Case[]): void {
  describe(name, () => {
    for (const [why, given, expected] of cases) it(why, () => assert.deepEqual(decided(given), expected));
  });
}

check("autostop", [
  ["LIF-16: stops a workspace whose deadline is exactly now", runsOut, STOP],
  ["leaves a workspace whose deadline is to come", and(runsOut, { build: { deadline: at(1) } }), null],
  ["leaves a workspace without a deadline", {}, null],
  [
    "stops a workspace whose stop was canceled",
    and(runsOut, { build: { transition: "stop", jobStatus: "canceled" } }),
    STOP,
  ],
  ["leaves a workspace that has been stopped", and(runsOut, { build: { transition: "stop" } }), null],
  ["stops what a canceled start has left", and(runsOut, { build: { jobStatus: "canceled" } }), STOP],
  ["leaves what a failed start has left", and(runsOut, { build: { jobStatus: "failed" } }), null],
  ["leaves a dormant workspace", and(runsOut, { dormantAt: at(-HOUR) }), null],
  ["leaves a stopped workspace", and(runsOut, { build: { transition: "stop" } }), null],
  ["stops a suspended owner's workspace without a deadline", { ownerStatus: "suspended" }, STOP],
  [
    "stops a suspended owner's workspace before its deadline",
    { ownerStatus: "suspended", build: { deadline: at(DAY) } },
    STOP,
  ],
  ["leaves the workspace of an owner who is only dormant", { ownerStatus: "dormant" }, null],
]);

check("autostart", [
  ["starts a stopped workspace whose start is exactly now", starts, START],
  ["starts what a canceled stop has left", and(starts, { build: { jobStatus: "canceled" } }), START],
  ["leaves a workspace whose stored start is to come", and(starts, { nextStartAt: at(MINUTE) }), null],
  ["leaves a workspace whose start has not been computed", and(starts, { nextStartAt: null }), null],
  ["leaves what a failed stop has left", and(starts, { build: { jobStatus: "failed" } }), null],
  ["leaves a running workspace", and(starts, { build: { transition: "start" } }), null],
  [
    "leaves what a canceled deletion has left",
    and(starts, { build: { transition: "delete", jobStatus: "canceled" } }),
    null,
  ],
  ["leaves a dormant workspace", and(starts, { dormantAt: at(-HOUR) }), null],
  ["leaves a suspended owner's workspace", and(starts, { ownerStatus: "suspended" }), null],
  ["leaves a dormant owner's workspace", and(starts, { ownerStatus: "dormant" }), null],
  ["leaves a workspace without a schedule", and(starts, { autostartSchedule: null }), null],
  ["leaves a workspace whose schedule cannot be read", and(starts, { autostartSchedule: "tomorrow" }), null],
  [
    "leaves a workspace whose template permits no autostart",
    and(starts, { template: { allowUserAutostart: false } }),
    null,
  ],
  [
    "leaves a workspace on a day that has been forbidden since",
    and(starts, { template: { autostartDays: bitsOf(["sunday"]) } }),
    null,
  ],
  [
    "makes up for a start that was missed on the day before",
    and(starts, { nextStartAt: at(-DAY), build: { createdAt: at(-2 * DAY) } }),
    START,
  ],
  [
    "does not go by a stored start from before the latest stop",
    and(starts, {
      nextStartAt: at(-DAY),
      build: { createdAt: at(-MINUTE), completedAt: at(-MINUTE) },
      autostartSchedule: "0 9 * * *",
    }),
    null,
  ],
  ["does not start again what was stopped at the time of its start", and(starts, { build: { createdAt: T } }), null],
]);

check("a stop after a failure", [
  ["stops what a failed start has left", failedLongAgo, STOP],
  ["stops again after a failed stop", and(failedLongAgo, { build: { transition: "stop" } }), STOP],
  ["does not stop after a failed deletion", and(failedLongAgo, { build: { transition: "delete" } }), null],
  ["waits until more than the time has passed", and(failedLongAgo, { build: { completedAt: at(-HOUR) } }), null],
  ["does not happen where the template says never", and(failedLongAgo, { template: { failureTtlMs: 0 } }), null],
  ["does not happen after a success", and(failedLongAgo, { build: { jobStatus: "succeeded" } }), null],
  ["does not happen after a cancellation", and(failedLongAgo, { build: { jobStatus: "canceled" } }), null],
  ["does not happen when nothing says when it failed", and(failedLongAgo, { build: { completedAt: null } }), null],
]);

check("dormancy", [
  ["makes a running workspace dormant and stops it", forgotten, STOPS_ASLEEP],
  ["makes a stopped workspace dormant", and(forgotten, { build: { transition: "stop" } }), ASLEEP],
  ["stops what a failed start has left", and(forgotten, { build: { jobStatus: "failed" } }), STOPS_ASLEEP],
  ["waits until more than the time has passed", and(forgotten, { lastUsedAt: at(-DAY) }), null],
  ["does not happen where the template says never", and(forgotten, { template: { timeTilDormantMs: 0 } }), null],
  ["does not happen twice", and(forgotten, { dormantAt: at(-1) }), null],
]);

check("deletion", [
  ["deletes a dormant workspace after its time", goes, DELETE],
  ["waits until after its time", and(goes, { deletingAt: T }), null],
  ["leaves a workspace that is no longer dormant", and(goes, { dormantAt: null }), null],
  ["leaves a workspace without a time", and(goes, { deletingAt: null }), null],
  [
    "leaves a workspace whose template no longer deletes any",
    and(goes, { template: { timeTilDormantAutodeleteMs: 0 } }),
    null,
  ],
  ["deletes a workspace that still runs", and(goes, { build: { transition: "start" } }), DELETE],
  ["deletes after a failed stop", and(goes, { build: { jobStatus: "failed" } }), DELETE],
  ["LIF-13: leaves a workspace whose deletion failed an hour ago", failedDelete(HOUR), null],
  ["LIF-14: deletes a workspace whose deletion failed 25 hours ago", failedDelete(25 * HOUR), DELETE],
  ["tries again exactly a day after a failed deletion", failedDelete(DAY), DELETE],
  ["does not try again a moment before", failedDelete(DAY - 1), null],
]);

describe("a stopped workspace whose last build is from the future", () => {
  const ahead = and(starts, { build: { createdAt: at(5 * HOUR) } });

  it("is not started without a schedule, nor where the template permits no autostart", () => {
    assert.deepEqual(decided(ahead), START);
    assert.equal(decided(and(ahead, { autostartSchedule: null })), null);
    assert.equal(decided(and(ahead, { template: { allowUserAutostart: false } })), null);
  });

  it("is not started before its stored start", () => {
    assert.equal(decided(and(ahead, { nextStartAt: at(MINUTE) })), null);
  });

  it("is not taken for one because the build is of the minute that is decided for", () => {
    assert.equal(decided(and(starts, { build: { createdAt: at(MINUTE - 1) } })), null);
    assert.deepEqual(decided(and(starts, { build: { createdAt: at(MINUTE) } })), START);
  });
});

describe("decisions", () => {
  const all: [name: string, given: Given][] = [
    ["autostop", runsOut],
    ["autostart", starts],
    ["a stop after a failure", failedLongAgo],
    ["dormancy", forgotten],
    ["deletion", goes],
  ];
  for (const [name, given] of all) {
    it(`do nothing while a build is under way or when all is deleted, though ${name} would be due`, () => {
      assert.notEqual(decided(given), null);
      for (const jobStatus of ["pending", "running", "canceling"] as const) {
        assert.equal(decided(and(given, { build: { jobStatus } })), null, jobStatus);
      }
      assert.equal(decided(and(given, { build: { transition: "delete", jobStatus: "succeeded" } })), null);
    });
  }

  it("come in order: autostop, autostart, stop after a failure, dormancy", () => {
    assert.deepEqual(decided(and(forgotten, runsOut)), STOP);
    assert.deepEqual(decided(and(forgotten, starts)), START);
    assert.deepEqual(decided(and(forgotten, failedLongAgo)), STOP);
  });

  it("put a stop after a failure before deletion", () => {
    assert.deepEqual(decided(and(goes, and(failedLongAgo, { build: { transition: "stop" } }))), STOP);
  });

  it("that take something away go by the steady time, and a start by the tick", () => {
    for (const [name, given] of all.filter(([one]) => one !== "autostart")) {
      assert.equal(decided(given, T, DAY), null, name);
      assert.notEqual(decided(given, at(DAY), DAY), null, `${name}, a day later by the tick`);
    }
    assert.deepEqual(decided(starts, T, DAY), START);
  });

  it("TV-7 166: stop a claimed workspace when its two hours have passed", () => {
    const claimed: Given = { build: { createdAt: at(3 * HOUR), deadline: at(5 * HOUR + MINUTE) } };
    assert.equal(decided(claimed, at(5 * HOUR)), null);
    assert.deepEqual(decided(claimed, at(5 * HOUR + 2 * MINUTE)), STOP);
  });

  it("TV-7 169: make a claimed workspace dormant two hours after the claim", () => {
    const claimed: Given = { template: { timeTilDormantMs: 2 * HOUR }, lastUsedAt: at(3 * HOUR + MINUTE) };
    assert.equal(decided(claimed, at(5 * HOUR + MINUTE)), null);
    assert.deepEqual(decided(claimed, at(5 * HOUR + 2 * MINUTE)), STOPS_ASLEEP);
  });
});
