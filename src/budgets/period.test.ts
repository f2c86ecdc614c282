import assert from "node:assert/strict";
import { it } from "node:test";
import { periodOf, startOf } from "./period.ts";

for (const [now, start, end] of [
  ["2026-03-15T12:00:00.000Z", "2026-03-01", "2026-04-01"],
  ["2026-03-01T00:00:00.000Z", "2026-03-01", "2026-04-01"],
  ["2026-02-28T23:59:59.999Z", "2026-02-01", "2026-03-01"],
  ["2028-02-29T23:59:59.999Z", "2028-02-01", "2028-03-01"],
  ["2026-12-31T23:59:59.999Z", "2026-12-01", "2027-01-01"],
  ["2027-01-01T00:00:00.000Z", "2027-01-01", "2027-02-01"],
  ["2027-01-31T23:59:59.999Z", "2027-01-01", "2027-02-01"],
  ["2026-03-29T01:30:00.000Z", "2026-03-01", "2026-04-01"],
] as const) {
  it(`${now} is in the month from ${start} until ${end}`, () => {
    assert.deepEqual(periodOf(new Date(now)), { start, end, today: now.slice(0, 10) });
  });
}

it("a day begins at midnight in UTC", () => {
  assert.equal(startOf("2028-02-29"), "2028-02-29T00:00:00.000Z");
});
