import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { waitFor } from "../support/wait-for.ts";
import { startApi, writeApplyFile } from "./api.ts";
import { startPrebuildd } from "./command.ts";

const SMALL = ["--template", "box", "--preset", "small"];
const never = new AbortController().signal;

/** The real API with the template `box`, whose preset `small` has a pool of two, and `plain` none. */
async function givenApi(t: TestContext) {
  const api = await startApi(t);
  const applied = await api.as(api.admin, "apply", "-f", await writeApplyFile(t));
  assert.equal(applied.code, 0, applied.stderr);
  return api;
}

/** Runs a command as the site owner that must succeed, and returns what it prints. */
async function print(api: Awaited<ReturnType<typeof startApi>>, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await api.as(api.admin, ...args);
  assert.deepEqual([code, stderr], [0, ""], args.join(" "));
  return stdout;
}

describe("presets", () => {
  it("pauses and resumes a pool, and status says who did", async (t) => {
    const api = await givenApi(t);
    const paused = await print(api, "presets", "pause", ...SMALL);
    assert.match(paused, /^default\/box: small is paused by admin since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/);
    assert.equal(await print(api, "presets", "pause", ...SMALL), paused, "the first pause stays");
    const status = await print(api, "status");
    assert.match(status, /^default\/box: small +2 +0 +0 +0 +0 +2 paused\n\n/m);
    assert.ok(status.endsWith(`\n\n${paused.replace(" is", ":")}`), status);

    assert.equal(await print(api, "presets", "resume", ...SMALL), "default/box: small is not paused\n");
    const resumed = JSON.parse(await print(api, "presets", "resume", ...SMALL, "--json"));
    assert.deepEqual([resumed.preset_name, resumed.paused], ["small", null]);
  });

  it("resets a pool whose builds have failed too often, about which status says all there is to know", async (t) => {
    const api = await givenApi(t);
    await api.pool.query("update template_version_presets set desired_instances = 3 where name = 'small'");
    await runPass(api.context, never);
    await api.pool.query("update provisioner_jobs set started_at = now(), completed_at = now(), error = 'no route'");
    await runPass(api.context, never);
    const status = await print(api, "status");
    assert.match(status, /^default\/box: small +3 +0 +0 +0 +0 +3 hard limited\n/m);
    assert.match(status, /\n\ndefault\/box: small: hard limited since \S+Z: the last 3 builds failed; 3 failed kept\n/);
    const failure =
      /^ {2}prebuild-\w+ failed at \S+Z: no route \(log: \/api\/v2\/workspacebuilds\/[0-9a-f-]{36}\/logs\)$/gm;
    assert.equal(status.match(failure)?.length, 3, status);
    assert.match(
      await print(api, "plan"),
      /^default\/box: small: nothing to do\n {2}0 of 3 ready; short: 3 hard limited\n {2}hard limited since /,
    );

    api.advance(1_000);
    const says = "default/box: small is healthy, and its failures are forgotten\n";
    assert.equal(await print(api, "presets", "reset", ...SMALL), says);
    const pool = JSON.parse(await print(api, "presets", "reset", ...SMALL, "--json"));
    assert.deepEqual([pool.status, pool.reasons], ["healthy", [{ reason: "below_target", count: 3 }]]);
  });

  it("shows the sizes that a schedule brings", async (t) => {
    const api = await givenApi(t);
    await api.pool.query(
      `with windows as (
         insert into template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
         select id, '* 8-18 * * *', 10 from template_version_presets where name = 'small')
       update template_version_presets set scheduling_timezone = 'Asia/Tokyo' where name = 'small'`,
    );
    const table = await print(api, "presets", "schedule", ...SMALL, "--days", "2");
    assert.match(
      table,
      /^default\/box: small holds 2 where no window is open; times of Asia\/Tokyo, for the next 2 days\n/,
    );
    assert.match(table, /\nLOCAL TIME +SIZE {2}WINDOW\nnow +(2 {2}none|10 {2}\* 8-18 \* \* \*)\n/);
    assert.equal(table.match(/^\w{3} \d{4}-\d\d-\d\d 08:00 +10 {2}\* 8-18 \* \* \*$/gm)?.length, 2, table);
    const preview = JSON.parse(await print(api, "presets", "schedule", ...SMALL, "--json"));
    assert.deepEqual([preview.timezone, preview.base, preview.changes.length], ["Asia/Tokyo", 2, 14]);
    assert.match(
      await print(api, "status"),
      /^default\/box: small: scheduled to (\d+) until \S+Z, then \d+; next: create \1 \(below_target\)$/m,
    );
  });

  it("says why it did nothing, and exits with 1", async (t) => {
    const api = await givenApi(t);
    for (const [user, args, says] of [
      [api.admin, ["--template", "box", "--preset", "plain"], /^error: preset plain of template box has no pool; give/],
      [api.admin, ["--template", "box", "--preset", "big"], /^error: template box has no preset big; it has plain, sm/],
      [api.admin, ["--template", "bax", "--preset", "small"], /^error: what you asked for does not exist/],
      [api.alice, SMALL, /^error: you are not allowed to do this: it needs the right template:update\n$/],
      [api.bob, SMALL, /^error: what you asked for does not exist, or you may not see it\n$/],
    ] as const) {
      const { code, stdout, stderr } = await api.as(user, "presets", "pause", ...args);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, says);
    }
  });
});

