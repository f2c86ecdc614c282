import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCount } from "./in-flight.ts";
import { planPresets } from "./plan.ts";
import { clockChanges, scheduledSize, schedulingProblem, sizeChanges, targetAt } from "./schedule.ts";
import { preset, SETTINGS } from "./snapshot.fixture.ts";

type Schedule = { cron: string; instances: number }[];

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
const TWO_O_CLOCK = [{ cron: "* 2 * * *", instances: 7 }];

/** Table TV-2 of the specification, with a base of 1; numbers with a letter behind them are cases of our own. */
const CASES: readonly [says: string, Schedule, now: string, size: number, timezone?: string][] = [
  ["48 a minute before the window opens", WORKDAY, "2025-06-02T08:59:00Z", 1],
  ["48b in the last millisecond before it opens", WORKDAY, "2025-06-02T08:59:59.999Z", 1],
  ["49 at the instant it opens", WORKDAY, "2025-06-02T09:00:00Z", 3],
  ["50 within it", WORKDAY, "2025-06-02T09:01:00Z", 3],
  ["52 in its last hour", WORKDAY, "2025-06-02T18:00:00Z", 3],
  ["53 in its last second", WORKDAY, "2025-06-02T18:59:59Z", 3],
  ["53b at the instant it closes", WORKDAY, "2025-06-02T19:00:00Z", 1],
  ["55 after it", WORKDAY, "2025-06-02T19:01:00Z", 1],
  ["56 in the night before it", WORKDAY, "2025-06-02T02:00:00Z", 1],
  ["56b on a Saturday", WORKDAY, "2025-06-07T10:00:00Z", 1],
  ["58 before the first of three", THREE, "2025-06-02T05:00:00Z", 1],
  ["58 in the first", THREE, "2025-06-02T08:00:00Z", 2],
  ["58 between the first and the second", THREE, "2025-06-02T11:00:00Z", 1],
  ["58 in the second", THREE, "2025-06-02T14:00:00Z", 3],
  ["58 in the third", THREE, "2025-06-02T20:00:00Z", 4],
  ["58 after the third", THREE, "2025-06-02T23:00:00Z", 1],
  ["59 on a workday", WEEK, "2025-06-02T14:00:00Z", 2],
  ["59 on a Saturday morning", WEEK, "2025-06-07T10:00:00Z", 3],
  ["59 on a Saturday afternoon", WEEK, "2025-06-07T14:00:00Z", 1],
  ["59b on a Sunday morning", WEEK, "2025-06-08T10:00:00Z", 3],
  ["61 in another offset, before", WORKDAY, "2025-06-02T04:00:00-04:00", 1],
  ["61 in another offset, within", WORKDAY, "2025-06-02T05:00:00-04:00", 3],
  ["61b in the pool's own zone, which is two hours ahead", WORKDAY, "2025-06-02T07:30:00Z", 3, "Europe/Berlin"],
  ["61c in a zone that is ahead by half an hour more", WORKDAY, "2025-06-02T03:30:00Z", 3, "Asia/Kolkata"],
  ["61d in a zone where it is Sunday still", WORKDAY, "2025-06-02T01:00:00Z", 1, "America/New_York"],
  ["63b with a window of size 0", [{ cron: "* * * * *", instances: 0 }], "2025-06-02T10:00:00Z", 0],
  ["67 (ours) within the minutes of a window", [{ cron: "5 9-18 * * *", instances: 7 }], "2025-06-02T09:05:59Z", 7],
  ["67 (ours) outside of its minutes", [{ cron: "5 9-18 * * *", instances: 7 }], "2025-06-02T09:06:00Z", 1],
  ["(ours) in an hour that clocks repeat, first", TWO_O_CLOCK, "2025-10-26T00:30:00Z", 7, "Europe/Berlin"],
  ["(ours) in an hour that clocks repeat, again", TWO_O_CLOCK, "2025-10-26T01:30:00Z", 7, "Europe/Berlin"],
  ["(ours) before an hour that clocks skip", TWO_O_CLOCK, "2025-03-30T00:59:00Z", 1, "Europe/Berlin"],
  ["(ours) after an hour that clocks skip", TWO_O_CLOCK, "2025-03-30T01:00:00Z", 1, "Europe/Berlin"],
];

