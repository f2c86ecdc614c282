import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { durationText } from "../duration.ts";
import { describeFailure, type Outcome } from "./outcome.ts";

describe("a failure's sentence", () => {
  const table: readonly [Exclude<Outcome, { kind: "succeeded" }>, string][] = [
    [{ kind: "exited", code: 3, reason: "" }, "start exited with code 3"],
    [{ kind: "exited", code: 3, reason: "disk full" }, "start exited with code 3: disk full"],
    [{ kind: "killed", signal: "SIGSEGV", reason: "" }, "start was killed by signal SIGSEGV"],
    [{ kind: "timed_out", afterMs: 1_800_000 }, "start timed out after 30m"],
    [{ kind: "canceled" }, "start was canceled"],
    [{ kind: "not_started", problem: "no interpreter" }, "no interpreter"],
  ];
  for (const [outcome, expected] of table) {
    test(`says "${expected}"`, () => {
      assert.equal(describeFailure("start", outcome), expected);
    });
  }

  test("stays short when the reason is long", () => {
    const sentence = describeFailure("stop", { kind: "exited", code: 1, reason: "x".repeat(8_000) });
    assert.equal(sentence, `stop exited with code 1: ${"x".repeat(500)}…`);
  });
});

test("a duration is written with the units that it needs", () => {
  const table = { 250: "250ms", 1000: "1s", 90000: "1m30s", 1800000: "30m", 3600000: "1h", 5401000: "1h30m1s" };
  for (const [ms, expected] of Object.entries(table)) assert.equal(durationText(Number(ms)), expected);
});
