import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { givenVersion } from "../support/given.ts";
import { startApi, writeApplyFile } from "./api.ts";

/** The real API with the template `box`, which has the presets `small` and `plain`. */
async function givenApi(t: TestContext) {
  const api = await startApi(t);
  const applied = await api.as(api.admin, "apply", "-f", await writeApplyFile(t));
  assert.equal(applied.code, 0, applied.stderr);
  const { rows } = await api.pool.query<{ id: string; version: string }>(
    "select t.id, v.name as version from templates t join template_versions v on v.id = t.active_version_id",
  );
  return { ...api, ...(rows[0] as { id: string; version: string }) };
}

/** Runs a command as the site owner that must succeed, and returns what it prints. */
async function print(api: Awaited<ReturnType<typeof givenApi>>, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await api.as(api.admin, ...args);
  assert.deepEqual([code, stderr], [0, ""], args.join(" "));
  return stdout;
}

describe("templates", () => {
  it("lists those that one sees, of all organizations or of one, and those with a text in their name", async (t) => {
    const api = await givenApi(t);
    const table = await print(api, "templates", "list");
    assert.match(table, /^TEMPLATE +VERSION +PROVISIONER +STOPS AFTER +DEPRECATED +ID\n/);
    assert.match(table, new RegExp(`^default/box +${api.version} +command +never +${api.id}\n$`, "m"));
    for (const args of [
      ["--search", "BO"],
      ["--organization", "default"],
    ]) {
      assert.equal(JSON.parse(await print(api, "templates", "list", ...args, "--json"))[0].name, "box");
    }
    for (const args of [
      ["--search", "x "],
      ["--organization", "other"],
    ]) {
      assert.equal(await print(api, "templates", "list", ...args), "there are no templates\n");
    }
  });

  it("changes what it is told to change, and shows it", async (t) => {
    const api = await givenApi(t);
    const args = ["--name", "crate", "--display-name", "The crate", "--description", "one\ntwo", "--icon", "/i.svg"];
    const more = ["--default-ttl", "1h30m", "--allow-user-autostop", "false", "--deprecation-message", "use web"];
    const says = "template default/crate is changed\n";
    assert.equal(await print(api, "templates", "edit", "box", ...args, ...more), says);
    const again = await print(api, "templates", "edit", "crate", "--icon", "/i.svg");
    assert.equal(again, "template default/crate is that already\n");
    const shown = await print(api, "templates", "show", "crate");
    const lines: readonly [string, string][] = [
      ["template", "default/crate"],
      ["shown as", "The crate"],
      ["description", "one two"],
      ["version", api.version],
      ["stops after", "1h30m"],
      ["people choose", "when theirs start"],
      ["deprecated", "use web"],
    ];
    for (const [name, value] of lines) assert.match(shown, new RegExp(`^${name}: +${value}$`, "m"));
    const json = JSON.parse(await print(api, "templates", "edit", "crate", "--deprecation-message", "", "--json"));
    assert.deepEqual([json.deprecated, json.default_ttl_ms, json.allow_user_autostart], [false, 5_400_000, true]);
  });

  it("changes the lifecycle of workspaces, keeps what it is not told of days and weeks, and shows all of it in words", async (t) => {
    const api = await givenApi(t);
    const shown = async () =>
      (await print(api, "templates", "show", "box")).split("\n").map((line) => line.split(/:? {2,}|: /));
    const lifecycle = new Map([
      ["stops after", "never"],
      ["when used", "have 1h left at least"],
      ["may start on", "every day"],
      ["people choose", "when theirs start and stop"],
    ]);
    const settings = new Set([...lifecycle.keys(), "at most after", "must stop on", "failed builds", "dormant after"]);
    for (const name of ["deleted after", "starts from"]) settings.add(name);
    const says = async () => (await shown()).filter(([name = ""]) => settings.has(name));
    assert.deepEqual(await says(), [...lifecycle]);
    const durations = ["--default-ttl", "4h", "--max-ttl", "12h", "--activity-bump", "30m", "--failure-ttl", "2h"];
    const dormancy = ["--time-til-dormant", "30d", "--time-til-dormant-autodelete", "7d"];
    const days = ["--autostop-days", "Sunday, monday", "--autostop-weeks", "2", "--autostart-days", "friday,monday"];
    const answers = ["--require-active-version", "true", "--allow-user-autostart", "false"];
    await print(api, "templates", "edit", "box", ...durations, ...dormancy, ...days, ...answers);
    assert.deepEqual(await says(), [
      ["stops after", "4h"],
      ["at most after", "12h"],
      ["must stop on", "monday, sunday of every 2nd week, in quiet hours"],
      ["when used", "have 30m left at least"],
      ["failed builds", "are stopped after 2h"],
      ["dormant after", "30d without use"],
      ["deleted after", "being dormant for 7d"],
      ["may start on", "monday, friday"],
      ["starts from", "the active version only"],
      ["people choose", "when theirs stop"],
    ]);
    const required = async (...args: string[]) =>
      JSON.parse(await print(api, "templates", "edit", "box", "--json", ...args)).autostop_requirement;
    assert.deepEqual(await required("--autostop-weeks", "3"), { days_of_week: ["monday", "sunday"], weeks: 3 });
    assert.deepEqual(await required("--autostop-days", "saturday"), { days_of_week: ["saturday"], weeks: 3 });
    assert.deepEqual(await required("--autostop-days", "none"), { days_of_week: [], weeks: 3 });
    const { code, stderr } = await api.as(api.admin, "templates", "edit", "box", "--max-ttl", "1h");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /max_ttl_ms: default_ttl_ms is 14400000 \(4h\), which is longer than max_ttl_ms, 3600000 \(1h\)/,
    );
  });

  it("lists versions, makes one the active one and archives another, by their names", async (t) => {
    const api = await givenApi(t);
    await api.pool.query("update template_versions set name = 'one'");
    const second = await givenVersion(api, api.id);
    await api.pool.query("update template_versions set name = 'two' where id = $1", [second]);
    const table = await print(api, "templates", "versions", "box");
    assert.match(table, /^VERSION +STATE +CREATED +BY +ID\ntwo +active .*\none {3,}\d{4}-.* admin +[0-9a-f-]{36}\n$/);
    assert.equal(await print(api, "templates", "promote", "box", "one"), "box: version one is the active one\n");
    assert.equal(await print(api, "templates", "archive", "box", "two"), "box: version two is archived\n");
    const names = async (...args: string[]) =>
      JSON.parse(await print(api, "templates", "versions", "box", "--json", ...args)).map(
        ({ name }: { name: string }) => name,
      );
    assert.deepEqual(await names(), ["one"]);
    assert.deepEqual(await names("--include-archived"), ["two", "one"]);
    assert.equal(await print(api, "templates", "unarchive", "box", "two"), "box: version two is not archived\n");
    for (const [args, says] of [
      [["archive", "box", "one"], /^error: version one is the active one of template box and cannot be archived; make/],
      [["promote", "box", "three"], /^error: what you asked for does not exist, or you may not see it\n$/],
    ] as const) {
      const { code, stdout, stderr } = await api.as(api.admin, "templates", ...args);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, says);
    }
  });

  it("deletes one that nobody has a workspace of, and else says why not", async (t) => {
    const api = await givenApi(t);
    const claim = ["claim", "--template", "box", "--preset", "plain", "--name", "mine"];
    assert.equal((await api.as(api.alice, ...claim)).code, 0);
    const refused = await api.as(api.admin, "templates", "delete", "box");
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(
      refused.stderr,
      /^error: template box cannot be deleted: there is 1 workspace of it that people have;/,
    );
    await api.pool.query("update workspaces set deleted = true");
    const says = "template box is deleted, and so are its prebuilds in a moment\n";
    assert.equal(await print(api, "templates", "delete", "box"), says);
    assert.equal((await api.as(api.admin, "templates", "show", "box")).code, 1);
  });

  it("is not for members to change, which the error says", async (t) => {
    const api = await givenApi(t);
    for (const args of [
      ["edit", "box", "--icon", "x"],
      ["delete", "box"],
      ["promote", "box", api.version],
      ["archive", "box", api.version],
    ]) {
      const { code, stdout, stderr } = await api.as(api.alice, "templates", ...args);
      assert.deepEqual([code, stdout], [1, ""], args.join(" "));
      assert.match(stderr, /^error: you are not allowed to do this/);
    }
  });

  it("refuses a change that says nothing or is nonsense, without asking the daemon", async (t) => {
    const api = await givenApi(t);
    for (const [args, says] of [
      [[], /^say what to change, with --name, --display-name, /],
      [["--default-ttl", "soon"], /must be a duration such as 90s, 8h or 1h30m, or 0/],
      [["--allow-user-autostart", "maybe"], /Allowed choices are true, false/],
      [["--autostop-days", "sunnday"], /must be none or days out of monday,.*,sunday, none of them twice/],
      [["--autostart-days", "monday,monday"], /must be none or days out of monday,.*,sunday, none of them twice/],
      [["--autostop-weeks", "17"], /must be a whole number from 1 to 16/],
      [["--max-ttl", "1 h"], /must be a duration such as 90s, 8h or 1h30m, or 0/],
    ] as const) {
      const { code, stdout, stderr } = await api.as({ token: "none" }, "templates", "edit", "box", ...args);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, says);
    }
    const wrong = await api.as(api.admin, "templates", "edit", "box", "--name", "a b");
    assert.deepEqual([wrong.code, wrong.stderr.split("\n")[1]?.split(":")[0]], [1, "  name"]);
  });
});

describe("presets list", () => {
  it("lists the presets of the active version, with their prebuilds and parameters", async (t) => {
    const api = await givenApi(t);
    const table = await print(api, "presets", "list", "--template", "box");
    assert.match(
      table,
      /^PRESET +PREBUILDS +PARAMETERS +ID\nplain +none +[0-9a-f-]{36}\nsmall +2 +size=small +[0-9a-f-]{36}\n$/,
    );
    const json = JSON.parse(await print(api, "presets", "list", "--template", "box", "--json"));
    assert.deepEqual(json[1].parameters, [{ name: "size", value: "small" }]);
    await api.pool.query("update templates set active_version_id = null");
    assert.equal(await print(api, "presets", "list", "--template", "box"), "there are no presets\n");
  });
});
