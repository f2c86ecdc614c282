import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fitsPrebuilds, matchPreset, mergeParameters } from "./preset-match.ts";
import { createWorkspaceBody } from "./schema.ts";

const preset = (id: string, values: Record<string, string>) => ({
  id,
  parameters: Object.entries(values).map(([name, value]) => ({ name, value })),
});
const given = (values: Record<string, string>) => preset("", values).parameters;

const A = preset("A", { region: "us-west-2", type: "t3.medium" });
const B = preset("B", { region: "us-west-2", type: "t3.large" });
const FAR = preset("far", { region: "us-east-1", type: "t3.large" });
const REGION = preset("region", { region: "us-west-2" });
const NONE = preset("none", {});

describe("the preset that a request without one means", () => {
  const cases: readonly [string, (typeof A)[], Record<string, string>, string | undefined][] = [
    ["159 is the one whose parameters all agree", [A, B], { region: "us-west-2", type: "t3.large" }, "B"],
    ["160 is none when a value differs", [A, B], { region: "us-east-1", type: "t3.medium" }, undefined],
    ["161 is none when a parameter is missing", [A, B], { region: "us-west-2" }, undefined],
    ["162 is the one with the most parameters", [NONE, REGION, A], { region: "us-west-2", type: "t3.medium" }, "A"],
    ["is a preset without parameters when nothing else agrees", [A, NONE], { region: "eu" }, "none"],
    ["is the first among equals", [preset("1", { a: "x" }), preset("2", { b: "y" })], { a: "x", b: "y" }, "1"],
    ["164 is one that agrees beside one of another region", [A, FAR], { region: "us-west-2", type: "t3.medium" }, "A"],
    [
      "164b is one that agrees although the request says more",
      [A],
      { region: "us-west-2", type: "t3.medium", more: "1" },
      "A",
    ],
  ];
  for (const [says, presets, values, id] of cases) {
    it(says, () => assert.equal(matchPreset(presets, given(values))?.id, id));
  }
});

describe("the parameters of a request", () => {
  // The specification has a list of names and one of values, which must be of equal length.
  it("163 (ours) are pairs of a name and a value, and one without a value is refused", () => {
    const parameters = [{ name: "region", value: "us-west-2" }, { name: "type" }];
    const body = { name: "mine", template_id: crypto.randomUUID(), rich_parameter_values: parameters };
    const { error } = createWorkspaceBody.safeParse(body);
    assert.deepEqual(
      error?.issues.map(({ path }) => path.join(".")),
      ["rich_parameter_values.1.value"],
    );
    const whole = { ...body, rich_parameter_values: parameters.slice(0, 1) };
    assert.ok(createWorkspaceBody.safeParse(whole).success);
  });
});

describe("the parameters of a build", () => {
  it("are the preset's where it sets them and the request's otherwise", () => {
    assert.deepEqual(mergeParameters(given({ region: "eu" }), given({ region: "us", type: "large" })), [
      { name: "region", value: "eu" },
      { name: "type", value: "large" },
    ]);
  });
});

describe("the prebuilds of a preset fit a request", () => {
  const declared = [
    { name: "region", mutable: false, defaultValue: "here" },
    { name: "disk", mutable: false, defaultValue: "10" },
    { name: "cores", mutable: true, defaultValue: "2" },
  ];
  const cases: readonly [string, Record<string, string>, Record<string, string>, boolean][] = [
    ["that gives nothing beyond the preset", { region: "there" }, {}, true],
    ["that gives a parameter that can be changed another value", { region: "there" }, { cores: "8" }, true],
    ["that gives one that cannot be changed the value it has by default", { region: "there" }, { disk: "10" }, true],
    ["but not one that gives it another value", { region: "there" }, { disk: "20" }, false],
    [
      "that gives another value for what the preset fixes, which the preset overrides",
      { disk: "5" },
      { disk: "20" },
      true,
    ],
    ["that gives parameters that nobody declares", {}, { anything: "goes" }, true],
  ];
  for (const [name, fixed, wanted, fits] of cases) {
    it(name, () => assert.equal(fitsPrebuilds(declared, given(fixed), given(wanted)), fits));
  }
});