describe("the size that a schedule gives a pool", () => {
  for (const [says, schedule, now, size, timezone = "UTC"] of CASES) {
    const [number, ...words] = says.split(" ");
    it(`${number} is ${size} ${words.join(" ")}`, () => {
      assert.equal(targetAt(1, { timezone, schedule }, new Date(now)), size);
    });
  }

  it("is the base without a schedule", () => assert.equal(targetAt(4, null, new Date()), 4));

  it("comes with the window that says so", () => {
    const scheduling = { timezone: "UTC", schedule: THREE };
    const sizeAt = (now: string) => scheduledSize(1, scheduling, new Date(now));
    assert.deepEqual(sizeAt("2025-06-02T14:00:00Z"), { instances: 3, cron: "* 12-16 * * 1-5" });
    assert.deepEqual(sizeAt("2025-06-02T11:00:00Z"), { instances: 1, cron: null });
  });

  it("62 makes two pools create what each of their windows says", () => {
    const window = (hours: string, instances: number) => ({ cron: `* ${hours} * * 1-5`, instances });
    const pools = [
      preset({ id: "p1", scheduling: { timezone: "UTC", schedule: [window("2-4", 2), window("6-8", 3)] } }),
      preset({ id: "p2", scheduling: { timezone: "UTC", schedule: [window("10-12", 4), window("14-16", 5)] } }),
    ];
    const created = [1, 3, 7, 11, 15].map((hour) => {
      const now = new Date(Date.UTC(2025, 5, 2, hour));
      return planPresets(pools, SETTINGS, now).map(createCount);
    });
    assert.deepEqual(created, [
      [1, 1],
      [2, 1],
      [3, 1],
      [1, 4],
      [1, 5],
    ]);
  });
});

const FORM = "must be a cron expression of five fields, such as * 8-18 * * 1-5";

describe("a stored schedule with something wrong in it counts as none, and says what is wrong", () => {
  const every = (instances: number): Schedule => [{ cron: "* * * * *", instances }];
  const window = (cron: string): Schedule => [{ cron, instances: 9 }];
  const BAD: readonly [says: string, timezone: string, Schedule, problem: string][] = [
    ["64 weekday 7", "UTC", window("* 9-18 * * 7"), "window 1 (* 9-18 * * 7) has a weekday above 6; Sunday is 0"],
    ["64b four fields", "UTC", window("* * * *"), `window 1 (* * * *) ${FORM}`],
    ["64c six fields", "UTC", window("0 * * * * *"), `window 1 (0 * * * * *) ${FORM}`],
    ["64d no cron expression at all", "UTC", window("nonsense"), `window 1 (nonsense) ${FORM}`],
    ["64e 31 February", "UTC", window("* * 31 2 *"), "window 1 (* * 31 2 *) never comes: there is no such day"],
    ["65 no time zone", "", every(9), "it has no time zone"],
    ["65 a time zone that there is not", "Mars/Olympus", every(9), 'there is no time zone "Mars/Olympus"'],
    ["65b an offset instead of a zone", "+02:00", every(9), 'there is no time zone "+02:00"'],
    ["a negative size", "UTC", every(-1), "window 1 (* * * * *) asks for -1 prebuilds, and 0 to 1000 are possible"],
    ["a huge size", "UTC", every(1_001), "window 1 (* * * * *) asks for 1001 prebuilds, and 0 to 1000 are possible"],
    [
      "a second window that is wrong",
      "UTC",
      [...every(9), ...window("* 24 * * *")],
      "window 2 (* 24 * * *) has an hour above 23",
    ],
    [
      "windows that overlap",
      "UTC",
      [...window("* 9 * * *"), ...window("* 10-12 * * *"), ...window("* 12-14 * * *")],
      "its windows 2 and 3 overlap",
    ],
  ];
  for (const [says, timezone, schedule, problem] of BAD) {
    it(says, () => {
      assert.equal(schedulingProblem({ timezone, schedule }), problem);
      for (let hour = 0; hour < 24; hour += 1) {
        assert.equal(targetAt(2, { timezone, schedule }, new Date(Date.UTC(2025, 5, 2, hour))), 2);
      }
      const [from, to] = [new Date("2025-06-01T00:00:00Z"), new Date("2025-06-08T00:00:00Z")];
      assert.deepEqual([...sizeChanges(2, { timezone, schedule }, from, to)], []);
    });
  }

  it("a good one has no problem", () => {
    assert.equal(schedulingProblem({ timezone: "Europe/Berlin", schedule: THREE }), undefined);
    assert.equal(schedulingProblem({ timezone: "UTC", schedule: [] }), undefined);
    assert.equal(schedulingProblem({ timezone: "UTC", schedule: every(1_000) }), undefined);
  });
});

