import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type DeclaredParameter,
  parameterProblems,
  regexProblem,
  resolveParameters,
  valueProblem,
} from "./parameters.ts";

type Change = Partial<Omit<DeclaredParameter, "validation" | "options">> & {
  validation?: Partial<DeclaredParameter["validation"]>;
  options?: readonly string[];
};

function declared({ validation, options = [], ...change }: Change = {}): DeclaredParameter {
  return {
    name: "p",
    type: "string",
    required: true,
    defaultValue: "",
    mutable: true,
    ...change,
    options: options.map((value) => ({ name: `option ${value}`, value })),
    validation: { regex: "", min: null, max: null, error: "", ...validation },
  };
}

const given = (values: Record<string, string>) => Object.entries(values).map(([name, value]) => ({ name, value }));
const problemOf = (change: Change, value: string) => parameterProblems([declared(change)], given({ p: value }))[0];

describe("the parameters of a build", () => {
  it("are taken as they are when the version declares none", () => {
    assert.deepEqual(parameterProblems([], given({ size: "x".repeat(100_000) })), []);
  });

  it("are refused when the version declares others, and those are named", () => {
    assert.deepEqual(
      parameterProblems([declared({ name: "size" }), declared({ name: "cores" })], given({ siez: "" })),
      [
        { name: "siez", problem: "is not a parameter of this template version, which takes size, cores" },
        { name: "size", problem: "is missing: it has no default, so a value has to be given" },
        { name: "cores", problem: "is missing: it has no default, so a value has to be given" },
      ],
    );
  });

  it("may leave out what has a default", () => {
    assert.deepEqual(parameterProblems([declared({ required: false })], []), []);
  });

  it("may be the empty text when they are text, and that is not the same as missing", () => {
    assert.deepEqual(parameterProblems([declared()], given({ p: "" })), []);
  });

  const NUMBER = "must be a number, such as 4 or 0.5";
  const LIST = 'must be a JSON list of text, such as ["a", "b"]';
  const MATCH = "must match the regular expression ";
  const cases: readonly [change: Change, value: string, problem: string | undefined][] = [
    ...["0", "4", "-4", "3.10", "007", "9".repeat(300)].map((value): [Change, string, undefined] => [
      { type: "number" },
      value,
      undefined,
    ]),
    ...["", " 4", "4\n", "four", "1e3", "0x10", "1.", ".5", "NaN", "Infinity", "9".repeat(400)].map(
      (value): [Change, string, string] => [{ type: "number" }, value, NUMBER],
    ),
    [{ type: "bool" }, "true", undefined],
    [{ type: "bool" }, "false", undefined],
    [{ type: "bool" }, "True", "must be true or false"],
    [{ type: "bool" }, "", "must be true or false"],
    [{ type: "list(string)" }, "[]", undefined],
    [{ type: "list(string)" }, '["a", ""]', undefined],
    [{ type: "list(string)" }, "a", LIST],
    [{ type: "list(string)" }, "[1]", LIST],
    [{ type: "list(string)" }, '{"0": "a"}', LIST],
    [{ options: ["s", "m"] }, "m", undefined],
    [{ options: ["s", "m"] }, "option m", "must be one of s, m"],
    [{ options: ["s", "m"] }, "", "must be one of s, m"],
    [{ options: [..."abcdefghijkl"] }, "z", "must be one of a, b, c, d, e, f, g, h, i, j, 2 more"],
    [{ type: "list(string)", options: ["a", "b"] }, '["b", "a"]', undefined],
    [{ type: "list(string)", options: ["a", "b"] }, '["a", "c"]', "may list a, b only"],
    [{ type: "list(string)", options: ['["a", "b"]'] }, '["a", "b"]', undefined],
    [{ type: "number", validation: { min: -1, max: 8 } }, "-1", undefined],
    [{ type: "number", validation: { min: -1, max: 8 } }, "-1.5", "must be at least -1"],
    [{ type: "number", validation: { min: -1, max: 8 } }, "8", undefined],
    [{ type: "number", validation: { min: -1, max: 8 } }, "8.01", "must be at most 8"],
    [{ type: "number", validation: { min: 0 } }, "-1", "must be at least 0"],
    [{ type: "number", validation: { regex: "^\\d+$" } }, "1.5", `${MATCH}^\\d+$`],
    [{ validation: { regex: "b+" } }, "abc", undefined],
    [{ validation: { regex: "^b+$" } }, "abc", `${MATCH}^b+$`],
    [{ validation: { regex: "^.$" } }, "🙂", undefined],
    [{ validation: { regex: "^b$", error: "give it a b" } }, "a", "give it a b"],
    [{ validation: { regex: "^b$" } }, "b\n", `${MATCH}^b$`],
    [{}, "x".repeat(8_192), undefined],
    [{}, "x".repeat(8_193), "must have at most 8192 characters"],
  ];
  for (const [change, value, problem] of cases) {
    const what = `${JSON.stringify(value.slice(0, 20))} for ${JSON.stringify(change)}`;
    it(problem === undefined ? `take ${what}` : `refuse ${what}: ${problem}`, () =>
      assert.deepEqual(problemOf(change, value), problem === undefined ? undefined : { name: "p", problem }),
    );
  }

  it("report a stored regular expression that cannot be used instead of failing on it", () => {
    const problem = "cannot be checked, because the regular expression that the template gives ";
    assert.deepEqual(problemOf({ validation: { regex: "(a" } }, "a"), {
      name: "p",
      problem: `${problem}is invalid: missing closing ): \`(a\``,
    });
    assert.deepEqual(problemOf({ validation: { regex: "a".repeat(513) } }, "a"), {
      name: "p",
      problem: `${problem}has more than 512 characters`,
    });
  });
});

describe("a regular expression", () => {
  for (const [regex, problem] of [
    ["^[a-z]+(?:-[a-z]+)*$", undefined],
    ["a".repeat(512), undefined],
    ["a".repeat(513), "has more than 512 characters"],
    ["[a", "is invalid: missing closing ]: `[a`"],
    ["a(?=b)", "is invalid: invalid or unsupported Perl syntax: `(?=`"],
    ["\\Aa\\z", undefined],
  ] as const) {
    it(`${regex.slice(0, 20)} of ${regex.length} characters ${problem ?? "can be used"}`, () =>
      assert.equal(regexProblem(regex), problem));
  }
});

it("a regular expression that others would try for hours on a long value is answered at once", () => {
  const validation = { regex: "^(a+)+$", min: null, max: null, error: "" };
  const problem = valueProblem({ type: "string", options: [], validation }, `${"a".repeat(8_000)}b`);
  assert.match(problem ?? "", /must match/);
});

describe("the values that a build gets", () => {
  const size = declared({ name: "size" });
  const cores = declared({ name: "cores", type: "number", required: false, defaultValue: "2" });

  it("are the given ones and the defaults of the rest, in the order of their names", () => {
    assert.deepEqual(resolveParameters([size, cores], given({ size: "s" })), given({ cores: "2", size: "s" }));
  });

  it("prefer what is given to a default, the empty text too", () => {
    assert.deepEqual(resolveParameters([cores], given({ cores: "" })), given({ cores: "" }));
  });

  it("are what is given when the version declares none", () => {
    assert.deepEqual(resolveParameters([], given({ b: "1", B: "2", a: "3" })), given({ B: "2", a: "3", b: "1" }));
  });
});
