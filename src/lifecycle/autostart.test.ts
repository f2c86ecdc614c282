import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { autostartProblem, nextStart, parseAutostart } from "./autostart.ts";
import { bitsOf, type DayOfWeek } from "./days.ts";
import { T, template } from "./workspace.fixture.ts";

const WEEKDAYS: DayOfWeek[] = ["monday", "tuesday", "wednesday", "thursday", "friday"];

/** The next starts, one after the other; the last one is null when there are no more. */
function starts(autostartSchedule: string, from: string, count: number, days = 127): (string | null)[] {
  const found: (string | null)[] = [];
  let after = new Date(from);
  while (found.length < count) {
    const next = nextStart({ autostartSchedule, template: template({ autostartDays: days }) }, after);
    found.push(next?.toISOString().slice(0, 16) ?? null);
    if (next === null) break;
    after = next;
  }
  return found;
}

describe("an autostart schedule", () => {
  const GOOD: [text: string, timezone: string, cron: string][] = [
    ["CRON_TZ=Europe/Berlin 30 9 * * 1-5", "Europe/Berlin", "30 9 * * 1-5"],
    ["  CRON_TZ=Asia/Kolkata   0 8 * * mon,wed ", "Asia/Kolkata", "0 8 * * mon,wed"],
    ["0 9 * * *", "UTC", "0 9 * * *"],
    ["*/15 8-10 1 1 *", "UTC", "*/15 8-10 1 1 *"],
    ["0 9 29 2 *", "UTC", "0 9 29 2 *"],
  ];
  for (const [text, timezone, cron] of GOOD) {
    it(`is read from "${text}"`, () => assert.deepEqual(parseAutostart(text), { timezone, cron }));
  }

  const example = "CRON_TZ=Europe/Berlin 30 9 * * 1-5";
  const five = `it takes five (minute, hour, day of the month, month, day of the week), as in ${example}`;
  const BAD: [text: string, problem: string][] = [
    ["", `must be a cron expression such as ${example}`],
    ["CRON_TZ=UTC", `must be a cron expression such as ${example}`],
    ["CRON_TZ=UTC CRON_TZ=UTC 0 9 * * *", `must be a cron expression such as ${example}`],
    ["CRON_TZ= 0 9 * * *", `names no time zone after CRON_TZ=; name one, as in ${example}`],
    [
      "CRON_TZ=Mars/Olympus 0 9 * * *",
      "names the time zone Mars/Olympus, which does not exist; name one such as Europe/Berlin",
    ],
    [
      "CRON_TZ=+01:00 0 9 * * *",
      "names the offset +01:00; name a time zone such as Europe/Berlin, which knows daylight saving",
    ],
    ["0 0 9 * * *", `has the cron expression 0 0 9 * * *, which has 6 fields; ${five}`],
    ["0 9 * *", `has the cron expression 0 9 * *, which has 4 fields; ${five}`],
    ["@daily", `has the cron expression @daily, which has one field; ${five}`],
    ["2024-01-01T09:00:00", `has the cron expression 2024-01-01T09:00:00, which has one field; ${five}`],
    ["0 24 * * *", "has the cron expression 0 24 * * *, which cannot be read: Invalid value for hour: 24"],
    ["0 9 30 2 *", "has the cron expression 0 9 30 2 *, which never comes true"],
  ];
  for (const [text, problem] of BAD) {
    it(`is refused as "${text}" with a sentence that says what is wrong`, () => {
      assert.equal(parseAutostart(text), problem);
      assert.equal(autostartProblem(text, template({ allowUserAutostart: false })), problem, "before anything else");
      assert.equal(nextStart({ autostartSchedule: text, template: template() }, T), null, "stored, it starts nothing");
    });
  }

  it("can be set when it comes true on one of the days that the template allows", () => {
    assert.equal(autostartProblem("0 9 * * 0,1", template({ autostartDays: bitsOf(["monday"]) })), undefined);
    assert.equal(autostartProblem("0 9 * * 7", template({ autostartDays: bitsOf(["sunday"]) })), undefined);
    assert.equal(autostartProblem("0 9 29 2 *", template({ autostartDays: bitsOf(["monday"]) })), undefined);
  });

  it("cannot be set when the template does not let people choose", () => {
    assert.equal(
      autostartProblem("0 9 * * 1", template({ allowUserAutostart: false })),
      "cannot be set: the template does not let people choose when theirs start",
    );
  });

  it("cannot be set when the template forbids all of its days, and is told those that are allowed", () => {
    assert.equal(
      autostartProblem("0 9 * * 0,6", template({ autostartDays: bitsOf(["tuesday", "monday"]) })),
      "never comes true on a day that the template allows: monday, tuesday",
    );
    assert.equal(
      autostartProblem("0 9 * * *", template({ autostartDays: 0 })),
      "cannot be set: the template allows no day on which workspaces may start by themselves",
    );
  });
});

