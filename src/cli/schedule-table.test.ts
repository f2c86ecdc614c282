import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { previewSchedule } from "../prebuilds/schedule-preview.ts";
import { scheduleLines } from "./schedule-table.ts";

function lines(given: { cron?: string; timezone?: string; from: string; days?: number }): string[] {
  const schedule = given.cron === undefined ? [] : [{ cron: given.cron, instances: 10 }];
  const pool = { presetId: "p", base: 2, timezone: given.timezone ?? "Europe/Berlin", schedule };
  const days = given.days ?? 7;
  return scheduleLines("default/box: small", previewSchedule(pool, new Date(given.from), days), days);
}

describe("the table of a schedule", () => {
  it("shows local times, and marks the days on which the clocks are changed", () => {
    assert.deepEqual(lines({ cron: "* 8-18 * * 6,0", from: "2025-03-29T10:00:00Z", days: 2 }), [
      "default/box: small holds 2 where no window is open; times of Europe/Berlin, for the next 2 days",
      "LOCAL TIME            SIZE  WINDOW          CLOCKS",
      "now                     10  * 8-18 * * 6,0",
      "Sat 2025-03-29 19:00     2  none",
      "Sun 2025-03-30 08:00    10  * 8-18 * * 6,0  forward this day",
      "Sun 2025-03-30 19:00     2  none            forward this day",
      "the clocks go forward by 60 minutes on Sun 2025-03-30 (at 2025-03-30T01:00:00Z)",
    ]);
  });

  it("says first why a schedule is not used", () => {
    assert.deepEqual(lines({ cron: "* 25 * * *", from: "2025-06-02T10:00:00Z", days: 1 }), [
      "the schedule of default/box: small is not used, because window 1 (* 25 * * *) has an hour above 23",
      "default/box: small holds 2 for the next 24 hours",
    ]);
  });

  it("has no table for a pool that stays as it is", () => {
    assert.deepEqual(lines({ timezone: "", from: "2025-06-02T10:00:00Z" }), [
      "default/box: small holds 2 for the next 7 days",
    ]);
  });
});
