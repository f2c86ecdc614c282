import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bitsOf, type DayOfWeek } from "./days.ts";
import { deadlinesFrom, nextRequiredStop, ttlOf } from "./deadlines.ts";
import { quietHoursOf } from "./quiet-hours.ts";
import { at, DAY, HOUR, MINUTE, T, template, workspace } from "./workspace.fixture.ts";

const ALL = 127;

describe("the ttl", () => {
  const CASES: [
    why: string,
    ttlMs: number | null,
    template: Parameters<typeof template>[0],
    expected: number | null,
  ][] = [
    ["is the workspace's own where owners may choose", HOUR, { defaultTtlMs: 2 * HOUR }, HOUR],
    ["is none where an owner has chosen none", null, { defaultTtlMs: 2 * HOUR }, null],
    ["is none when it is stored as 0", 0, {}, null],
    ["is the template's where owners may not choose", HOUR, { allowUserAutostop: false, defaultTtlMs: DAY }, DAY],
    ["is none where the template has none and owners may not choose", HOUR, { allowUserAutostop: false }, null],
    ["is at most what the template permits", DAY, { maxTtlMs: 3 * HOUR }, 3 * HOUR],
    ["is its own when that is less than the template permits", HOUR, { maxTtlMs: 3 * HOUR }, HOUR],
    [
      "is at most what the template permits when it is the template's",
      null,
      { allowUserAutostop: false, defaultTtlMs: DAY, maxTtlMs: HOUR },
      HOUR,
    ],
    ["is none for a workspace without one even where there is a maximum", null, { maxTtlMs: HOUR }, null],
  ];
  for (const [why, ttlMs, given, expected] of CASES) {
    it(why, () => assert.equal(ttlOf({ ttlMs, template: template(given) }), expected));
  }
});

describe("the next required stop", () => {
  const MIDNIGHT = "";
  const BERLIN = "CRON_TZ=Europe/Berlin 30 2 * * *";
  const TOKYO = "CRON_TZ=Asia/Tokyo 30 2 * * *";
  const CASES: [why: string, days: DayOfWeek[] | number, weeks: number, hours: string, after: string, stop: string][] =
    [
      [
        "is in the next quiet hours when every day is required",
        ALL,
        1,
        MIDNIGHT,
        "2024-01-01T08:00Z",
        "2024-01-02T00:00",
      ],
      [
        "spares what started less than an hour before",
        ALL,
        1,
        MIDNIGHT,
        "2024-01-01T23:00:00.001Z",
        "2024-01-03T00:00",
      ],
      ["does not spare what started exactly an hour before", ALL, 1, MIDNIGHT, "2024-01-01T23:00Z", "2024-01-02T00:00"],
      ["waits for a required day", ["thursday"], 1, MIDNIGHT, "2024-01-01T08:00Z", "2024-01-04T00:00"],
      ["waits a week after this week's", ["monday"], 1, MIDNIGHT, "2024-01-01T08:00Z", "2024-01-08T00:00"],
      [
        "has the day of the quiet hours' zone, ahead of UTC",
        ["tuesday"],
        1,
        TOKYO,
        "2024-01-01T08:00Z",
        "2024-01-01T17:30",
      ],
      ["is at the end of a gap", ["sunday"], 1, BERLIN, "2024-03-30T12:00Z", "2024-03-31T01:00"],
      ["is the first of two times", ["sunday"], 1, BERLIN, "2024-10-26T12:00Z", "2024-10-27T00:30"],
      ["is in the second week after 2023-01-02", ["wednesday"], 2, MIDNIGHT, "2023-01-09T00:00Z", "2023-01-18T00:00"],
      ["is in the first week, which counts", ["wednesday"], 2, MIDNIGHT, "2023-01-02T00:00Z", "2023-01-04T00:00"],
      ["counts weeks before the first one too", ["wednesday"], 2, MIDNIGHT, "2022-12-26T00:00Z", "2023-01-04T00:00"],
      ["counts back by the same weeks", ["wednesday"], 2, MIDNIGHT, "2022-12-19T00:00Z", "2022-12-21T00:00"],
      ["is on the last day of an applicable week", ["sunday"], 4, MIDNIGHT, "2023-01-08T00:00Z", "2023-02-05T00:00"],
      ["may be sixteen weeks away", ["monday"], 16, MIDNIGHT, "2023-01-02T00:00Z", "2023-04-24T00:00"],
      [
        "has the week of the quiet hours' zone",
        ["monday"],
        2,
        "CRON_TZ=America/New_York 0 23 * * *",
        "2023-01-10T08:00Z",
        "2023-01-17T04:00",
      ],
    ];
  for (const [why, days, weeks, hours, after, stop] of CASES) {
    it(why, () => {
      const requirement = { days: typeof days === "number" ? days : bitsOf(days), weeks };
      const found = nextRequiredStop(requirement, quietHoursOf(hours), new Date(after));
      assert.equal(found?.toISOString(), new Date(`${stop}Z`).toISOString());
    });
  }

  it("does not exist when no day is required", () => {
    assert.equal(nextRequiredStop({ days: 0, weeks: 1 }, quietHoursOf(""), T), null);
  });
});

