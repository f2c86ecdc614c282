import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { applyDocumentJson, checkApplyDocument, pathText } from "./document.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A document of one template that declares these parameters and has these presets. */
function check(parameters: unknown, presets: readonly Fields[] = []) {
  const source = { hash: "a".repeat(64), archive: "AAAA" };
  return checkApplyDocument({ templates: [{ name: "t", provisioner: "command", source, parameters, presets }] });
}

function problemsOf(parameters: unknown, presets: readonly Fields[] = []): string[] {
  const checked = check(parameters, presets);
  return checked.ok ? [] : checked.problems.map(({ path, message }) => `${pathText(path)}: ${message}`);
}

const PARAMETERS = "templates[0].parameters";
const PRESETS = "templates[0].presets";
const BOUND = "must be a whole number from -2147483648 to 2147483647";

describe("the parameters that a template declares", () => {
  it("need a name only, and then are required text", () => {
    const checked = check([{ name: "size" }]);
    assert.ok(checked.ok);
    assert.deepEqual(checked.value.templates[0]?.parameters, [
      { name: "size", display_name: "", description: "", type: "string", mutable: true, options: [], validation: {} },
    ]);
  });

  it("are the same after a way over the network", () => {
    const full = {
      name: "cores",
      display_name: "Cores",
      description: "How many.",
      type: "number",
      default: 4,
      mutable: false,
      options: [
        { name: "few", value: 2 },
        { name: "many", value: 4 },
      ],
      validation: { regex: "^\\d+$", error: "whole numbers", min: -1, max: 2_147_483_647 },
    };
    const checked = check([full, { name: "size" }]);
    assert.ok(checked.ok, JSON.stringify(checked));
    assert.deepEqual(checkApplyDocument(JSON.parse(applyDocumentJson(checked.value))), checked);
    assert.equal(checked.value.templates[0]?.parameters[0]?.default, "4");
  });

  const list = { name: "l", type: "list(string)", options: [{ name: "A", value: "a" }] };
  for (const [what, parameter] of [
    ["a default that is the empty text", { name: "p", default: "" }],
    ["equal bounds", { name: "p", type: "number", validation: { min: 2, max: 2 } }],
    ["options that are the entries of a list", { ...list, default: '["a"]' }],
  ] as const) {
    it(`may have ${what}`, () => assert.deepEqual(problemsOf([parameter]), []));
  }

  const refused: readonly [what: string, parameters: unknown, problems: readonly string[]][] = [
    ["that are a map", { size: "small" }, [": must be a list"]],
    ["without a name", [{}], ["[0].name: is missing"]],
    ["of an unknown type", [{ name: "p", type: "text" }], ["[0].type: must be string, number, bool or list(string)"]],
    ["with a key of another language", [{ name: "p", option: [] }], ["[0].option: is not a known key"]],
    [
      "twice",
      [{ name: "p" }, { name: "q" }, { name: "p" }],
      ['[2].name: is there twice: "p" is also entry 0 of this list'],
    ],
    [
      "with an option twice, once as a number",
      [
        {
          name: "p",
          options: [
            { name: "a", value: 4 },
            { name: "a", value: "4" },
          ],
        },
      ],
      [
        '[0].options[1].name: is there twice: "a" is also entry 0 of this list',
        '[0].options[1].value: is there twice: "4" is also entry 0 of this list',
      ],
    ],
    [
      "with an invalid regular expression",
      [{ name: "p", validation: { regex: "(a" } }],
      ["[0].validation.regex: is invalid: missing closing ): `(a`"],
    ],
    [
      "with a very long regular expression",
      [{ name: "p", validation: { regex: "a".repeat(513) } }],
      ["[0].validation.regex: must be text of at most 512 characters"],
    ],
    [
      "with an error that nothing could cause",
      [{ name: "p", validation: { error: "no" } }],
      ["[0].validation.error: says what is wrong when regex does not match: add regex, or leave this out"],
    ],
    [
      "with bounds that leave nothing",
      [{ name: "p", type: "number", validation: { min: 3, max: 2 } }],
      ["[0].validation.max: must not be below min, which is 3"],
    ],
    [
      "that are not numbers but have bounds",
      [{ name: "p", validation: { min: 0, max: 2 } }],
      ["min", "max"].map((key) => `[0].validation.${key}: is for parameters of the type number only`),
    ],
    ...[1.5, 2 ** 31, -(2 ** 31) - 1, "1", null].map((min): [string, unknown, string[]] => [
      `with the bound ${JSON.stringify(min)}`,
      [{ name: "p", type: "number", validation: { min } }],
      [`[0].validation.min: ${BOUND}`],
    ]),
    [
      "with a default of another type",
      [{ name: "p", type: "bool", default: 1 }],
      ["[0].default: must be true or false"],
    ],
    [
      "with a default below the smallest number",
      [{ name: "p", type: "number", default: 0, validation: { min: 1 } }],
      ["[0].default: must be at least 1"],
    ],
    [
      "with a default that is none of the options",
      [{ name: "p", default: "m", options: [{ name: "m", value: "medium" }] }],
      ["[0].default: must be one of medium"],
    ],
    [
      "with an option of another type",
      [{ name: "p", type: "number", options: [{ name: "m", value: "medium" }] }],
      ["[0].options[0].value: could never be chosen: it must be a number, such as 4 or 0.5"],
    ],
  ];
  for (const [what, parameters, problems] of refused) {
    it(`are refused ${what}`, () => {
      assert.deepEqual(
        problemsOf(parameters),
        problems.map((problem) => `${PARAMETERS}${problem}`),
      );
    });
  }
});

describe("the presets of a template that declares parameters", () => {
  const size = {
    name: "size",
    options: [
      { name: "S", value: "small" },
      { name: "L", value: "large" },
    ],
  };
  const cores = { name: "cores", type: "number", default: "2" };
  const prebuilds = { instances: 0 };

  it("may leave out what has a default", () => {
    assert.deepEqual(problemsOf([size, cores], [{ name: "a", parameters: { size: "small" }, prebuilds }]), []);
  });

  it("may leave out what a person has to give, unless they have prebuilds", () => {
    assert.deepEqual(problemsOf([size, cores], [{ name: "a" }, { name: "b", prebuilds }]), [
      `${PRESETS}[1].parameters: size is missing: it has no default, so a value has to be given`,
    ]);
  });

  it("are refused for values and names that the declarations refuse", () => {
    const bad = { name: "b", parameters: { size: "medium", cores: "two", gpu: true }, prebuilds };
    assert.deepEqual(problemsOf([size, cores], [{ name: "a", parameters: { size: "small" } }, bad]), [
      `${PRESETS}[1].parameters.size: must be one of small, large`,
      `${PRESETS}[1].parameters.cores: must be a number, such as 4 or 0.5`,
      `${PRESETS}[1].parameters.gpu: is not a parameter of this template version, which takes size, cores`,
    ]);
  });

  it("are checked although something else is wrong with the document", () => {
    const presets = [{ name: "a", parameters: { size: 7 }, icon: 7 }];
    assert.deepEqual(problemsOf([size], presets), [
      `${PRESETS}[0].icon: must be text of at most 256 characters`,
      `${PRESETS}[0].parameters.size: must be one of small, large`,
    ]);
  });

  it("may have any parameters when the template declares none", () => {
    assert.deepEqual(problemsOf([], [{ name: "a", parameters: { any: "thing" }, prebuilds }]), []);
  });
});
