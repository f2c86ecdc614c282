import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UsageError } from "../errors.ts";
import { parseApplyFile } from "./parse.ts";

/** A file with one template that has these settings from line 5 on. */
const withSettings = (...lines: readonly string[]) =>
  ["templates:", "  - name: t", "    provisioner: command", "    source: ./t"]
    .concat(lines.map((line) => `    ${line}`))
    .join("\n");

function problemsOf(...lines: readonly string[]): string[] {
  try {
    parseApplyFile(withSettings(...lines), "x.yaml");
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message.split("\n");
  }
  return [];
}

const ttlRule = "must be a duration such as 90s, 5m or 1h30m, or a whole number of seconds, from 0 to 30 days";
const minutesRule = (days: number) =>
  `must be 0 (never), or a duration such as 5m or 1h30m or a whole number of seconds, from 1 minute to ${days} days`;
const daysRule = "must be monday, tuesday, wednesday, thursday, friday, saturday or sunday";

describe("the lifecycle of a template in an apply file", () => {
  it("is understood, with durations in seconds and every week unless weeks are given", () => {
    const { file } = parseApplyFile(
      withSettings(
        "default_ttl: 4h",
        "max_ttl: 2d",
        "failure_ttl: 0",
        "time_til_dormant: 720h",
        "autostop_requirement: { days_of_week: [sunday] }",
        "autostart_requirement: { days_of_week: [] }",
      ),
      "x.yaml",
    );
    const [template] = file.templates;
    assert.deepEqual(
      [template?.default_ttl, template?.max_ttl, template?.failure_ttl, template?.time_til_dormant],
      [14_400, 172_800, 0, 2_592_000],
    );
    assert.deepEqual(template?.autostop_requirement, { days_of_week: ["sunday"], weeks: 1 });
    assert.deepEqual(template?.autostart_requirement, { days_of_week: [] });
    assert.equal(template?.activity_bump, undefined);
  });

  const cases: readonly [sentence: string, lines: readonly string[], problems: readonly string[]][] = [
    [
      "times to live of more than 30 days",
      ["max_ttl: 31d", "activity_bump: -1"],
      [`5:14: templates[0].max_ttl: ${ttlRule}`, `6:20: templates[0].activity_bump: ${ttlRule}`],
    ],
    [
      "what is off with 0 when it is below a minute or too long",
      ["failure_ttl: 59s", "time_til_dormant: 3651d", "time_til_dormant_autodelete: soon"],
      [
        `5:18: templates[0].failure_ttl: ${minutesRule(30)}`,
        `6:23: templates[0].time_til_dormant: ${minutesRule(3_650)}`,
        `7:34: templates[0].time_til_dormant_autodelete: ${minutesRule(3_650)}`,
      ],
    ],
    [
      "days that are none, or named twice, and weeks that are none",
      [
        "autostop_requirement: { days_of_week: [sunnday], weeks: 17 }",
        "autostart_requirement:",
        "  days_of_week: [monday, monday]",
      ],
      [
        `5:44: templates[0].autostop_requirement.days_of_week[0]: ${daysRule}`,
        "5:61: templates[0].autostop_requirement.weeks: must be a whole number from 1 to 16",
        "7:21: templates[0].autostart_requirement.days_of_week: must not name a day twice",
      ],
    ],
    [
      "a requirement without days",
      ["autostop_requirement: { weeks: 2 }"],
      ["5:27: templates[0].autostop_requirement.days_of_week: is missing"],
    ],
    [
      "answers that are neither true nor false",
      ["allow_user_autostop: sometimes", "require_active_version: 1"],
      [
        "5:26: templates[0].allow_user_autostop: must be true or false",
        "6:29: templates[0].require_active_version: must be true or false",
      ],
    ],
    [
      "a default that is longer than the longest",
      ["default_ttl: 10h", "max_ttl: 8h"],
      [
        "6:14: templates[0].max_ttl: default_ttl is 10h, which is longer than max_ttl, 8h: lower default_ttl or raise max_ttl",
      ],
    ],
    [
      "a default that is for ever under a longest one",
      ["default_ttl: 0", "max_ttl: 8h"],
      [
        "6:14: templates[0].max_ttl: default_ttl is 0, so workspaces run for ever, but max_ttl is 8h: set default_ttl to at most 8h, or max_ttl to 0",
      ],
    ],
  ];
  for (const [sentence, lines, problems] of cases) {
    it(`refuses ${sentence}, each at its place`, () => {
      assert.deepEqual(
        problemsOf(...lines),
        problems.map((problem) => `x.yaml:${problem}`),
      );
    });
  }
});
