import assert from "node:assert/strict";
import { test } from "node:test";
import { changeOf, NONSENSE, PLANS, planOf } from "./plan.fixture.ts";
import { planLineLevel, replacementBlock } from "./replacement-log.ts";

/** The lines about the paths of the one resource that such a change replaces. */
const pathLines = (change: Readonly<Record<string, unknown>>) =>
  replacementBlock(planOf(changeOf("r.a", change)))
    .slice(2)
    .map((line) => line.trim());

test("a plan that replaces nothing has no block", () => {
  assert.deepEqual(replacementBlock({}), []);
  assert.deepEqual(replacementBlock(planOf(changeOf("r.a", { actions: ["update"] }))), []);
});

test("RPL-05: what is replaced for no attribute's sake is listed without a reason", () => {
  assert.deepEqual(replacementBlock(planOf(changeOf("r.a", { replace_paths: [] }))), [
    "This build replaces 1 resource:",
    "  -/+ r.a (replace)",
    "    (which attribute forces it is unavailable)",
  ]);
});

test("resources stand in the order of their addresses, paths in the order of their names", () => {
  const lines = replacementBlock(
    planOf(
      changeOf("r.b", { actions: ["create", "delete"], replace_paths: [["z"], ["a", 0]] }),
      changeOf("r.a", { replace_paths: [["x"]] }),
      changeOf("coder_agent.main", { replace_paths: [["x"]] }),
    ),
  );
  assert.deepEqual(lines, [
    "This build replaces 2 resources:",
    "  -/+ r.a (replace)",
    "    ~ x (forces replacement)",
    "  -/+ r.b (replace)",
    "    ~ a.0 (forces replacement)",
    "    ~ z (forces replacement)",
  ]);
});

test("RPL-16: both sides of a change stand on the line as JSON", () => {
  const [line] = pathLines({ before: { ami: "ami-old" }, after: { ami: "ami-new" }, replace_paths: [["ami"]] });
  assert.equal(line, '~ ami: "ami-old" -> "ami-new" (forces replacement)');
});

test("RPL-17: positions in lists are followed", () => {
  const [line] = pathLines({
    before: { disk: [{ size: 100 }] },
    after: { disk: [{ size: 200 }] },
    replace_paths: [["disk", 0, "size"]],
  });
  assert.equal(line, "~ disk.0.size: 100 -> 200 (forces replacement)");
});

test("RPL-19: a sensitive value is not shown", () => {
  const [line] = pathLines({
    before: { key: "old-secret" },
    after: { key: "new-secret" },
    before_sensitive: { key: true },
    after_sensitive: { key: true },
    replace_paths: [["key"]],
  });
  assert.equal(line, "~ key: (sensitive value) -> (sensitive value) (forces replacement)");
});

test("RPL-20: a value that holds a sensitive one is not shown at all", () => {
  const [line] = pathLines({
    before: { auth: [{ user: "a", password: { text: "old-secret" } }] },
    after: { auth: [{ user: "b", password: { text: "new-secret" } }] },
    before_sensitive: { auth: [{ password: { text: true } }] },
    after_sensitive: {},
    replace_paths: [["auth"]],
  });
  assert.equal(line, "~ auth: (sensitive value) -> (sensitive value) (forces replacement)");
});

test("a value inside a sensitive one is not shown either, nor one of a resource that is sensitive as a whole", () => {
  const given = { before: { a: [{ b: "secret" }] }, after: { a: [{ b: "secret2" }] }, replace_paths: [["a", 0, "b"]] };
  for (const sensitive of [true, { a: true }, { a: [true] }]) {
    for (const side of ["before_sensitive", "after_sensitive"]) {
      const [line] = pathLines({ ...given, [side]: sensitive });
      assert.equal(line, "~ a.0.b: (sensitive value) -> (sensitive value) (forces replacement)");
    }
  }
});

test("a value beside a sensitive one is shown", () => {
  const [line] = pathLines({
    before: { env: ["A=1", "secret"] },
    after: { env: ["A=2", "secret"] },
    before_sensitive: { env: [false, true] },
    after_sensitive: { env: [false, true] },
    replace_paths: [["env", 0]],
  });
  assert.equal(line, '~ env.0: "A=1" -> "A=2" (forces replacement)');
});

test("a value that is not known before the apply is named so, and so is one that is known in parts only", () => {
  const whole = pathLines({
    before: { id: "x" },
    after: {},
    after_unknown: { id: true },
    replace_paths: [["id"]],
  });
  assert.deepEqual(whole, ['~ id: "x" -> (known after apply) (forces replacement)']);
  const inPart = pathLines({
    before: { tags: { a: 1, b: 2 } },
    after: { tags: { b: 2 } },
    after_unknown: { tags: { a: true, b: false } },
    replace_paths: [["tags"]],
  });
  assert.deepEqual(inPart, ['~ tags: {"a":1,"b":2} -> (known after apply) (forces replacement)']);
});

test("a side that is missing is named so; what is null is null", () => {
  assert.deepEqual(pathLines({ before: { a: null }, after: {}, replace_paths: [["a"]] }), [
    "~ a: null -> (unavailable) (forces replacement)",
  ]);
  assert.deepEqual(pathLines({ before: null, after: { a: false }, replace_paths: [["a"]] }), [
    "~ a: (unavailable) -> false (forces replacement)",
  ]);
});

test("RPL-22: without either side the path stands alone", () => {
  assert.deepEqual(pathLines({ before: {}, after: null, replace_paths: [["a", 3, "toString"]] }), [
    "~ a.3.toString (forces replacement)",
  ]);
});

test("a long value is cut", () => {
  const [line] = pathLines({ before: { a: "x".repeat(100_000) }, after: { a: 1 }, replace_paths: [["a"]] });
  assert.match(line ?? "", /^~ a: "x{999} … \[value cut\] -> 1 \(forces replacement\)$/);
});

test("a container's secret environment stays out of the block", () => {
  assert.deepEqual(replacementBlock(PLANS.dockerClaim), [
    "This build replaces 1 resource:",
    "  -/+ docker_container.workspace (replace)",
    "    ~ env: (sensitive value) -> (sensitive value) (forces replacement)",
    '    ~ image: "dev:1" -> "dev:2" (forces replacement)',
    "    ~ ports.0.internal: 8080 -> 9090 (forces replacement)",
  ]);
  assert.deepEqual(replacementBlock(PLANS.kubernetesClaim).slice(2), [
    '    ~ metadata.0.name: "prebuild-1" -> (known after apply) (forces replacement)',
  ]);
});

test("nonsense anywhere in a plan is passed over", () => {
  for (const nonsense of NONSENSE) {
    for (const key of ["before", "after", "before_sensitive", "after_sensitive", "after_unknown"]) {
      assert.equal(pathLines({ [key]: nonsense, replace_paths: [nonsense, ["a", 0, "b"]] }).length > 0, true);
    }
    assert.equal(replacementBlock({ resource_changes: nonsense }).length, 0);
    assert.equal(replacementBlock(planOf(nonsense, changeOf("r.a", { actions: nonsense }))).length, 0);
  }
});

test("RPL-28: a line of the plan for people warns when it says what forces a replacement, and no other line does", () => {
  assert.equal(planLineLevel('      ~ image = "dev:1" -> "dev:2" # forces replacement'), "warn");
  for (const line of ["  # docker_container.workspace must be replaced", '-/+ resource "docker_container" "box" {', ""])
    assert.equal(planLineLevel(line), "info", line);
});
