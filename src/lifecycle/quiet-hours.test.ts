import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_QUIET_HOURS, nextQuietHours, parseQuietHours, quietHoursOf } from "./quiet-hours.ts";

const BERLIN = { timezone: "Europe/Berlin", hour: 2, minute: 30 };
const MIDNIGHT = { timezone: "UTC", hour: 0, minute: 0 };

describe("quiet hours", () => {
  const GOOD: [text: string, timezone: string, hour: number, minute: number][] = [
    ["CRON_TZ=Europe/Berlin 30 2 * * *", "Europe/Berlin", 2, 30],
    ["0 0 * * *", "UTC", 0, 0],
    ["  CRON_TZ=Asia/Kolkata   59  23  * * * ", "Asia/Kolkata", 23, 59],
    ["05 09 * * *", "UTC", 9, 5],
  ];
  for (const [text, timezone, hour, minute] of GOOD) {
    it(`are read from "${text}"`, () => assert.deepEqual(parseQuietHours(text), { timezone, hour, minute }));
  }

  const time = "must be one time of every day, such as CRON_TZ=Europe/Berlin 30 2 * * * for half past two at night";
  const BAD: [text: string, problem: string][] = [
    ["", time],
    ["02:30", time],
    ["30 2 * * 1", time],
    ["30 2 1 * *", time],
    ["30 * * * *", time],
    ["*/30 2 * * *", time],
    ["30 2,14 * * *", time],
    ["0 30 2 * * *", time],
    ["-1 2 * * *", time],
    ["@daily", time],
    ["60 2 * * *", "has the minute 60, and the last one is 59"],
    ["30 24 * * *", "has the hour 24, and the last one is 23"],
    ["CRON_TZ= 30 2 * * *", "names no time zone after CRON_TZ=; name one, as in CRON_TZ=Europe/Berlin 30 2 * * *"],
    [
      "CRON_TZ=Mars/Olympus 30 2 * * *",
      "names the time zone Mars/Olympus, which does not exist; name one such as Europe/Berlin",
    ],
    [
      "CRON_TZ=-05:00 30 2 * * *",
      "names the offset -05:00; name a time zone such as Europe/Berlin, which knows daylight saving",
    ],
  ];
  for (const [text, problem] of BAD) {
    it(`are refused as "${text}" with a sentence that says what is wrong, and stored so they are the default`, () => {
      assert.equal(parseQuietHours(text), problem);
      assert.deepEqual(quietHoursOf(text), MIDNIGHT);
    });
  }

  it("are those that are stored, and midnight in UTC by default", () => {
    assert.deepEqual(quietHoursOf("CRON_TZ=Europe/Berlin 30 2 * * *"), BERLIN);
    assert.deepEqual(parseQuietHours(DEFAULT_QUIET_HOURS), MIDNIGHT);
  });
});

describe("the next quiet hours", () => {
  const CASES: [why: string, quietHours: typeof BERLIN, after: string, next: string][] = [
    ["are today's when those are to come", BERLIN, "2024-01-01T01:29:59.999Z", "2024-01-01T01:30"],
    ["are strictly after the given time", BERLIN, "2024-01-01T01:30:00.000Z", "2024-01-02T01:30"],
    ["are today's in their own time zone", BERLIN, "2023-12-31T23:30:00Z", "2024-01-01T01:30"],
    ["begin when Berlin has set its clocks forward", BERLIN, "2024-03-30T12:00Z", "2024-03-31T01:00"],
    ["do not come again after that gap", BERLIN, "2024-03-31T01:00Z", "2024-04-01T00:30"],
    ["begin the first of two times in Berlin", BERLIN, "2024-10-26T12:00Z", "2024-10-27T00:30"],
    ["do not begin the second of two times", BERLIN, "2024-10-27T00:30Z", "2024-10-28T01:30"],
    ["are tomorrow's in the second pass of a repeated hour", BERLIN, "2024-10-27T01:10Z", "2024-10-28T01:30"],
    [
      "begin at one o'clock where Cairo leaves midnight out",
      { timezone: "Africa/Cairo", hour: 0, minute: 0 },
      "2024-04-25T12:00Z",
      "2024-04-25T22:00",
    ],
    [
      "begin once when Apia leaves out a day",
      { timezone: "Pacific/Apia", hour: 12, minute: 0 },
      "2011-12-30T10:00Z",
      "2011-12-30T22:00",
    ],
  ];
  for (const [why, quietHours, after, next] of CASES) {
    it(why, () => {
      assert.equal(nextQuietHours(quietHours, new Date(after)).toISOString(), new Date(`${next}Z`).toISOString());
    });
  }
});