describe("the next start", () => {
  it("is strictly after the given time, to the millisecond", () => {
    const schedule = { autostartSchedule: "0 9 * * *", template: template() };
    const next = (after: string) => nextStart(schedule, new Date(after))?.toISOString();
    assert.equal(next("2024-01-01T08:59:59.999Z"), "2024-01-01T09:00:00.000Z");
    assert.equal(next("2024-01-01T09:00:00.000Z"), "2024-01-02T09:00:00.000Z");
    assert.equal(next("2024-01-01T09:00:00.001Z"), "2024-01-02T09:00:00.000Z");
  });

  it("does not exist without a schedule, nor when the template does not let people choose", () => {
    assert.equal(nextStart({ autostartSchedule: null, template: template() }, T), null);
    const forbidding = template({ allowUserAutostart: false });
    assert.equal(nextStart({ autostartSchedule: "0 9 * * *", template: forbidding }, T), null);
  });

  it("leaves out the days that the template forbids", () => {
    assert.deepEqual(starts("0 9 * * *", "2024-01-04T12:00Z", 3, bitsOf(WEEKDAYS)), [
      "2024-01-05T09:00",
      "2024-01-08T09:00",
      "2024-01-09T09:00",
    ]);
    assert.deepEqual(starts("0 9 * * 0,6", "2024-01-04T12:00Z", 1, bitsOf(WEEKDAYS)), [null]);
    assert.deepEqual(starts("0 9 * * *", "2024-01-04T12:00Z", 1, 0), [null]);
  });

  it("has the day that it is in the schedule's time zone", () => {
    const monday = bitsOf(["monday"]);
    assert.deepEqual(starts("CRON_TZ=Asia/Tokyo 30 6 * * *", "2024-01-04T12:00Z", 1, monday), ["2024-01-07T21:30"]);
    assert.deepEqual(starts("CRON_TZ=America/New_York 30 22 * * *", "2024-01-04T12:00Z", 1, monday), [
      "2024-01-09T03:30",
    ]);
  });

  it("does not move to a forbidden day when Apia leaves out the whole of an allowed one", () => {
    const noon = "CRON_TZ=Pacific/Apia 0 12 * * 5";
    assert.deepEqual(starts(noon, "2011-12-29T12:00Z", 1), ["2011-12-30T10:00"], "Saturday has just begun");
    assert.deepEqual(starts(noon, "2011-12-29T12:00Z", 1, bitsOf(["friday"])), ["2012-01-05T22:00"]);
  });

  it("is found at once when a schedule of every minute meets forbidden days", () => {
    const before = performance.now();
    for (let round = 0; round < 100; round += 1) {
      assert.deepEqual(starts("CRON_TZ=Europe/Berlin * * * * *", "2024-01-01T23:30Z", 1, bitsOf(["monday"])), [
        "2024-01-07T23:00",
      ]);
    }
    assert.ok(performance.now() - before < 2_000, "stepping through the minutes would take half a minute");
  });

  it("may be many years away", () => {
    assert.deepEqual(starts("0 9 29 2 *", "2024-03-01T00:00Z", 1, bitsOf(["monday"])), ["2044-02-29T09:00"]);
  });

  const DST: [why: string, schedule: string, from: string, expected: string[]][] = [
    [
      "happens at the end of the hour that Berlin leaves out",
      "CRON_TZ=Europe/Berlin 30 2 * * *",
      "2024-03-30T00:00Z",
      ["2024-03-30T01:30", "2024-03-31T01:00", "2024-04-01T00:30"],
    ],
    [
      "happens the first of two times that Berlin's clocks show it",
      "CRON_TZ=Europe/Berlin 30 2 * * *",
      "2024-10-26T00:00Z",
      ["2024-10-26T00:30", "2024-10-27T00:30", "2024-10-28T01:30"],
    ],
    [
      "happens once for all steps in the hour that Berlin leaves out",
      "CRON_TZ=Europe/Berlin */15 2 * * *",
      "2024-03-30T01:40Z",
      ["2024-03-30T01:45", "2024-03-31T01:00", "2024-04-01T00:00"],
    ],
    [
      "happens once for each step in the hour that Berlin has twice",
      "CRON_TZ=Europe/Berlin */30 2 * * *",
      "2024-10-26T12:00Z",
      ["2024-10-27T00:00", "2024-10-27T00:30", "2024-10-28T01:00"],
    ],
    [
      "does not happen again in the second pass of a repeated hour",
      "CRON_TZ=Europe/Berlin 30 2 * * *",
      "2024-10-27T01:10Z",
      ["2024-10-28T01:30"],
    ],
    [
      "that is in a list with another hour is not lost in the gap",
      "CRON_TZ=Europe/Berlin 30 2,14 * * *",
      "2024-03-30T14:00Z",
      ["2024-03-31T01:00", "2024-03-31T12:30"],
    ],
    [
      "at the end of the gap and one within it are one",
      "CRON_TZ=Europe/Berlin 0 2,3 * * *",
      "2024-03-30T12:00Z",
      ["2024-03-31T01:00", "2024-04-01T00:00"],
    ],
    [
      "happens at the end of the hour that New York leaves out",
      "CRON_TZ=America/New_York 30 2 * * *",
      "2024-03-09T12:00Z",
      ["2024-03-10T07:00", "2024-03-11T06:30"],
    ],
    [
      "happens the first of two times in New York",
      "CRON_TZ=America/New_York 30 1 * * *",
      "2024-11-02T12:00Z",
      ["2024-11-03T05:30", "2024-11-04T06:30"],
    ],
    [
      "happens at the end of Lord Howe's gap of half an hour",
      "CRON_TZ=Australia/Lord_Howe 15 2 * * *",
      "2024-10-04T16:00Z",
      ["2024-10-05T15:30", "2024-10-06T15:15"],
    ],
    [
      "happens the first of two times in Lord Howe's repeated half hour",
      "CRON_TZ=Australia/Lord_Howe 45 1 * * *",
      "2024-04-05T15:00Z",
      ["2024-04-06T14:45", "2024-04-07T15:15"],
    ],
    [
      "happens at the same time all year where there is no daylight saving",
      "CRON_TZ=Asia/Kolkata 30 2 * * *",
      "2024-03-30T12:00Z",
      ["2024-03-30T21:00", "2024-03-31T21:00"],
    ],
    [
      "at a midnight that Cairo leaves out happens at one o'clock of the same day",
      "CRON_TZ=Africa/Cairo 0 0 * * 5",
      "2024-04-24T12:00Z",
      ["2024-04-25T22:00", "2024-05-02T21:00"],
    ],
  ];
  for (const [why, schedule, from, expected] of DST) {
    it(`${why} (${schedule})`, () => assert.deepEqual(starts(schedule, from, expected.length), expected));
  }
});
