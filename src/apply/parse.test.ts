import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UsageError } from "../errors.ts";
import { parseApplyFile } from "./parse.ts";

const GOOD = `
organizations: [{ name: default }, { name: lab, display_name: The lab }]
users:
  - username: alice
    email: alice@example.com
    roles: [owner, owner]
    organizations: [{ name: default, roles: [] }]
templates:
  - name: devbox
    provisioner: command
    source: ./devbox
    default_ttl: 8h
    presets:
      - name: small
        parameters: { size: small, python: 3.10, cores: 4, gpu: false, hex: 0x10 }
        prebuilds:
          instances: 3
          expiration_policy: { ttl: 86400 }
          scheduling:
            timezone: Europe/Berlin
            schedule: [{ cron: "* 8-18 * * MON-FRI", instances: 10 }]
`;

function problemsOf(text: string): string[] {
  try {
    parseApplyFile(text, "x.yaml");
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message.split("\n");
  }
  return [];
}

/** A file with one template whose one preset has these lines, indented as in GOOD; they begin on line 7. */
function withPreset(...lines: string[]): string {
  return ["templates:", "  - name: t", "    provisioner: command", "    source: ./t", "    presets:", "      - name: p"]
    .concat(lines.map((line) => `        ${line}`))
    .join("\n");
}

const withSchedule = (timezone: string, cron: string) =>
  withPreset(
    "prebuilds:",
    "  instances: 1",
    "  scheduling:",
    `    timezone: ${timezone}`,
    `    schedule: [{ cron: "${cron}", instances: 1 }]`,
  );

/** A preset with a schedule of these windows; they begin on line 11. */
const withWindows = (...windows: readonly string[]) =>
  withPreset(
    "prebuilds:",
    "  instances: 1",
    "  scheduling:",
    `    schedule:${windows.length === 0 ? " []" : ""}`,
    ...windows.map((window) => `      - ${window}`),
    "    timezone: UTC",
  );

const PRESET = "templates[0].presets[0]";
const WINDOWS = `${PRESET}.prebuilds.scheduling.schedule`;
const CRON_FORM = "must be a cron expression of five fields, such as * 8-18 * * 1-5";
const ZONE = "must be the name of a time zone, such as Europe/Berlin or UTC";
const DURATION = "must be a duration such as 90s, 5m or 1h30m, or a whole number of seconds, from 0 to 30 days";
const TTL = DURATION.replace("from 0 to 30", "from 1 second to 365");
const INSTANCES = "must be a whole number from 0 to 1000";

