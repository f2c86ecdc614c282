import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sizeChanges, targetAt } from "./schedule.ts";
import { previewSchedule, schedulePreviewSchema } from "./schedule-preview.ts";

const PRESET = "11111111-1111-4111-8111-111111111111";

/** The changes of a pool with one window for 5 and a base of 1, as `instant local size`. */
function changes(timezone: string, cron: string, from: string, days = 1) {
  const pool = { presetId: PRESET, base: 1, timezone, schedule: [{ cron, instances: 5 }] };
  const preview = previewSchedule(pool, new Date(from), days);
  return {
    sizes: preview.changes.map(({ at, local, instances }) => `${at.slice(0, 16)}Z ${local} ${instances}`),
    clocks: preview.clock_changes.map(({ at, local_date, minutes }) => `${at.slice(0, 16)}Z ${local_date} ${minutes}`),
  };
}

describe("the preview of a schedule", () => {
  it("says what decides the size now, and each change with the local time and the window that opens", () => {
    const cron = "* 9-18 * * 1-5";
    const pool = { presetId: PRESET, base: 2, timezone: "UTC", schedule: [{ cron, instances: 7 }] };
    const preview = previewSchedule(pool, new Date("2025-06-06T10:00:30.500Z"), 3);
    assert.deepEqual(preview, {
      preset_id: PRESET,
      timezone: "UTC",
      base: 2,
      problem: null,
      now: { instances: 7, cron },
      changes: [
        { at: "2025-06-06T19:00:00.000Z", local: "2025-06-06 19:00", instances: 2, cron: null },
        { at: "2025-06-09T09:00:00.000Z", local: "2025-06-09 09:00", instances: 7, cron },
      ],
      clock_changes: [],
    });
    assert.deepEqual(schedulePreviewSchema.parse(preview), preview);
  });

  it("opens a window late when the clocks of Berlin skip the hour in which it would have opened", () => {
    assert.deepEqual(changes("Europe/Berlin", "* 2-3 * * *", "2025-03-29T20:00:00Z", 2), {
      sizes: [
        "2025-03-30T01:00Z 2025-03-30 03:00 5",
        "2025-03-30T02:00Z 2025-03-30 04:00 1",
        "2025-03-31T00:00Z 2025-03-31 02:00 5",
        "2025-03-31T02:00Z 2025-03-31 04:00 1",
      ],
      clocks: ["2025-03-30T01:00Z 2025-03-30 60"],
    });
  });

  it("opens a window twice when the clocks of Berlin repeat the hour that it is in", () => {
    assert.deepEqual(changes("Europe/Berlin", "30-59 2 * * *", "2025-10-25T20:00:00Z"), {
      sizes: [
        "2025-10-26T00:30Z 2025-10-26 02:30 5",
        "2025-10-26T01:00Z 2025-10-26 02:00 1",
        "2025-10-26T01:30Z 2025-10-26 02:30 5",
        "2025-10-26T02:00Z 2025-10-26 03:00 1",
      ],
      clocks: ["2025-10-26T01:00Z 2025-10-26 -60"],
    });
  });

  it("knows of the half hour by which the clocks of Lord Howe are set back", () => {
    assert.deepEqual(changes("Australia/Lord_Howe", "* 1 * * *", "2025-04-05T12:00:00Z"), {
      sizes: ["2025-04-05T14:00Z 2025-04-06 01:00 5", "2025-04-05T15:30Z 2025-04-06 02:00 1"],
      clocks: ["2025-04-05T15:00Z 2025-04-06 -30"],
    });
  });

  it("knows of the half hour by which the clocks of Lord Howe are set forward", () => {
    assert.deepEqual(changes("Australia/Lord_Howe", "15-45 2 * * *", "2025-10-04T12:00:00Z"), {
      sizes: ["2025-10-04T15:30Z 2025-10-05 02:30 5", "2025-10-04T15:46Z 2025-10-05 02:46 1"],
      clocks: ["2025-10-04T15:30Z 2025-10-05 30"],
    });
  });

  it("gives a change of the clocks at midnight to the day that it makes shorter or longer", () => {
    const longer = changes("Asia/Beirut", "* 12 * * *", "2025-10-25T12:00:00Z").clocks;
    assert.deepEqual(longer, ["2025-10-25T21:00Z 2025-10-25 -60"]);
    const shorter = changes("Asia/Beirut", "* 12 * * *", "2025-03-29T12:00:00Z").clocks;
    assert.deepEqual(shorter, ["2025-03-29T22:00Z 2025-03-30 60"]);
  });

  it("says why a schedule is not used, and that the base stays", () => {
    const schedule = [{ cron: "* 25 * * *", instances: 5 }];
    const pool = { presetId: PRESET, base: 3, timezone: "Europe/Berlin", schedule };
    const { problem, now, changes: none } = previewSchedule(pool, new Date("2025-06-02T10:00:00Z"), 31);
    assert.deepEqual(
      [problem, now, none],
      ["window 1 (* 25 * * *) has an hour above 23", { instances: 3, cron: null }, []],
    );
  });

  it("is the base, without a problem, for a pool that has no schedule", () => {
    const pool = { presetId: PRESET, base: 3, timezone: "", schedule: [] };
    const preview = previewSchedule(pool, new Date("2025-06-02T10:00:00Z"), 7);
    assert.deepEqual([preview.problem, preview.now, preview.changes], [null, { instances: 3, cron: null }, []]);
    assert.deepEqual(preview.clock_changes, []);
  });
});

describe("the changes of size that are found by skipping what cannot change", () => {
  const FROM = new Date("2025-10-24T10:17:33Z");
  const TO = new Date("2025-10-28T00:00:00Z");
  const crons = ["* 8-18 * * 1-5", "30-59 2 * * 0", "*/15 3,17 20-26 * *", "15 * * * *", "* * 31 * *"];

  for (const timezone of ["Europe/Berlin", "Asia/Kathmandu", "Africa/Casablanca"]) {
    for (const cron of crons) {
      it(`are those that looking at every minute finds, for ${cron} in ${timezone}`, () => {
        const scheduling = { timezone, schedule: [{ cron, instances: 7 }] };
        const slow: string[] = [];
        let size = targetAt(1, scheduling, FROM);
        for (let at = Date.parse("2025-10-24T10:18:00Z"); at <= TO.getTime(); at += 60_000) {
          const next = targetAt(1, scheduling, new Date(at));
          if (next !== size) slow.push(`${new Date(at).toISOString()} ${next}`);
          size = next;
        }
        const found = [...sizeChanges(1, scheduling, FROM, TO)];
        assert.deepEqual(
          found.map(({ at, instances }) => `${at.toISOString()} ${instances}`),
          slow,
        );
      });
    }
  }
});
