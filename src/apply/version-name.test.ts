import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ApplyTemplate, checkApplyDocument } from "./document.ts";
import { versionNameOf } from "./version-name.ts";

const SMALL = { name: "small", parameters: { size: "small", cores: "2" }, prebuilds: { instances: 3 } };
const LARGE = { name: "large", parameters: { size: "large" } };

function nameWith(change: Record<string, unknown> = {}): string {
  const source = { hash: "a".repeat(64), archive: "AAAA" };
  const template = { name: "t", provisioner: "command", source, presets: [SMALL, LARGE], ...change };
  const checked = checkApplyDocument({ templates: [template] });
  assert.ok(checked.ok, JSON.stringify(checked));
  return versionNameOf(checked.value.templates[0] as ApplyTemplate);
}

describe("versionNameOf", () => {
  it("is twelve hexadecimal digits", () => assert.match(nameWith(), /^[0-9a-f]{12}$/));

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
});
