import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assignedNames, assignedNamesInJson, declaredVariables, declaredVariablesInJson } from "./hcl.ts";

describe("what a file of values sets", () => {
  const table: readonly [what: string, text: string, names: string[]][] = [
    ["is nothing in an empty file", "", []],
    ["is named before an equals sign", 'size = 10\nmy-zone="a"\nlarge=true', ["size", "my-zone", "large"]],
    ["is not what stands in a comment", "# a = 1\n// b = 2\n/* c = 3\nd = 4 */ e = 5 # f = 6", ["e"]],
    [
      "is not what stands in an object or a list",
      'a = {\n  b = 1\n}\nc = [\n  { d = 2 },\n]\ne = "f = 3"',
      ["a", "c", "e"],
    ],
    ["is not what stands in a string", 'a = "\\" b = 1 {"\nc = "\\\\"\nd = "#"\ne = "/*"', ["a", "c", "d", "e"]],
    ["is not what stands in a template", `a = "x \${f("}\\"", {b = 1})} c = 2 %{if "}"}y"\nd = 1`, ["a", "d"]],
    ["is seen behind what only looks like a template", 'a = "$${"\nb = "%%{"\nc = "$"\nd = 1', ["a", "b", "c", "d"]],
    [
      "is not what stands in a heredoc",
      "a = <<EOT\nb = {\nEOTx = 1\nEOT\nc = <<-E-1\n  d = [\n  E-1\ne = 1",
      ["a", "c", "e"],
    ],
    ["is seen behind an empty heredoc", "a = <<EOT\nEOT\nb = 1", ["a", "b"]],
    ["is not what is compared", "a = b == c\nd = e != f\ng = h <= i\n", ["a", "d", "g"]],
    [
      "is seen behind a byte order mark and with other line ends",
      "\uFEFFa = 1\r\nb = <<E\r\nc = 1\r\nE\r\nd = 2\r\n",
      ["a", "b", "d"],
    ],
    ["may have letters of any language", "größe = 1", ["größe"]],
  ];
  for (const [what, text, names] of table) {
    test(what, () => assert.deepEqual(assignedNames(text), names));
  }

  test("are the keys of the object, or the objects, in JSON", () => {
    assert.deepEqual(assignedNamesInJson('{"a": {"b": 1}, "c-d": "e"}'), ["a", "c-d"]);
    assert.deepEqual(assignedNamesInJson('[{"a": 1}, {"b": 2}]'), ["a", "b"]);
    for (const text of ["", "nonsense", "null", "3", '"a"']) assert.deepEqual(assignedNamesInJson(text), []);
  });

  test("is found in a long text in no time, also in a broken one", () => {
    const startedAt = performance.now();
    for (const piece of ["<<A\n", '"${', "/*", "{", "a = <<A\nA b\n", "\uFEFF \n"]) assignedNames(piece.repeat(20_000));
    assert.ok(performance.now() - startedAt < 5_000);
  });
});

describe("the variables that a source declares", () => {
  test("have names, and types by their first word", () => {
    const text = `
      variable "my-list" {
        default = { type = number }
        type    = list(string)
        validation {
          condition = var.type == "x"
        }
      }
      variable plain {}
      variable "old" { type = "map" }
      resource "variable" "no" { variable "inner" {} }
      locals { type = 1 }`;
    assert.deepEqual(declaredVariables(text), [
      { name: "my-list", type: "list" },
      { name: "plain", type: undefined },
      { name: "old", type: "map" },
    ]);
  });

  test("are found in JSON, too", () => {
    const text = '{"variable": {"my-list": {"type": "list(string)"}, "plain": [{}]}, "resource": {"a": {}}}';
    assert.deepEqual(declaredVariablesInJson(text), [
      { name: "my-list", type: "list" },
      { name: "plain", type: undefined },
    ]);
    assert.deepEqual(declaredVariablesInJson('[{"variable": [{"a": {}}]}, {"variable": {"b": {}}}]').length, 2);
    assert.deepEqual(declaredVariablesInJson("nonsense"), []);
  });
});
