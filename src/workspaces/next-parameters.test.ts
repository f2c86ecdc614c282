import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DeclaredParameter } from "../templates/parameters.ts";
import { nextParameters } from "./next-parameters.ts";

const declare = (name: string, given: Partial<DeclaredParameter> = {}): DeclaredParameter => ({
  name,
  type: "string",
  required: false,
  defaultValue: "",
  mutable: true,
  options: [],
  validation: { regex: "", min: null, max: null, error: "" },
  ...given,
});

const values = (given: Record<string, string>) => Object.entries(given).map(([name, value]) => ({ name, value }));
const next = (declared: DeclaredParameter[], latest: Record<string, string>, given: Record<string, string>) =>
  nextParameters(declared, values(latest), values(given));

const taken = (...asked: Parameters<typeof next>) => {
  const result = next(...asked);
  assert.ok(result.ok, JSON.stringify(result));
  return Object.fromEntries(result.parameters.map(({ name, value }) => [name, value]));
};
const refused = (...asked: Parameters<typeof next>) => {
  const result = next(...asked);
  assert.ok(!result.ok);
  return result.problems;
};

describe("the parameters of the next build", () => {
  test("are the latest build's, but for what is given", () => {
    const declared = [declare("size"), declare("region")];
    assert.deepEqual(taken(declared, { size: "s", region: "eu" }, { size: "l" }), { size: "l", region: "eu" });
  });

  test("are the version's, which forgets what it does not declare and adds what it does", () => {
    const declared = [declare("size"), declare("disk", { defaultValue: "10" })];
    assert.deepEqual(taken(declared, { size: "s", colour: "red" }, {}), { size: "s", disk: "10" });
  });

  test("are all that there are where the version declares none", () => {
    assert.deepEqual(taken([], { a: "1", b: "2" }, { b: "3", c: "4" }), { a: "1", b: "3", c: "4" });
  });

  test("do not change where the template fixes them, and only the change is refused", () => {
    const declared = [declare("region", { mutable: false }), declare("size")];
    assert.deepEqual(taken(declared, { region: "eu" }, { region: "eu" })["region"], "eu");
    assert.deepEqual(refused(declared, { region: "eu" }, { region: "us", size: "l" }), [
      { name: "region", problem: "cannot be changed any more: the template fixes it with the first build" },
    ]);
  });

  test("can be given once where the version fixes what there was not before", () => {
    assert.deepEqual(taken([declare("region", { mutable: false })], {}, { region: "us" }), { region: "us" });
  });

  test("are refused when the version does not take them, be they given or kept", () => {
    const sizes = [{ name: "small", value: "s" }];
    const declared = [declare("size", { options: sizes }), declare("token", { required: true })];
    const names = refused(declared, { size: "xl" }, { colour: "red" }).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), ["colour", "size", "token"]);
  });
});
