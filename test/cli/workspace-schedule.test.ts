import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { givenPrebuild, givenTemplate, givenWorkspace } from "../http/world.ts";
import { startApi } from "./api.ts";

/** The API with a running workspace of alice's, `dev`, that has to stop in nine hours and is to in one. */
async function given(t: TestContext) {
  const api = await startApi(t);
  const template = await givenTemplate(api);
  const dev = await givenWorkspace(api, { ownerId: api.alice.id, name: "dev", template });
  await api.pool.query(
    "update workspace_builds set deadline = now() + interval '1 hour', max_deadline = now() + interval '9 hours'",
  );
  const run = (...args: string[]) => api.as(api.alice, "workspaces", ...args);
  return { api, template, dev, run };
}

/** What a command has printed, line by line, without what differs from run to run. */
const linesOf = ({ stdout }: { readonly stdout: string }): string[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.replaceAll(/ +/g, " ").replaceAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g, "TIME"));

test("a workspace is shown with when it starts and stops, which can be set and taken away", async (t) => {
  const { run } = await given(t);
  const start = ["workspace: alice/dev", "status: running"];
  const stop = ["stops at: TIME", "at the latest: TIME"];
  const shown = [...start, "starts: not by itself", "stops after: not by itself", ...stop];
  assert.deepEqual(linesOf(await run("schedule", "show", "dev")), shown);
  const berlin = ["schedule", "start", "dev", "30 9 * * 1-5", "--timezone", "Europe/Berlin"];
  const starts = [...start, "starts: 30 9 * * 1-5 in Europe/Berlin", "next start: TIME"];
  assert.deepEqual(linesOf(await run(...berlin)), [...starts, "stops after: not by itself", ...stop]);
  const stops = await run("schedule", "stop", "alice/dev", "1h30m");
  assert.deepEqual(linesOf(stops), [...starts, "stops after: 1h30m", ...stop]);
  const utc = JSON.parse((await run("schedule", "start", "dev", "0 9 * * *", "--json")).stdout);
  assert.deepEqual([utc.autostart_schedule, utc.ttl_ms], ["0 9 * * *", 5_400_000]);
  assert.match(linesOf(await run("schedule", "show", "dev")).join("\n"), /starts: 0 9 \* \* \* in UTC/);
  await run("schedule", "start", "dev", "off");
  assert.deepEqual(linesOf(await run("schedule", "stop", "dev", "off")), shown);
  await run("schedule", "stop", "dev", "8h");
  assert.deepEqual(linesOf(await run("schedule", "stop", "dev", "0")), shown);
  const alone = await run("schedule", "start", "dev", "CRON_TZ=Europe/Berlin 30 9 * * 1-5");
  assert.deepEqual(linesOf(alone), [...starts, "stops after: not by itself", ...stop]);
});

test("a running workspace is given more time, counted from now", async (t) => {
  const { run } = await given(t);
  for (const [given, minutes] of [
    ["2h", 120],
    ["30m", 30],
  ] as const) {
    const before = Date.now();
    const { stdout, stderr } = await run("schedule", "extend", "dev", given, "--json");
    const left = (Date.parse(JSON.parse(stdout || assert.fail(stderr)).latest_build.deadline) - before) / 60_000;
    assert.ok(left >= minutes && left < minutes + 2, `${given}: ${left}`);
  }
  const late = await run("schedule", "extend", "dev", "10h");
  assert.deepEqual([late.code, late.stdout], [1, ""]);
  assert.match(late.stderr, /^error: the deadline cannot be this one\n {2}deadline: must not be after 2/);
});

