import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bumpedDeadline } from "./activity.ts";
import { at, HOUR, MINUTE, T, workspace } from "./workspace.fixture.ts";

type Given = NonNullable<Parameters<typeof workspace>[0]>;

describe("the deadline of a workspace in use", () => {
  const soon = at(10 * MINUTE);
  const CASES: [why: string, given: Given, expected: Date | null][] = [
    ["is the template's bump from now", { build: { deadline: soon } }, at(HOUR)],
    ["TV-7 172: is the bump from now when it has passed", { build: { deadline: at(-HOUR) } }, at(HOUR)],
    ["is never made earlier", { build: { deadline: at(2 * HOUR) } }, null],
    ["is not made where there is none", {}, null],
    ["stays after a stop", { build: { deadline: soon, transition: "stop" } }, null],
    ["stays while a build is under way", { build: { deadline: soon, jobStatus: "running" } }, null],
    ["stays after a failed start", { build: { deadline: soon, jobStatus: "failed" } }, null],
    ["stays after a canceled start", { build: { deadline: soon, jobStatus: "canceled" } }, null],
    ["stays when the workspace is dormant", { build: { deadline: soon }, dormantAt: T }, null],
    ["stays where use does not prolong it", { build: { deadline: soon }, template: { activityBumpMs: 0 } }, null],
    [
      "stays when it has passed, where use does not prolong it",
      { build: { deadline: at(-HOUR) }, template: { activityBumpMs: 0 } },
      null,
    ],
    ["stays when it would gain less than 5 %", { build: { deadline: at(57 * MINUTE + 1) } }, null],
    ["is moved when it gains exactly 5 %", { build: { deadline: at(57 * MINUTE) } }, at(HOUR)],
    ["ends at the maximum", { build: { deadline: soon, maxDeadline: at(30 * MINUTE) } }, at(30 * MINUTE)],
    ["stays at the maximum", { build: { deadline: soon, maxDeadline: soon } }, null],
    ["stays when the maximum leaves less than 5 %", { build: { deadline: soon, maxDeadline: at(12 * MINUTE) } }, null],
    [
      "lasts a whole ttl from a start that comes within the bump",
      { ttlMs: 8 * HOUR, autostartSchedule: "30 8 * * *", build: { deadline: soon } },
      at(8.5 * HOUR),
    ],
    [
      "lasts at most until the maximum from a start",
      { ttlMs: 8 * HOUR, autostartSchedule: "30 8 * * *", build: { deadline: soon, maxDeadline: at(2 * HOUR) } },
      at(2 * HOUR),
    ],
    [
      "is not moved by a start after the bump",
      { ttlMs: 8 * HOUR, autostartSchedule: "1 9 * * *", build: { deadline: soon } },
      at(HOUR),
    ],
    [
      "is the bump from now when a start comes but there is no ttl",
      { autostartSchedule: "30 8 * * *", build: { deadline: soon } },
      at(HOUR),
    ],
    [
      "is the bump from now when a start with a short ttl would end before",
      { ttlMs: 10 * MINUTE, autostartSchedule: "30 8 * * *", build: { deadline: soon } },
      at(HOUR),
    ],
  ];
  for (const [why, given, expected] of CASES) {
    it(why, () => assert.deepEqual(bumpedDeadline(workspace(given), T), expected));
  }
});
