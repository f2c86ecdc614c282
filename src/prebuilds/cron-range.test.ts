import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { contains, overlaps, parseCronRange, parseField } from "./cron-range.ts";

const field = (max: number) => ({ name: "a number", min: 0, max });
const numbersOf = (text: string, max: number): number[] | string => {
  const values = parseField(text, field(max));
  return typeof values === "string" ? values : [...values].toSorted((a, b) => a - b);
};

describe("a field of a cron expression", () => {
  const GOOD: readonly [text: string, max: number, numbers: readonly number[]][] = [
    ["*", 5, [0, 1, 2, 3, 4, 5]],
    ["3", 5, [3]],
    ["1-3", 5, [1, 2, 3]],
    ["1-3,5,7-9", 9, [1, 2, 3, 5, 7, 8, 9]],
    ["2-2", 5, [2]],
    ["3,1,3", 5, [1, 3]],
    ["03", 5, [3]],
    ["*/2", 5, [0, 2, 4]],
    ["1-5/2", 5, [1, 3, 5]],
    ["1-5/9", 5, [1]],
  ];
  for (const [text, max, numbers] of GOOD) {
    it(`${text} up to ${max} stands for ${numbers}`, () => assert.deepEqual(numbersOf(text, max), numbers));
  }

  const BAD: readonly [text: string, max: number, problem: string][] = [
    ["6", 5, "has a number above 5"],
    ["4-6", 5, "has a number above 5"],
    ["3-1", 5, "has a range that ends before it begins: 3-1"],
    ["abc", 5, 'has a number that cannot be read: "abc"'],
    ["-1", 5, 'has a number that cannot be read: "-1"'],
    ["1-", 5, 'has a number that cannot be read: "1-"'],
    ["11", 10, "has a number above 10"],
    ["1,", 5, 'has a number that cannot be read: ""'],
    ["1-2-3", 5, 'has a number that cannot be read: "1-2-3"'],
    ["*-3", 5, 'has a number that cannot be read: "*-3"'],
    ["*/0", 5, 'has a number that cannot be read: "*/0"'],
    ["1/2", 5, 'has a number that cannot be read: "1/2"'],
    ["1.5", 5, 'has a number that cannot be read: "1.5"'],
    ["99999", 5, 'has a number that cannot be read: "99999"'],
    ["?", 5, 'has a number that cannot be read: "?"'],
    ["L", 5, 'has a number that cannot be read: "L"'],
  ];
  for (const [text, max, problem] of BAD) {
    it(`${text} up to ${max} ${problem}`, () => assert.equal(numbersOf(text, max), problem));
  }
});

const FORM = "must be a cron expression of five fields, such as * 8-18 * * 1-5";
const WEEKDAY = "has a weekday above 6; Sunday is 0";

describe("a cron expression", () => {
  /** Undefined where the expression is good. */
  const CASES: readonly [number: string, expression: string, problem: string | undefined][] = [
    ["82", "* 25-26 * * *", "has an hour above 23"],
    ["82", "* * * 13 *", "has a month above 12"],
    ["82", "* 9-18 * *", FORM],
    ["82", "0 * 9-18 * * *", FORM],
    ["82b", "", FORM],
    ["82b", "@daily", FORM],
    ["82b", "CRON_TZ=UTC * * * * *", FORM],
    ["82c", "  *  9-18 *\t* 1-5 ", undefined],
    ["85", "* 23 * * *", undefined],
    ["85", "* 24 * * *", "has an hour above 23"],
    ["85", "* * * 12 *", undefined],
    ["85", "* * * 13 *", "has a month above 12"],
    ["85", "* * 31 * *", undefined],
    ["85", "* * 32 * *", "has a day of the month above 31"],
    ["85", "* * * * 6", undefined],
    ["85", "* * * * 7", WEEKDAY],
    ["85b", "* * * * 1-7", WEEKDAY],
    ["85b (ours)", "59 * * * *", undefined],
    ["85b (ours)", "60 * * * *", "has a minute above 59"],
    ["85c (ours)", "* * 0 * *", "has a day of the month below 1"],
    ["85c (ours)", "* * * 0 *", "has a month below 1"],
    ["85d (ours)", "* * * JAN-mar,Dec Mon-FRI", undefined],
    ["85d (ours)", "* * * mon *", 'has a month that cannot be read: "mon"'],
    ["85d (ours)", "* * * * fri-mon", "has a range that ends before it begins: fri-mon"],
    ["85e (ours)", "* * 30 2 *", "never comes: there is no such day"],
    ["85e (ours)", "* * 31 4,6,9,11 *", "never comes: there is no such day"],
    ["85e (ours)", "* * 29 2 *", undefined],
    ["85e (ours)", "* * 31 2,3 *", undefined],
    ["85e (ours)", "* * 31 2 1", undefined],
  ];
  for (const [number, expression, problem] of CASES) {
    it(`${number} ${JSON.stringify(expression)} ${problem ?? "can be read"}`, () => {
      const range = parseCronRange(expression);
      assert.equal(typeof range === "string" ? range : undefined, problem);
    });
  }
});

