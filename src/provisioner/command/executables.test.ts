import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BuildRequest } from "../driver.ts";
import { executableFor } from "./executables.ts";

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
