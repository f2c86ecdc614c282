import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MAX_MICROS } from "./amount.ts";
import { exactDollars, MAX_DOLLARS, parseDollars } from "./exact-dollars.ts";

describe("amounts of dollars as text", () => {
  it("shows two decimals, and more only where there are more, and rounds nothing", () => {
    const shown = [0, 1, 10_000, 12_500_000, 12_345_600, 999_999, 100_000_000, MAX_MICROS].map(exactDollars);
    assert.deepEqual(shown, [
      "$0.00",
      "$0.000001",
      "$0.01",
      "$12.50",
      "$12.3456",
      "$0.999999",
      "$100.00",
      "$9007199254.740991",
    ]);
    assert.equal(MAX_DOLLARS, "9007199254.740991");
  });

  it("reads amounts to the last micro, with and without the dollar sign", () => {
    const read = ["0", "50", "12.50", "$12.5", "0.000001", "0.29", "007", MAX_DOLLARS].map(parseDollars);
    assert.deepEqual(read, [0, 50_000_000, 12_500_000, 12_500_000, 1, 290_000, 7_000_000, MAX_MICROS]);
  });

  it("reads back every amount that it shows", () => {
    for (let micros = 1; micros <= MAX_MICROS; micros = micros * 3 + 1) {
      assert.equal(parseDollars(exactDollars(micros)), micros);
    }
  });

  for (const text of [
    ...["", " ", "$", ".5", "5.", "1.2.3", "1.0000001", "1e3", "0x10", "Infinity", "NaN", "five", "٥"],
    ...["-1", "+1", "-$1", "$-1", "1,000", "1 000", " 1", "1\n", "1$", "€1", "$$1"],
    ...["9007199254.740992", "9007199255", "9".repeat(5_000)],
  ]) {
    it(`takes ${JSON.stringify(text.slice(0, 20))} for no amount`, () => {
      assert.equal(parseDollars(text), undefined);
    });
  }
});