describe("two windows", () => {
  const CASES: readonly [number: string, a: string, b: string, overlap: boolean][] = [
    ["68", "* 9-18 * * 1-5", "* 9-18 * * 1-5", true],
    ["68b", "* * * * *", "* * * * *", true],
    ["70", "* 9-14 * * 1-5", "* 12-18 * * 1-5", true],
    ["70b", "* 9-12 * * 1-5", "* 12-18 * * 1-5", true],
    ["70c", "* 9-11 * * 1-5", "* 12-18 * * 1-5", false],
    ["71", "* 9-18 * * 1-5", "* 12-14 * * 1-5", true],
    ["73", "* 9-18 * * 1-3", "* 9-18 * * 4-5", false],
    ["73b", "* 9-18 * 1-3 *", "* 9-18 * 4-6 *", false],
    ["73c", "* 9-18 * 1-4 *", "* 9-18 * 4-6 *", true],
    ["74", "* * 1 * 1-3", "* * 2 * 4-5", false],
    ["74b", "* * 1 * 1-3", "* * 2 * 3-5", true],
    ["76", "* * 1 * 1,3,5", "* * 1 * 2,4,6", true],
    ["77", "* * * * 1-5", "* 9-18 * * 1-5", true],
    ["79", "* 9-11,13-15 * * 1-5", "* 12,16-18 * * 1-5", false],
    ["80", "* 9-11,13-15 * * 1-5", "* 10-12,14-16 * * 1-5", true],
    ["83", "* * 1-15 * 1-3", "* * 10-20 * 4-6", true],
    ["83", "* * 1-15 * 1-3", "* * 16-31 * 3-5", true],
    ["83", "* * 1-15 * 1-3", "* * 16-31 * 4-6", false],
    ["83", "* * 1-15 * *", "* * 10-20 * *", true],
    ["83", "* * 1-15 * *", "* * 16-31 * *", false],
    ["83b", "* * 1-15 * 1-3", "* * * * 4-6", false],
    ["83b", "* * * * 1-3", "* * 1-15 * 3-6", true],
    ["83c", "* * 1-15 * 1-3", "* * 10-20 * *", true],
    ["83c", "* * 1-15 * 1-3", "* * 16-31 * *", false],
    ["83d (ours)", "0-29 9 * * *", "30-59 9 * * *", false],
    ["83d (ours)", "0-30 9 * * *", "30-59 9 * * *", true],
  ];
  for (const [number, a, b, overlap] of CASES) {
    it(`${number} ${a} and ${b} ${overlap ? "overlap" : "do not overlap"}`, () => {
      const [first, second] = [parseCronRange(a), parseCronRange(b)];
      assert.ok(typeof first !== "string" && typeof second !== "string");
      assert.equal(overlaps(first, second), overlap);
      assert.equal(overlaps(second, first), overlap, "in either order");
    });
  }
});

describe("a minute", () => {
  /** The 2nd of June 2025, a Monday. */
  const monday = { minute: 30, hour: 9, dayOfMonth: 2, month: 6, dayOfWeek: 1 };
  const CASES: readonly [says: string, expression: string, within: boolean][] = [
    ["within all fields", "30 9 2 6 1", true],
    ["outside of the minutes", "0-29 9 * * *", false],
    ["outside of the hours", "* 10 * * *", false],
    ["outside of the months", "* * * 7 *", false],
    ["outside of the weekdays", "* * * * 2", false],
    ["outside of the days of the month", "* * 3 * *", false],
    ["with the day of the month of two restricted fields", "* * 2 * 3", true],
    ["with the weekday of two restricted fields", "* * 3 * 1", true],
    ["with neither of two restricted fields", "* * 3 * 3", false],
    ["with both where a field says every day in so many numbers", "* * 1-31 * 3", true],
    ["with the weekday where the other field is a star with a step, which restricts it", "* * */2 * 1", true],
  ];
  for (const [says, expression, within] of CASES) {
    it(`${says} is ${within ? "" : "not "}in ${expression}`, () => {
      const range = parseCronRange(expression);
      assert.ok(typeof range !== "string");
      assert.equal(contains(range, monday), within);
    });
  }
});
