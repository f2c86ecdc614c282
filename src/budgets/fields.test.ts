import assert from "node:assert/strict";
import { it } from "node:test";
import { idsField, microsField, requestIdField } from "./fields.ts";

const ids = (count: number) =>
  Array.from({ length: count }, (_, n) => `a0000000-0000-4000-8000-${String(n).padStart(12, "0")}`);
const [ONE = "", TWO = ""] = ids(2);

it("an amount is a whole number that can be said exactly, and what is wrong with another is said once", () => {
  for (const good of [0, -0, 1, 2 ** 53 - 1]) assert.equal(microsField.parse(good), good);
  for (const bad of [-1, 0.5, 1.5, 2 ** 53, 1e300, -1e300, Number.NaN, Infinity, "5", "", null, undefined, 5n, [5]]) {
    assert.equal(microsField.safeParse(bad).error?.issues.length, 1, String(bad));
  }
});

it("ids come with commas or one by one, in any case, and those that come twice count once", () => {
  for (const given of [`${ONE},${TWO}`, [ONE, TWO], [`${ONE},${TWO}`, TWO], `${ONE},${TWO},${ONE.toUpperCase()}`]) {
    assert.deepEqual(idsField.parse(given), [ONE, TWO]);
  }
});

it("from 1 to 100 ids are taken at once, those that come twice included", () => {
  assert.equal(idsField.parse(ids(100)).length, 100);
  assert.equal(idsField.parse(ids(100).join(",")).length, 100);
  for (const bad of [
    undefined,
    null,
    "",
    [],
    ids(101),
    ids(101).join(","),
    Array(101).fill(ONE),
    `${ONE},`,
    "x",
    5,
    [5],
  ]) {
    assert.ok(idsField.safeParse(bad).error, String(bad).slice(0, 60));
  }
});

it("a request id has from 1 to 128 characters that can be printed, without spaces", () => {
  for (const good of ["x", ONE, "!", "~", "x".repeat(128)]) assert.equal(requestIdField.parse(good), good);
  for (const bad of ["", " ", "a b", "a\n", "\na", "ä", "\u007f", "x".repeat(129), 5, null, undefined]) {
    assert.ok(requestIdField.safeParse(bad).error, JSON.stringify(bad));
  }
});
