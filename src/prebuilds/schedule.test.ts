import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { targetAt } from "./schedule.ts";

const WORKDAY = [{ cron: "* 9-18 * * 1-5", instances: 3 }];
const THREE = [
  { cron: "* 6-10 * * 1-5", instances: 2 },
  { cron: "* 12-16 * * 1-5", instances: 3 },
  { cron: "* 18-22 * * 1-5", instances: 4 },
];
const WEEK = [
  { cron: "* 9-18 * * 1-5", instances: 2 },
  { cron: "* 9-13 * * 6,0", instances: 3 },
];

const CASES: readonly [string, { cron: string; instances: number }[], string, number, string?][] = [
  ["48 a minute before the window opens", WORKDAY, "2025-06-02T08:59:00Z", 1],
  ["49 at the instant it opens", WORKDAY, "2025-06-02T09:00:00Z", 3],
  ["50 within it", WORKDAY, "2025-06-02T09:01:00Z", 3],
  ["52 in its last hour", WORKDAY, "2025-06-02T18:00:00Z", 3],
  ["53 in its last second", WORKDAY, "2025-06-02T18:59:59Z", 3],
  ["54 at the instant it closes", WORKDAY, "2025-06-02T19:00:00Z", 1],
  ["55 after it", WORKDAY, "2025-06-02T19:01:00Z", 1],
  ["57 on another day", WORKDAY, "2025-06-07T10:00:00Z", 1],
  ["58a before the first of three", THREE, "2025-06-02T05:00:00Z", 1],
  ["58b in the first", THREE, "2025-06-02T08:00:00Z", 2],
  ["58c between them", THREE, "2025-06-02T11:00:00Z", 1],
  ["58d in the second", THREE, "2025-06-02T14:00:00Z", 3],
  ["58e in the third", THREE, "2025-06-02T20:00:00Z", 4],
  ["59a on a workday", WEEK, "2025-06-02T14:00:00Z", 2],
  ["59b on a Saturday morning", WEEK, "2025-06-07T10:00:00Z", 3],
  ["59c on a Saturday afternoon", WEEK, "2025-06-07T14:00:00Z", 1],
  ["61a in another offset, before", WORKDAY, "2025-06-02T04:00:00-04:00", 1],
  ["61b in another offset, within", WORKDAY, "2025-06-02T05:00:00-04:00", 3],
  ["in the pool's own zone, two hours ahead of UTC", WORKDAY, "2025-06-02T07:30:00Z", 3, "Europe/Berlin"],
  ["65a without a zone", WORKDAY, "2025-06-02T10:00:00Z", 1, ""],
  ["65b in a zone that does not exist", WORKDAY, "2025-06-02T10:00:00Z", 1, "Mars/Olympus"],
  ["66 with an expression that is none", [{ cron: "nonsense", instances: 9 }], "2025-06-02T10:00:00Z", 1],
  ["67 (ours) with a minute of its own", [{ cron: "30-59 9 * * *", instances: 7 }], "2025-06-02T09:30:20Z", 7],
  [
    "in the hour that daylight saving repeats, both times",
    [{ cron: "* 2 * * *", instances: 7 }],
    "2025-10-26T01:30:00Z",
    7,
    "Europe/Berlin",
  ],
  [
    "in the hour that daylight saving skips, never",
    [{ cron: "* 2 * * *", instances: 7 }],
    "2025-03-30T01:30:00Z",
    1,
    "Europe/Berlin",
  ],
];

describe("the size that a schedule gives a pool", () => {
  for (const [says, schedule, now, size, timezone = "UTC"] of CASES) {
    it(`is ${size} ${says}`, () => assert.equal(targetAt(1, { timezone, schedule }, new Date(now)), size));
  }

  it("is the base without a schedule", () => assert.equal(targetAt(4, null, new Date()), 4));
});
