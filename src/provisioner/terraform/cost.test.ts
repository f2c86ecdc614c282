import assert from "node:assert/strict";
import { test } from "node:test";
import { dailyCostOf } from "./cost.ts";
import { NONSENSE, PLANS } from "./plan.fixture.ts";
import type { PlanJson } from "./plan-json.ts";

const metadata = (cost: unknown, mode = "managed") => {
  return { address: "coder_metadata.x", mode, type: "coder_metadata", values: { daily_cost: cost } };
};
const planned = (costs: readonly unknown[], outputs: unknown = {}): PlanJson => {
  return { planned_values: { outputs, root_module: { resources: costs.map((cost) => metadata(cost)) } } };
};

test("a plan costs what its resources and its output say together, those of modules included", () => {
  assert.equal(dailyCostOf(PLANS.dockerClaim), 10 + 5 + 4);
});

test("a plan that says nothing, or deletes everything, costs nothing", () => {
  assert.equal(dailyCostOf({}), 0);
  assert.equal(dailyCostOf({ planned_values: { root_module: {} } }), 0);
});

test("what is not a whole number from 0 on counts as nothing", () => {
  assert.equal(dailyCostOf(planned([-1, 1.5, "7", null, true, Number.POSITIVE_INFINITY, 3])), 3);
});

test("only managed resources of that one type count", () => {
  const resources = [metadata(5, "data"), { ...metadata(6), type: "docker_container" }];
  assert.equal(dailyCostOf({ planned_values: { root_module: { resources } } }), 0);
});

test("a sensitive output stays unread", () => {
  assert.equal(dailyCostOf(planned([], { daily_cost: { sensitive: true, type: "number", value: 9 } })), 0);
  assert.equal(dailyCostOf(planned([], { daily_cost: { sensitive: false, type: "number", value: 9 } })), 9);
});

test("no cost is larger than what can be stored", () => {
  assert.equal(dailyCostOf(planned([1e308, 1e308, 5])), 2_147_483_647);
});

test("nonsense anywhere in a plan costs nothing", () => {
  for (const nonsense of NONSENSE) {
    assert.equal(dailyCostOf({ planned_values: nonsense }), 0);
    assert.equal(dailyCostOf({ planned_values: { outputs: nonsense, root_module: nonsense } }), 0);
    assert.equal(dailyCostOf(planned([], { daily_cost: nonsense })), 0);
  }
});
