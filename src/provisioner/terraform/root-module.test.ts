import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileValues, parameterNamesIn, problemWithNames, problemWithValues } from "./root-module.ts";

describe("the names of a source's files", () => {
  test("are fine as long as none that overrides comes behind ours", () => {
    const names = ["main.tf", "override.tf", "z_override.tf.json", "{_override.tf", "~a_override.tf", "é.tf", "~~.tf"];
    assert.equal(problemWithNames([...names, ".~~_override.tf", "~~_override.txt", "README.md"]), undefined);
  });

  for (const name of ["~~_override.tf", "é_override.tf.json", "~prebuildd_override.tf", "~prebuildd_override.tofu"]) {
    test(`are not with ${name}`, () =>
      assert.match(problemWithNames(["main.tf", name]) ?? "", /would have the last word/));
  }
});

describe("a file of values", () => {
  test("is looked at when Terraform reads it of itself", () => {
    const text = "size = 1";
    const isRefused = (name: string) => problemWithValues([{ name, text }], ["size"]) !== undefined;
    assert.deepEqual(
      ["terraform.tfvars", "a.auto.tfvars", ".auto.tfvars", "a.tfvars", "main.tf", "x.terraform.tfvars"].filter(
        isRefused,
      ),
      ["terraform.tfvars", "a.auto.tfvars", ".auto.tfvars"],
    );
  });

  test("is refused for a parameter and for what tells about the workspace, whether that is a parameter or not", () => {
    const given = (text: string) => problemWithValues([{ name: "terraform.tfvars", text }], ["my-size"]) ?? "";
    assert.match(given("zone = 1\nmy-size = 2"), /"my-size", which is a parameter of workspaces/);
    assert.match(given("prebuildd_transition = 2"), /"prebuildd_transition", which tells about the workspace/);
    assert.equal(given("zone = { my-size = 1 }"), "");
  });
});

test("what a template declares has the names of its parameters and of those that its presets give", () => {
  const presets = [{ name: "p", parameters: { size: "1" } }, "nonsense", { parameters: null }];
  assert.deepEqual(parameterNamesIn({ presets, parameters: [{ name: "zone" }, { name: 3 }, null] }), ["size", "zone"]);
  assert.deepEqual(parameterNamesIn({ presets: [], parameters: [] }), []);
});

describe("the values that a file gives Terraform", () => {
  const files = [
    {
      name: "main.tf",
      text: 'variable "a-b" {}\nvariable "l-s" {\n  type = list(string)\n}\nvariable "o-k" { type = any }',
    },
    { name: "x_override.tf.json", text: '{"variable": {"a-b": {}, "j-s": {"type": "bool"}, "l-s": {}}}' },
    { name: "other.tfvars", text: 'variable "n-o" {}' },
  ];

  test("are those of declared variables only, and text but for types that hold more", () => {
    const values = fileValues(files, { "a-b": "[1]", "l-s": '["x"]', "o-k": "{", "j-s": "true", "n-o": "1", c: "2" });
    assert.deepEqual(values, { "a-b": "[1]", "l-s": ["x"], "o-k": "{", "j-s": "true" });
  });
});
