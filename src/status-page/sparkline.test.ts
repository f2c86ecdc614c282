import assert from "node:assert/strict";
import { it } from "node:test";
import { type Level, sparkline } from "./sparkline.ts";

const MINUTE = 60_000;
const levels = (...ready: number[]): Level[] =>
  ready.map((count, index) => ({ at: index * MINUTE, ready: count, desired: 4 }));
const paths = (given: readonly Level[]) => Array.from(String(sparkline(given)).matchAll(/ d="([^"]*)"/g), ([, d]) => d);

it("a sparkline draws what was ready and what was wanted as steps, the newest at the right edge", () => {
  const [area, wanted, ready] = paths(levels(4, 4, 2, 0));
  assert.equal(wanted, "M114 1.5H120");
  assert.equal(ready, "M114 1.5H118V12H120V22.5H120");
  assert.equal(area, `${ready}V24H114Z`);
  assert.match(String(sparkline(levels(4, 4, 2, 0))), /aria-label="Last hour: 0 to 4 ready, 0 of 4 in the end"/);
});

it("a sparkline has a gap where nothing was noted, and stays the same while nothing changes", () => {
  const [, , ready] = paths([...levels(1, 1), { at: 30 * MINUTE, ready: 1, desired: 4 }]);
  assert.equal(ready, "M60 17.3H62M120 17.3H120");
  const hour = levels(...Array.from({ length: 61 }, () => 3));
  const later = hour.map((level) => ({ ...level, at: level.at + 7 * MINUTE }));
  assert.equal(String(sparkline(hour)), String(sparkline(later)));
  assert.match(String(sparkline([])), /no history yet/);
});
