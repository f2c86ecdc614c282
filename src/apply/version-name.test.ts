import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ApplyTemplate, checkApplyDocument } from "./document.ts";
import { versionNameOf } from "./version-name.ts";

const SMALL = { name: "small", parameters: { size: "small", cores: "2" }, prebuilds: { instances: 3 } };
const LARGE = { name: "large", parameters: { size: "large" } };
const SIZE = {
  name: "size",
  options: [
    { name: "S", value: "small" },
    { name: "L", value: "large" },
  ],
};
const CORES = { name: "cores", type: "number", default: "2" };
const DECLARED = { parameters: [SIZE, CORES] };

function nameWith(change: Record<string, unknown> = {}): string {
  const source = { hash: "a".repeat(64), archive: "AAAA" };
  const template = { name: "t", provisioner: "command", source, presets: [SMALL, LARGE], ...change };
  const checked = checkApplyDocument({ templates: [template] });
  assert.ok(checked.ok, JSON.stringify(checked));
  return versionNameOf(checked.value.templates[0] as ApplyTemplate);
}

describe("versionNameOf", () => {
  it("is twelve hexadecimal digits", () => assert.match(nameWith(), /^[0-9a-f]{12}$/));

  it("is what it was before templates could declare parameters when they declare none", () => {
    assert.equal(nameWith(), "be9fc493009a");
    assert.equal(nameWith({ parameters: [] }), "be9fc493009a");
  });

  it("does not depend on whether a default of a declaration is written down", () => {
    const written = { ...SIZE, type: "string", mutable: true, description: "", validation: {} };
    assert.equal(nameWith({ parameters: [written, { ...CORES, default: 2 }] }), nameWith(DECLARED));
  });

  const same: readonly [sentence: string, change: Record<string, unknown>][] = [
    ["the order of presets", { presets: [LARGE, SMALL] }],
    ["the order of parameters", { presets: [{ ...SMALL, parameters: { cores: 2, size: "small" } }, LARGE] }],
    ["the size of a pool", { presets: [{ ...SMALL, prebuilds: { instances: 9 } }, LARGE] }],
    ["descriptions", { description: "new", presets: [{ ...SMALL, description: "new" }, LARGE] }],
    ["the archive's bytes when the content is the same", { source: { hash: "a".repeat(64), archive: "BBBB" } }],
  ];
  for (const [sentence, change] of same) {
    it(`does not depend on ${sentence}`, () => assert.equal(nameWith(change), nameWith()));
  }

  const different: readonly [sentence: string, change: Record<string, unknown>][] = [
    ["the source", { source: { hash: "b".repeat(64), archive: "AAAA" } }],
    ["the provisioner", { provisioner: "terraform" }],
    ["a preset's name", { presets: [{ ...SMALL, name: "tiny" }, LARGE] }],
    ["a parameter's value", { presets: [{ ...SMALL, parameters: { size: "small", cores: "4" } }, LARGE] }],
    ["the list of presets", { presets: [SMALL] }],
  ];
  for (const [sentence, change] of different) {
    it(`depends on ${sentence}`, () => assert.notEqual(nameWith(change), nameWith()));
  }

  it("tells a smallest number from an equal largest one", () => {
    const [least, most] = ["min", "max"].map((key) => [SIZE, { ...CORES, validation: { [key]: 2 } }]);
    assert.notEqual(nameWith({ parameters: least }), nameWith({ parameters: most }));
  });

  const redeclared: readonly [sentence: string, parameters: readonly unknown[]][] = [
    ["whether there is one", []],
    ["their order", [CORES, SIZE]],
    ["a description", [{ ...SIZE, description: "How large." }, CORES]],
    ["a type", [SIZE, { ...CORES, type: "string" }]],
    ["a default", [SIZE, { ...CORES, default: "4" }]],
    ["whether there is a default", [{ ...SIZE, default: "small" }, CORES]],
    ["whether a value may change", [SIZE, { ...CORES, mutable: false }]],
    ["the options", [{ ...SIZE, options: [...SIZE.options, { name: "M", value: "medium" }] }, CORES]],
    ["a rule", [SIZE, { ...CORES, validation: { min: 1 } }]],
  ];
  for (const [sentence, parameters] of redeclared) {
    it(`depends on the declared parameters: ${sentence}`, () =>
      assert.notEqual(nameWith({ parameters }), nameWith(DECLARED)));
  }
});
