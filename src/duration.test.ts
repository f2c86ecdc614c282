import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { durationText, parseDuration } from "./duration.ts";

describe("a duration", () => {
  const cases: readonly [string, number | undefined][] = [
    ["90s", 90_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["250ms", 250],
    ["2d", 172_800_000],
    ["0", 0],
    ["", undefined],
    ["5", undefined],
    ["-5m", undefined],
    ["1.5h", undefined],
    ["5 m", undefined],
    ["99999999999999999d", undefined],
  ];
  for (const [text, ms] of cases) it(`"${text}" is ${ms ?? "none"}`, () => assert.equal(parseDuration(text), ms));

  for (const [ms, text] of [
    [28_800_000, "8h"],
    [5_400_000, "1h30m"],
    [90_061_001, "1d1h1m1s1ms"],
    [0, "0"],
  ] as const) {
    it(`of ${ms} ms is written "${text}", and read again`, () => {
      assert.equal(durationText(ms), text);
      assert.equal(parseDuration(text), ms);
    });
  }
});
