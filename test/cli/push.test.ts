import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { Driver, ImportResult } from "../../src/provisioner/driver.ts";
import { givenDriver } from "../support/given.ts";
import { bodyOf, commandSource, directoryWith, givenPushWorker, push as pushTo } from "../templates/pushing.ts";
import { startApi } from "./api.ts";

const FOUND: ImportResult = {
  ok: true,
  presets: [
    { name: "Small", default: true, parameters: { size: "s" }, prebuilds: { instances: 2 } },
    { name: "Plain" },
  ],
  parameters: [],
};

/** The API with a worker whose Terraform templates declare two presets, unless the test says otherwise. */
async function given(t: TestContext, found: ImportResult = FOUND) {
  const api = await startApi(t);
  const importSource: Driver["importSource"] = async (_, { log }) => {
    log({ level: "info", stage: "plan", output: "\u001b[1mreading\u001b[0m" });
    return found;
  };
  const drivers = { command: givenDriver(), terraform: givenDriver({ importSource }) };
  await givenPushWorker(t, api, { drivers });
  const push = (directory: string, ...more: string[]) =>
    api.as(api.admin, "templates", "push", "box", "--directory", directory, ...more);
  return { ...api, push };
}

describe("templates push", () => {
  it("makes a template of Terraform files, shows the log while it goes on, and the presets at the end", async (t) => {
    const { push } = await given(t);
    const source = await directoryWith(t, { "main.tf": "" });
    const { code, stdout, stderr } = await push(source, "--message", "first");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^reading\ncreated template default\/box\n/);
    const lines = stdout.split("\n");
    assert.match(lines[0] ?? "", /^box@[0-9a-f]{12} is the active version now$/);
    assert.deepEqual(lines.slice(1), [
      "PRESET  DEFAULT  POOL  PARAMETERS",
      "Small   yes      2     size=s",
      "Plain            none",
      "",
    ]);
  });

  it("says that nothing has changed when it is repeated", async (t) => {
    const { push } = await given(t);
    const source = await directoryWith(t, { "main.tf": "" });
    await push(source);
    const { code, stdout, stderr } = await push(source);
    assert.equal(code, 0);
    assert.match(stdout, /^box@[0-9a-f]{12} is the active version already\n/);
    assert.match(stderr, /^nothing has changed: this is the active version already$/m);
  });

  it("makes a command template of executables, and keeps what builds a template that is there", async (t) => {
    const { push, as, admin } = await given(t);
    const source = await commandSource(t);
    const { code, stdout } = await push(source);
    assert.equal(code, 0);
    assert.match(stdout, /\nit has no presets\n$/);
    await writeFile(join(source, "main.tf"), "");
    assert.equal((await push(source)).code, 0);
    assert.match((await as(admin, "templates", "show", "box")).stdout, /provisioner: +command/);
    const other = await push(source, "--provisioner", "terraform");
    assert.equal(other.code, 1);
    assert.match(other.stderr, /^error: template box is built by command, which cannot change/);
  });

  it("prints the version and its presets as JSON", async (t) => {
    const { push } = await given(t);
    const { stdout } = await push(await directoryWith(t, { "main.tf.json": "{}" }), "--json", "--message", "first");
    const { job_id, activated, version, presets } = JSON.parse(stdout);
    assert.deepEqual([typeof job_id, activated, version.message, presets.length], ["string", true, "first", 2]);
  });

  it("fails with the job's error when the source makes no version", async (t) => {
    const { push } = await given(t, { ok: true, presets: [{ name: "a" }, { name: "a" }], parameters: [] });
    const { code, stdout, stderr } = await push(await directoryWith(t, { "main.tf": "" }));
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /\nerror: the source makes no version: preset "a": name is there twice/);
  });

  it("says what is wrong with the directory, and with how it is called", async (t) => {
    const { push, as, admin } = await given(t);
    const gone = await directoryWith(t, {});
    await rm(gone, { recursive: true });
    const missing = await push(gone);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /does not exist: check the template's source/);
    assert.equal((await as(admin, "templates", "push", "box")).code, 2);
    assert.equal((await push(gone, "--provisioner", "pulumi")).code, 2);
  });
});

describe("jobs", () => {
  it("lists imports beside builds, and cancels them", async (t) => {
    const api = await startApi(t);
    const job = await pushTo(api, "box", await bodyOf(await commandSource(t), { provisioner: "command" }));
    const { stdout } = await api.as(api.admin, "jobs", "list");
    assert.match(stdout, new RegExp(`pending +import +box +admin +${job.id}\n$`));
    const canceled = await api.as(api.admin, "jobs", "cancel", "--status", "pending");
    assert.equal(canceled.stdout, `canceled the import of template box (job ${job.id})\n1 canceled\n`);
    const late = await api.as(api.admin, "jobs", "cancel", job.id);
    assert.match(late.stderr, /^error: the import has ended or is being canceled already/);
  });
});
