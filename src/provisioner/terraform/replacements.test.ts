import assert from "node:assert/strict";
import { test } from "node:test";
import { changeOf, NONSENSE, PLANS, planOf } from "./plan.fixture.ts";
import type { PlanJson } from "./plan-json.ts";
import { replacementsOf } from "./replacements.ts";

test("RPL-01: no plan has no replacements", () => {
  assert.equal(replacementsOf(null), null);
  assert.equal(replacementsOf(undefined), null);
});

test("RPL-02: a plan without resource changes has none", () => {
  assert.equal(replacementsOf({}), null);
  assert.equal(replacementsOf(planOf()), null);
});

test("RPL-04: what stays as it is, is not replaced, whatever paths it has", () => {
  assert.equal(replacementsOf(planOf(changeOf("r.a", { actions: ["no-op"], replace_paths: [["x"]] }))), null);
});

test("RPL-05: a resource that is replaced for no attribute's sake is not among them", () => {
  assert.equal(replacementsOf(planOf(changeOf("r.a", { replace_paths: [] }), changeOf("r.b", {}))), null);
});

test("RPL-07: a resource is named with the path that forces its replacement", () => {
  const plan = planOf(changeOf("docker_container.x", { replace_paths: [["path1"]] }));
  assert.deepEqual(replacementsOf(plan), { "docker_container.x": ["path1"] });
});

test("TV-10 187: one resource, one path", () => {
  assert.deepEqual(replacementsOf(planOf(changeOf("resource1", { replace_paths: [["path1"]] }))), {
    resource1: ["path1"],
  });
});

test("RPL-08, TV-10 188: all paths are named, in the plan's order", () => {
  const plan = planOf(changeOf("r.a", { replace_paths: [["path2"], ["path1"]] }));
  assert.deepEqual(replacementsOf(plan), { "r.a": ["path2", "path1"] });
});

test("RPL-10, TV-10 190: resources of the provider that describes workspaces are left out", () => {
  const plan = planOf(
    changeOf("r1.x", { replace_paths: [["path1"]] }),
    changeOf("coder_example.x", { replace_paths: [["x"]] }),
    changeOf("r2.x", { replace_paths: [["path2"], ["path3"]] }),
  );
  assert.deepEqual(replacementsOf(plan), { "r1.x": ["path1"], "r2.x": ["path2", "path3"] });
});

test("a resource is left out by its type, not by its name", () => {
  const plan = planOf(changeOf("docker_container.coder_agent", { replace_paths: [["image"]] }));
  assert.deepEqual(replacementsOf(plan), { "docker_container.coder_agent": ["image"] });
});

test("RPL-11: a plain update is none", () => {
  assert.equal(replacementsOf(planOf(changeOf("r.a", { actions: ["update"] }))), null);
});

test("RPL-13: a path may be a bare value", () => {
  assert.deepEqual(replacementsOf(planOf(changeOf("r.a", { replace_paths: ["image", 3] }))), { "r.a": ["image", "3"] });
});

test("RPL-14: what is created before the old one is destroyed is replaced too", () => {
  const plan = planOf(changeOf("r.a", { actions: ["create", "delete"], replace_paths: [["x"]] }));
  assert.deepEqual(replacementsOf(plan), { "r.a": ["x"] });
});

test("the paths decide, not the actions", () => {
  const plan = planOf(changeOf("r.a", { actions: ["update"], replace_paths: [["x"]] }));
  assert.deepEqual(replacementsOf(plan), { "r.a": ["x"] });
});

test("segments of a path are joined by dots, numbers among them", () => {
  const plan = planOf(changeOf("r.a", { replace_paths: [["container", 0, "image"], [1]] }));
  assert.deepEqual(replacementsOf(plan), { "r.a": ["container.0.image", "1"] });
});

test("what changes twice at one address is named once, with all its paths", () => {
  const plan = planOf(
    changeOf("r.a", { replace_paths: [["x"], ["x"]] }),
    changeOf("r.a", { replace_paths: [["x"], ["y"]] }),
  );
  assert.deepEqual(replacementsOf(plan), { "r.a": ["x", "y"] });
});

test("containers, volumes and pods of the usual providers are told apart by what forces them", () => {
  assert.deepEqual(replacementsOf(PLANS.dockerClaim), {
    "docker_container.workspace": ["image", "env", "ports.0.internal"],
  });
  assert.deepEqual(replacementsOf(PLANS.kubernetesClaim), {
    "module.workspace.kubernetes_persistent_volume_claim.home": ["metadata.0.name"],
  });
});

test("an address that is the name of something in JavaScript is an address like others", () => {
  const found = replacementsOf(planOf(changeOf("__proto__", { replace_paths: [["x"]] })));
  assert.deepEqual(Object.entries(found ?? {}), [["__proto__", ["x"]]]);
});

test("nonsense anywhere in a plan is passed over", () => {
  for (const nonsense of NONSENSE) {
    assert.equal(replacementsOf(nonsense as PlanJson), null);
    assert.equal(replacementsOf({ resource_changes: nonsense }), null);
    assert.equal(replacementsOf(planOf(nonsense, changeOf("r.a", { actions: nonsense }))), null);
    assert.equal(replacementsOf(planOf({ address: "r.a", type: "r", change: nonsense })), null);
    const paths = planOf(changeOf("r.a", { actions: nonsense, replace_paths: [nonsense, [nonsense], ["x"]] }));
    assert.ok(replacementsOf(paths)?.["r.a"]?.includes("x"));
  }
});
