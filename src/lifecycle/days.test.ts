import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ALL_DAYS, bitsOf, DAYS_OF_WEEK, daysOf } from "./days.ts";

describe("days of the week", () => {
  it("are bits from Monday to Sunday", () => {
    assert.deepEqual(
      DAYS_OF_WEEK.map((day) => bitsOf([day])),
      [1, 2, 4, 8, 16, 32, 64],
    );
    assert.equal(bitsOf(DAYS_OF_WEEK), ALL_DAYS);
  });

  it("are listed Monday first, whatever their order was and however often each was named", () => {
    assert.deepEqual(daysOf(bitsOf(["sunday", "monday", "sunday"])), ["monday", "sunday"]);
  });

  it("are the same after they have been bits, for each of the 128 sets", () => {
    for (let bits = 0; bits <= ALL_DAYS; bits += 1) assert.equal(bitsOf(daysOf(bits)), bits);
  });
});