describe("parseApplyFile", () => {
  it("understands every setting, turns durations into seconds and keeps parameters as they are written", () => {
    const { file } = parseApplyFile(GOOD, "x.yaml");
    assert.deepEqual(file.organizations, [{ name: "default" }, { name: "lab", display_name: "The lab" }]);
    assert.deepEqual(file.users[0]?.roles, ["owner"]);
    const template = file.templates[0];
    assert.equal(template?.default_ttl, 28_800);
    assert.equal(template?.organization, "default");
    const preset = template?.presets[0];
    assert.deepEqual(preset?.parameters, { size: "small", python: "3.10", cores: "4", gpu: "false", hex: "0x10" });
    assert.equal(preset?.prebuilds?.expiration_policy?.ttl, 86_400);
    assert.equal(preset?.prebuilds?.scheduling?.schedule[0]?.cron, "* 8-18 * * MON-FRI");
  });

  it("keeps the defaults and options of declared parameters as they are written, but not their bounds", () => {
    const option = "{ name: new, value: 3.10 }";
    const declared = `{ name: p, default: 3.10, type: number, options: [${option}], validation: { min: 3.0 } }`;
    const { file } = parseApplyFile(
      `templates: [{ name: t, provisioner: command, source: ., parameters: [${declared}] }]`,
      "x.yaml",
    );
    const [parameter] = file.templates[0]?.parameters ?? [];
    assert.deepEqual(
      [parameter?.default, parameter?.options[0]?.value, parameter?.validation.min],
      ["3.10", "3.10", 3],
    );
  });

  const cases: readonly [sentence: string, text: string, problems: readonly string[]][] = [
    ["a file that is empty", "# nothing\n", ["x.yaml:1:1: the file is empty"]],
    ["a file that is not a map", "- a\n", ["x.yaml:1:1: the file: must be a map of keys to values"]],
    ["a list that is text", "users: alice\n", ["x.yaml:1:8: users: must be a list"]],
    ["a key without a value", "users:\n", ["x.yaml:1:1: users: must be a list"]],
    ["an unknown key, at the key", "users: []\nuser: []\n", ["x.yaml:2:1: user: is not a known key"]],
    ["an unknown tag", "users: !!x []\n", ["x.yaml:1:8: Unresolved tag: tag:yaml.org,2002:x"]],
    ["a key that is there twice", "users: []\nusers: []\n", ["x.yaml:2:1: Map keys must be unique"]],
    ["an alias without its anchor", "users: *a\n", ["x.yaml:1:8: there is no anchor &a before this alias"]],
    [
      "aliases that multiply without end",
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c]\n`,
      ["x.yaml:1:1: Excessive alias count indicates a resource exhaustion attack"],
    ],
    [
      "everything that is missing from a template, at the template",
      "templates:\n  - name: a\n",
      ["provisioner", "source"].map((key) => `x.yaml:2:5: templates[0].${key}: is missing`),
    ],
    [
      "an unknown provisioner",
      "templates:\n  - { name: a, source: ./a, provisioner: docker }\n",
      ["x.yaml:2:42: templates[0].provisioner: must be command or terraform"],
    ],
    [
      "names that are not fit for a path",
      "organizations: [{ name: a b }, { name: a--b }, { name: 7 }]\n",
      ["25", "40", "56"].map(
        (column, index) =>
          `x.yaml:1:${column}: organizations[${index}].name: must be 1 to 32 letters, digits and single hyphens between them`,
      ),
    ],
    [
      "the username of the system user",
      "users: [{ username: Prebuilds, email: a@b }]\n",
      [
        "x.yaml:1:21: users[0].username: must be 1 to 32 letters, digits and single hyphens between them, and not me or prebuilds or roles",
      ],
    ],
    [
      "an unknown role",
      "users: [{ username: a, email: a@b, roles: [onwer] }]\n",
      ["x.yaml:1:44: users[0].roles[0]: must be owner, auditor, template-admin or user-admin"],
    ],
    [
      "an address that is none",
      "users: [{ username: a, email: alice }]\n",
      ["x.yaml:1:31: users[0].email: must be an e-mail address"],
    ],
    [
      "names that differ in case only",
      "organizations:\n  - name: lab\n  - name: LAB\n",
      ['x.yaml:3:11: organizations[1].name: is there twice: "lab" is also entry 0 of this list'],
    ],
    [
      "two presets of one name, and two defaults",
      withPreset("default: true", "prebuilds: { instances: 1 }").concat("\n      - name: p\n        default: true"),
      [
        `x.yaml:9:15: templates[0].presets[1].name: is there twice: "p" is also entry 0 of this list`,
        `x.yaml:10:18: templates[0].presets[1].default: is there twice: "the default" is also entry 0 of this list`,
      ],
    ],
    [
      "a negative size",
      withPreset("prebuilds: { instances: -1 }"),
      [`x.yaml:7:33: ${PRESET}.prebuilds.instances: ${INSTANCES}`],
    ],
    [
      "a huge size",
      withPreset("prebuilds: { instances: 1001 }"),
      [`x.yaml:7:33: ${PRESET}.prebuilds.instances: ${INSTANCES}`],
    ],
    [
      "a size that is text",
      withPreset('prebuilds: { instances: "3" }'),
      [`x.yaml:7:33: ${PRESET}.prebuilds.instances: ${INSTANCES}`],
    ],
    ["a size that is missing", withPreset("prebuilds: {}"), [`x.yaml:7:20: ${PRESET}.prebuilds.instances: is missing`]],
    [
      "a parameter without a value",
      withPreset("parameters:", "  size:"),
      [`x.yaml:8:11: ${PRESET}.parameters.size: must be text, a number, true or false, of at most 8192 characters`],
    ],
    [
      "a description that PostgreSQL could not store",
      withPreset('description: "a\\0b"'),
      [`x.yaml:7:22: ${PRESET}.description: must be text of at most 128 characters`],
    ],
    [
      "a duration without a unit",
      "templates:\n  - { name: a, source: ., provisioner: command, default_ttl: '8' }\n",
      [`x.yaml:2:62: templates[0].default_ttl: ${DURATION}`],
    ],
    [
      "a duration of less than a second",
      "templates:\n  - { name: a, source: ., provisioner: command, default_ttl: 500ms }\n",
      [`x.yaml:2:62: templates[0].default_ttl: ${DURATION}`],
    ],
    [
      "a time zone that is none",
      withSchedule("Mars/Olympus", "* * * * *"),
      [`x.yaml:10:23: ${PRESET}.prebuilds.scheduling.timezone: ${ZONE}`],
    ],
    [
      "a time zone that is an offset",
      withSchedule("+01:00", "* * * * *"),
      [`x.yaml:10:23: ${PRESET}.prebuilds.scheduling.timezone: ${ZONE}`],
    ],
    ...(
      [
        ["four fields", "* * * *", CRON_FORM],
        ["six fields", "0 * * * * *", CRON_FORM],
        ["a nickname", "@daily", CRON_FORM],
        ["weekday 7", "* 9-18 * * 7", "has a weekday above 6; Sunday is 0"],
        ["a range up to weekday 7", "* 9-18 * * 1-7", "has a weekday above 6; Sunday is 0"],
        ["hour 25", "* 25 * * *", "has an hour above 23"],
        ["31 February", "0 0 31 2 *", "never comes: there is no such day"],
        ["31 April and 31 June", "* * 31 4,6 *", "never comes: there is no such day"],
        ["day 0", "* * 0 * *", "has a day of the month below 1"],
      ] as const
    ).map(([what, cron, says]): [string, string, string[]] => [
      `a window with ${what}`,
      withSchedule("UTC", cron),
      [`x.yaml:11:32: ${PRESET}.prebuilds.scheduling.schedule[0].cron: ${says}`],
    ]),
    [
      "windows that overlap, each at the later one",
      withWindows('{ cron: "* 9-12 * * *", instances: 1 }', '{ cron: "* 12-14 * * *", instances: 2 }'),
      [`x.yaml:12:25: ${WINDOWS}[1].cron: overlaps with window 1, * 9-12 * * *; no two windows may be open at once`],
    ],
    [
      "a window of a negative, a huge or no size",
      withWindows(
        '{ cron: "* 1 * * *", instances: -1 }',
        '{ cron: "* 2 * * *", instances: 1001 }',
        '{ cron: "* 3 * * *" }',
      ),
      [
        `x.yaml:11:49: ${WINDOWS}[0].instances: ${INSTANCES}`,
        `x.yaml:12:49: ${WINDOWS}[1].instances: ${INSTANCES}`,
        `x.yaml:13:17: ${WINDOWS}[2].instances: is missing`,
      ],
    ],
    ["a schedule without windows", withWindows(), [`x.yaml:10:23: ${WINDOWS}: must have 1 to 100 entries`]],
    ...(["0", "0s", "-5", "366d"] as const).map((ttl): [string, string, string[]] => [
      `a ttl of ${ttl}`,
      withPreset(`prebuilds: { instances: 1, expiration_policy: { ttl: ${ttl} } }`),
      [`x.yaml:7:62: ${PRESET}.prebuilds.expiration_policy.ttl: ${TTL}`],
    ]),
    [
      "all problems at once, in the order of the file",
      "users:\n  - username: a\nextra: 1\ntemplates: 5\n",
      [
        "x.yaml:2:5: users[0].email: is missing",
        "x.yaml:3:1: extra: is not a known key",
        "x.yaml:4:12: templates: must be a list",
      ],
    ],
  ];
  for (const [sentence, text, problems] of cases) {
    it(`refuses ${sentence}`, () => assert.deepEqual(problemsOf(text), problems));
  }

  it("finds the place of a setting that comes through an alias", () => {
    const text = "users: [&a { username: a, email: a@b }]\ntemplates: [*a]\n";
    assert.ok(problemsOf(text).includes("x.yaml:1:14: templates[0].username: is not a known key"));
  });
});