describe("prebuilds", () => {
  it("pauses and resumes all pools, and says when that changed nothing", async (t) => {
    const api = await givenApi(t);
    const changed = "all pools are paused: nothing is created or deleted, and claims go on\n";
    assert.equal(await print(api, "prebuilds", "pause"), changed);
    assert.equal(await print(api, "prebuilds", "pause"), "nothing has changed: all pools were paused already\n");
    assert.match(await print(api, "status"), /2 paused\n\nall pools: paused by admin since \S+Z\n$/);
    assert.match(
      await print(api, "presets", "resume", ...SMALL),
      /^default\/box: small is not paused by itself, but all pools are paused by admin since \S+Z\n$/,
    );
    const settings = async (verb: string) => JSON.parse(await print(api, "prebuilds", verb, "--json"));
    assert.deepEqual(await settings("pause"), { reconciliation_paused: true, changed: false });
    assert.deepEqual(await settings("resume"), { reconciliation_paused: false, changed: true });
    assert.equal(await print(api, "prebuilds", "resume"), "nothing has changed: the pools were not paused\n");
    const refused = await api.as(api.alice, "prebuilds", "pause");
    assert.deepEqual(
      [refused.code, refused.stderr],
      [1, "error: you are not allowed to do this: it needs the right deployment_config:update\n"],
    );
  });
});

describe("templates", () => {
  it("invalidates the prebuilds of a template's presets", async (t) => {
    const api = await givenApi(t);
    const lines = (await print(api, "templates", "invalidate", "box")).split("\n");
    assert.match(lines[0] ?? "", /^invalidated box@[0-9a-f]{12}: plain$/);
    assert.match(lines[1] ?? "", /^invalidated box@[0-9a-f]{12}: small$/);
    assert.equal(lines[2], "prebuilds from before now are being replaced");
    const json = JSON.parse(await print(api, "templates", "invalidate", "box", "--organization", "default", "--json"));
    assert.deepEqual(
      json.invalidated.map((one: { preset_name: string }) => one.preset_name),
      ["plain", "small"],
    );
    await api.pool.query("update templates set active_version_id = null");
    const says = "template box has no presets, so nothing is invalidated\n";
    assert.equal(await print(api, "templates", "invalidate", "box"), says);
  });
});

describe("status --watch", () => {
  it("draws the pools below a line with the time until Ctrl-C, which is no failure", async (t) => {
    const api = await givenApi(t);
    const env = { PREBUILDD_URL: api.url, PREBUILDD_TOKEN: api.admin.token };
    const { child, printed, ended } = startPrebuildd(t, ["status", "--watch"], env);
    await waitFor("the first drawing", () => printed().includes("below target"));
    assert.match(printed(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\nPOOL +WANTED/);
    await print(api, "presets", "pause", ...SMALL);
    await waitFor("the next drawing", () => printed().includes("2 paused"));
    child.kill("SIGINT");
    child.kill("SIGINT"); // as npx does, which passes on what the terminal has sent to all
    const { code, stderr } = await ended;
    assert.deepEqual([code, stderr], [0, ""]);
  });

  it("ends when nobody reads what it draws any more", async (t) => {
    const api = await givenApi(t);
    const env = { PREBUILDD_URL: api.url, PREBUILDD_TOKEN: api.admin.token };
    const { child, ended } = startPrebuildd(t, ["status", "--watch"], env);
    child.stdout?.destroy();
    assert.equal((await ended).code, 0);
  });

  it("ends with what asking again does not mend", async (t) => {
    const api = await givenApi(t);
    const { code, stderr } = await api.as({ token: "wrong" }, "status", "--watch");
    assert.match(stderr, /^error: the token is not valid; check PREBUILDD_TOKEN\n$/);
    assert.equal(code, 1);
  });
});
