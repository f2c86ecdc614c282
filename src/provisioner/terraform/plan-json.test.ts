import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePlan, resourceChanges, resourcesIn } from "./plan-json.ts";

test("what Terraform prints about a plan is read as it is", () => {
  const plan = parsePlan('{"format_version":"1.2","resource_changes":[]}');
  assert.deepEqual(plan.resource_changes, []);
});

test("what is not a plan is refused with a sentence that does not repeat it", () => {
  for (const text of ["", "secret", "null", "[]", '"secret"', "{}", '{"format_version":1}']) {
    assert.throws(() => parsePlan(text), /^Error: the plan cannot be read: Terraform printed (?!.*secret)/);
  }
});

test("a plan in a format of the future is refused by its number", () => {
  assert.throws(() => parsePlan('{"format_version":"2.0"}'), /its format is 2\.0, and only 1\.x is understood/);
});

test("modules may be nested as deep as a template likes", () => {
  let module: unknown = { resources: [{ address: "a.b", type: "a", mode: "managed", values: { x: 1 } }] };
  for (let depth = 0; depth < 50_000; depth += 1) module = { child_modules: [module] };
  assert.deepEqual(resourcesIn({ root_module: module }), [
    { address: "a.b", type: "a", mode: "managed", values: { x: 1 } },
  ]);
});

test("what is not a resource is passed over", () => {
  const resources = [null, 1, {}, { address: "a.b", type: 1, values: {} }, { address: "a.b", type: "a", values: null }];
  assert.deepEqual(resourcesIn({ root_module: { resources, child_modules: [null, "x", [1]] } }), []);
  const changes = [null, { address: "a.b", type: "a" }, { address: 1, type: "a", change: {} }];
  assert.deepEqual(resourceChanges({ resource_changes: changes }), []);
});