describe("the deadlines", () => {
  type Case = [why: string, given: Parameters<typeof workspace>[0], deadline: Date | null, maxDeadline: Date | null];
  const daily = { autostopRequirement: { days: ALL, weeks: 1 } };
  const nine = "0 9 * * *";
  const CASES: Case[] = [
    ["do not exist without a ttl and a requirement", {}, null, null],
    ["are the ttl alone", { ttlMs: 2 * HOUR }, at(2 * HOUR), null],
    ["end at the maximum, which a workspace without a ttl gets", { template: { maxTtlMs: DAY } }, at(DAY), at(DAY)],
    ["end at the maximum", { ttlMs: HOUR, template: { maxTtlMs: DAY } }, at(HOUR), at(DAY)],
    ["end at the required stop", { ttlMs: 20 * HOUR, template: daily }, at(16 * HOUR), at(16 * HOUR)],
    ["are the required stop without a ttl", { template: daily }, at(16 * HOUR), at(16 * HOUR)],
    ["leave a ttl that ends before the required stop", { ttlMs: HOUR, template: daily }, at(HOUR), at(16 * HOUR)],
    [
      "have the required stop of the owner's quiet hours",
      { quietHoursSchedule: "CRON_TZ=Europe/Berlin 30 2 * * *", template: daily },
      at(17.5 * HOUR),
      at(17.5 * HOUR),
    ],
    [
      "end at the maximum when that comes before the required stop",
      { template: { ...daily, maxTtlMs: 3 * HOUR } },
      at(3 * HOUR),
      at(3 * HOUR),
    ],
    [
      "end at the required stop when that comes before the maximum",
      { template: { ...daily, maxTtlMs: DAY } },
      at(16 * HOUR),
      at(16 * HOUR),
    ],
    ["are not moved by a start after them", { ttlMs: 30 * MINUTE, autostartSchedule: nine }, at(30 * MINUTE), null],
    ["last a whole ttl from a start before them", { ttlMs: 2 * HOUR, autostartSchedule: nine }, at(3 * HOUR), null],
    [
      "last a whole ttl from a start at the same time, which would find the workspace running",
      { ttlMs: HOUR, autostartSchedule: nine },
      at(2 * HOUR),
      null,
    ],
    [
      "last a whole ttl from a start in the same minute",
      { ttlMs: HOUR - MINUTE + 1, autostartSchedule: nine },
      at(2 * HOUR - MINUTE + 1),
      null,
    ],
    [
      "are not moved by a start a minute later",
      { ttlMs: HOUR - MINUTE, autostartSchedule: nine },
      at(HOUR - MINUTE),
      null,
    ],
    [
      "are not moved by a start on a day that the template forbids",
      { ttlMs: 2 * HOUR, autostartSchedule: nine, template: { autostartDays: bitsOf(["tuesday"]) } },
      at(2 * HOUR),
      null,
    ],
    [
      "are moved by a start to the maximum at most",
      { ttlMs: 2 * HOUR, autostartSchedule: nine, template: { maxTtlMs: 2.5 * HOUR } },
      at(2.5 * HOUR),
      at(2.5 * HOUR),
    ],
    ["are not made by a start", { autostartSchedule: nine }, null, null],
  ];
  for (const [why, given, deadline, maxDeadline] of CASES) {
    it(why, () => assert.deepEqual(deadlinesFrom(workspace(given), T), { deadline, maxDeadline }));
  }

  it("TV-7 166: are the template's ttl from the claim, where owners may not choose", () => {
    const claimed = workspace({ template: { allowUserAutostop: false, defaultTtlMs: 2 * HOUR } });
    const claimedAt = new Date("2024-01-01T11:01:00Z");
    assert.deepEqual(deadlinesFrom(claimed, claimedAt), {
      deadline: new Date("2024-01-01T13:01:00Z"),
      maxDeadline: null,
    });
  });

  it("TV-7 167: are the next midnight after the claim, where a stop is required daily", () => {
    const { deadline, maxDeadline } = deadlinesFrom(workspace({ template: daily }), new Date("2024-01-02T00:01:00Z"));
    assert.deepEqual([deadline, maxDeadline], [new Date("2024-01-03T00:00:00Z"), new Date("2024-01-03T00:00:00Z")]);
  });
});
