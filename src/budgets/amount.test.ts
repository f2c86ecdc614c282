import assert from "node:assert/strict";
import { it } from "node:test";
import { dollars, MAX_MICROS } from "./amount.ts";

for (const [micros, text] of [
  [0, "$0.00"],
  [4_999, "$0.00"],
  [5_000, "$0.01"],
  [10_000, "$0.01"],
  [14_999, "$0.01"],
  [15_000, "$0.02"],
  [994_999, "$0.99"],
  [995_000, "$1.00"],
  [1_000_000, "$1.00"],
  [12_500_000, "$12.50"],
  [1_234_567_890, "$1234.57"],
  [MAX_MICROS, "$9007199254.74"],
] as const) {
  it(`${micros} micros are ${text}`, () => {
    assert.equal(dollars(micros), text);
  });
}