describe("the changes that a schedule brings", () => {
  const changesOf = (schedule: Schedule, timezone: string, from: string, to: string) =>
    [...sizeChanges(1, { timezone, schedule }, new Date(from), new Date(to))].map(
      ({ at, instances, cron }) => `${at.toISOString().slice(0, 16)} ${instances} ${cron}`,
    );

  it("are the openings and closings of its windows, to the minute", () => {
    assert.deepEqual(changesOf(WORKDAY, "UTC", "2025-06-06T00:00:00Z", "2025-06-09T12:00:00Z"), [
      "2025-06-06T09:00 3 * 9-18 * * 1-5",
      "2025-06-06T19:00 1 null",
      "2025-06-09T09:00 3 * 9-18 * * 1-5",
    ]);
  });

  it("begin after `from` and end with `to`", () => {
    assert.deepEqual(changesOf(WORKDAY, "UTC", "2025-06-06T09:00:00Z", "2025-06-06T19:00:00Z"), [
      "2025-06-06T19:00 1 null",
    ]);
    assert.deepEqual(changesOf(WORKDAY, "UTC", "2025-06-06T08:59:59Z", "2025-06-06T18:59:59Z"), [
      "2025-06-06T09:00 3 * 9-18 * * 1-5",
    ]);
  });

  it("leave out where one window follows another of the same size", () => {
    const schedule = [
      { cron: "* 9 * * *", instances: 3 },
      { cron: "* 10 * * *", instances: 3 },
    ];
    assert.deepEqual(changesOf(schedule, "UTC", "2025-06-06T00:00:00Z", "2025-06-06T23:59:00Z"), [
      "2025-06-06T09:00 3 * 9 * * *",
      "2025-06-06T11:00 1 null",
    ]);
  });

  it("know of an hour that clocks repeat and of one that they skip", () => {
    assert.deepEqual(changesOf(TWO_O_CLOCK, "Europe/Berlin", "2025-10-25T12:00:00Z", "2025-10-26T12:00:00Z"), [
      "2025-10-26T00:00 7 * 2 * * *",
      "2025-10-26T02:00 1 null",
    ]);
    assert.deepEqual(changesOf(TWO_O_CLOCK, "Europe/Berlin", "2025-03-29T12:00:00Z", "2025-03-30T12:00:00Z"), []);
  });

  it("are none without a schedule", () => {
    assert.deepEqual([...sizeChanges(1, null, new Date("2025-06-01"), new Date("2025-06-08"))], []);
  });
});

describe("the changes of the clocks", () => {
  const YEAR = [new Date("2025-01-01T00:00:00Z"), new Date("2026-01-01T00:00:00Z")] as const;
  const CASES: readonly [timezone: string, changes: readonly (readonly [at: string, minutes: number])[]][] = [
    [
      "Europe/Berlin",
      [
        ["2025-03-30T01:00:00Z", 60],
        ["2025-10-26T01:00:00Z", -60],
      ],
    ],
    [
      "America/New_York",
      [
        ["2025-03-09T07:00:00Z", 60],
        ["2025-11-02T06:00:00Z", -60],
      ],
    ],
    [
      "Australia/Lord_Howe",
      [
        ["2025-04-05T15:00:00Z", -30],
        ["2025-10-04T15:30:00Z", 30],
      ],
    ],
    ["UTC", []],
    ["Asia/Kolkata", []],
    ["Mars/Olympus", []],
  ];
  for (const [timezone, changes] of CASES) {
    it(`in ${timezone} are ${changes.length} in a year`, () => {
      assert.deepEqual(
        clockChanges(timezone, ...YEAR),
        changes.map(([at, minutes]) => ({ at: new Date(at), minutes })),
      );
    });
  }
});