test("a workspace is made dormant, cannot be started then, and is activated", async (t) => {
  const { api, run } = await given(t);
  await api.pool.query("update templates set time_til_dormant_autodelete = 3600000000000");
  const dormant = linesOf(await run("dormant", "dev"));
  assert.deepEqual(dormant.slice(1, 2), ["status: pending"]);
  assert.deepEqual(dormant.slice(-2), ["dormant since: TIME", "deleted at: TIME"]);
  await api.pool.query("update provisioner_jobs set started_at = now(), completed_at = now()");
  const refused = await run("start", "dev");
  assert.deepEqual([refused.code, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /the workspace is dormant, so activate it first\n$/);
  assert.match((await run("show", "dev")).stdout, /dormant: /);
  const active = JSON.parse((await run("activate", "dev", "--json")).stdout);
  assert.deepEqual([active.dormant_at, active.deleting_at], [null, null]);
  assert.equal((await run("start", "dev")).code, 0);
});

test("on a prebuild all of it fails and names what it is, and works after the claim", async (t) => {
  const { api, template } = await given(t);
  const { id } = await givenPrebuild(api, template);
  const commands = [
    { args: ["schedule", "start", id, "0 9 * * *"], named: "autostart" },
    { args: ["schedule", "stop", id, "8h"], named: "autostop" },
    { args: ["schedule", "extend", id, "2h"], named: "the extension of deadlines" },
    { args: ["dormant", id], named: "dormancy" },
    { args: ["activate", id], named: "dormancy" },
  ];
  for (const { args, named } of commands) {
    const { code, stdout, stderr } = await api.as(api.admin, "workspaces", ...args);
    const message = `prebuild-1 is a prebuild, which stands outside of ${named} until somebody claims it; claim it first`;
    assert.deepEqual([code, stdout, stderr], [1, "", `error: ${message}\n`]);
  }
  const claim = ["claim", "--template", "devbox", "--preset", "small", "--name", "mine"];
  assert.match((await api.as(api.alice, ...claim)).stdout, /^claimed alice\/mine /);
  await api.pool.query("update provisioner_jobs set started_at = now(), completed_at = now()");
  await api.pool.query("update workspace_builds set deadline = now() + interval '1 hour' where build_number = 2");
  for (const { args } of commands) {
    const { code, stderr } = await api.as(api.alice, "workspaces", ...args);
    assert.deepEqual([code, stderr], [0, ""], args.join(" "));
    await api.pool.query("update provisioner_jobs set started_at = now(), completed_at = now()");
  }
});

test("what cannot be meant is wrong use, and what the daemon refuses is printed with the field", async (t) => {
  const { run } = await given(t);
  for (const args of [
    ["schedule", "stop", "dev", "soon"],
    ["schedule", "extend", "dev", "off"],
    ["schedule", "extend", "dev", "0"],
    ["schedule", "start", "dev"],
  ]) {
    assert.equal((await run(...args)).code, 2, args.join(" "));
  }
  const twice = await run("schedule", "start", "dev", "CRON_TZ=Europe/Berlin 30 9 * * *", "--timezone", "Asia/Tokyo");
  assert.deepEqual([twice.code, /give the time zone once/.test(twice.stderr)], [2, true], twice.stderr);
  const { code, stderr } = await run("schedule", "start", "dev", "0 9 * * *", "--timezone", "Europe/Bonn");
  assert.equal(code, 1);
  assert.match(stderr, /\n {2}schedule: names the time zone Europe\/Bonn, which does not exist/);
});

test("quiet hours are shown, chosen and given back", async (t) => {
  const { api } = await given(t);
  const quiet = (...args: string[]) => api.as(api.alice, "users", "quiet-hours", "me", ...args);
  const byDefault = ["quiet hours begin at 00:00 in UTC, by default; next at TIME"];
  assert.deepEqual(linesOf(await quiet()), byDefault);
  const chosen = await quiet("CRON_TZ=Europe/Berlin 30 2 * * *");
  assert.deepEqual(linesOf(chosen), ["quiet hours begin at 02:30 in Europe/Berlin; next at TIME"]);
  assert.equal(JSON.parse((await quiet("--json")).stdout).user_set, true);
  const wrong = await quiet("at night");
  assert.deepEqual([wrong.code, /\n {2}schedule: must be one time of every day/.test(wrong.stderr)], [1, true]);
  assert.deepEqual(linesOf(await quiet("default")), byDefault);
});
