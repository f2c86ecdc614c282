import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { daysOf } from "./days.ts";
import { dayBitOf, firstInstantOf, startOfDay, wallTimeAt } from "./wall-time.ts";

const CASES: [zone: string, wall: string, instant: string, why: string][] = [
  ["UTC", "2024-03-31T02:30", "2024-03-31T02:30", "UTC is never changed"],
  ["Europe/Berlin", "2024-03-30T02:30", "2024-03-30T01:30", "winter"],
  ["Europe/Berlin", "2024-03-31T01:59", "2024-03-31T00:59", "the last minute before the gap"],
  ["Europe/Berlin", "2024-03-31T02:00", "2024-03-31T01:00", "the first minute of the gap"],
  ["Europe/Berlin", "2024-03-31T02:30", "2024-03-31T01:00", "within the gap"],
  ["Europe/Berlin", "2024-03-31T03:00", "2024-03-31T01:00", "the end of the gap"],
  ["Europe/Berlin", "2024-10-27T01:59", "2024-10-26T23:59", "before the repeated hour"],
  ["Europe/Berlin", "2024-10-27T02:00", "2024-10-27T00:00", "the beginning of the repeated hour"],
  ["Europe/Berlin", "2024-10-27T02:59", "2024-10-27T00:59", "its first end"],
  ["Europe/Berlin", "2024-10-27T03:00", "2024-10-27T02:00", "its second end"],
  ["America/New_York", "2024-03-10T02:30", "2024-03-10T07:00", "a gap west of UTC"],
  ["America/New_York", "2024-11-03T01:30", "2024-11-03T05:30", "a repeated hour west of UTC"],
  ["Australia/Lord_Howe", "2024-10-06T02:15", "2024-10-05T15:30", "a gap of half an hour"],
  ["Australia/Lord_Howe", "2024-04-07T01:45", "2024-04-06T14:45", "a repeated half hour"],
  ["Asia/Kolkata", "2024-06-01T09:30", "2024-06-01T04:00", "an offset with half an hour"],
  ["Africa/Cairo", "2024-04-26T00:00", "2024-04-25T22:00", "a gap at midnight"],
  ["Pacific/Kiritimati", "2024-06-01T00:00", "2024-05-31T10:00", "the zone that is furthest ahead"],
  ["Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00", "a whole day that was left out"],
];

describe("wall times", () => {
  for (const [zone, wall, instant, why] of CASES) {
    it(`come first in ${zone} when clocks show ${wall} at ${instant} UTC or after: ${why}`, () => {
      const found = firstInstantOf(zone, Date.parse(`${wall}Z`));
      assert.equal(new Date(found).toISOString(), new Date(`${instant}Z`).toISOString());
    });
  }

  it("are shown at the instant at which they come, or have been left out", () => {
    for (const [zone, wall] of CASES) {
      const time = Date.parse(`${wall}Z`);
      const instant = firstInstantOf(zone, time);
      assert.ok(wallTimeAt(zone, instant) >= time, `${zone} ${wall}`);
      assert.ok(wallTimeAt(zone, instant - 60_000) < time, `${zone} ${wall}, a minute before`);
    }
  });

  it("have the day that the clocks show, before 1970 too", () => {
    const days = ["2024-01-01T00:00Z", "2024-01-07T23:59Z", "1969-12-31T12:00Z", "1969-12-28T00:00Z"];
    assert.deepEqual(
      days.map((wall) => daysOf(dayBitOf(Date.parse(wall)))),
      [["monday"], ["sunday"], ["wednesday"], ["sunday"]],
    );
    assert.equal(startOfDay(Date.parse("1969-12-31T12:00Z")), Date.parse("1969-12-31T00:00Z"));
  });
});
