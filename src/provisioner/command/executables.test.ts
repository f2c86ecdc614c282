import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BuildRequest } from "../driver.ts";
import { describeFailure, executableFor, formatDuration, type Outcome } from "./executables.ts";

describe("the executable of a build", () => {
  const table: readonly [BuildRequest["transition"], BuildRequest["stage"], string][] = [
    ["start", "none", "start"],
    ["start", "create", "start"],
    ["start", "claim", "claim"],
    ["stop", "none", "stop"],
    ["stop", "create", "stop"],
    ["delete", "create", "delete"],
    ["delete", "claim", "delete"],
  ];
  for (const [transition, stage, expected] of table) {
    test(`for ${transition} at stage ${stage} is ${expected}`, () => {
      assert.equal(executableFor({ transition, stage }), expected);
    });
  }
});

describe("a failure's sentence", () => {
  const table: readonly [Exclude<Outcome, { kind: "succeeded" }>, string][] = [
    [{ kind: "exited", code: 3, lastErrorLine: "" }, "start exited with code 3"],
    [{ kind: "exited", code: 3, lastErrorLine: "disk full" }, "start exited with code 3: disk full"],
    [{ kind: "killed", signal: "SIGSEGV", lastErrorLine: "" }, "start was killed by signal SIGSEGV"],
    [{ kind: "timed_out", afterMs: 1_800_000 }, "start timed out after 30m"],
    [{ kind: "canceled" }, "start was canceled"],
    [{ kind: "not_started", problem: "no interpreter" }, "no interpreter"],
  ];
  for (const [outcome, expected] of table) {
    test(`says "${expected}"`, () => {
      assert.equal(describeFailure("start", outcome), expected);
    });
  }

  test("stays short when the last error line is long", () => {
    const sentence = describeFailure("stop", { kind: "exited", code: 1, lastErrorLine: "x".repeat(8_000) });
    assert.equal(sentence, `stop exited with code 1: ${"x".repeat(500)}…`);
  });
});

test("a duration is written with the units that it needs", () => {
  const table = { 250: "250ms", 1000: "1s", 90000: "1m30s", 1800000: "30m", 3600000: "1h", 5401000: "1h30m1s" };
  for (const [ms, expected] of Object.entries(table)) assert.equal(formatDuration(Number(ms)), expected);
});
