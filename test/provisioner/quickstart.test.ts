import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { createCommandDriver } from "../../src/provisioner/command/driver.ts";
import type { BuildRequest, BuildResult } from "../../src/provisioner/driver.ts";
import { packSource } from "../../src/templates/sources.ts";
import { makeDirectory, recordingContext, requestFor } from "./command-template.ts";

const TEMPLATE = join(import.meta.dirname, "../../examples/quickstart/template");
const run = promisify(execFile);
const driver = createCommandDriver();

/** One workspace of the template: each build gets the state that the last one left. */
async function makeWorkspace(t: TestContext, parameters: Readonly<Record<string, string>>) {
  const workspaceDir = join(await makeDirectory(t), "workspaces", "w1");
  let state: Buffer | null = null;
  const request = (over: Partial<BuildRequest>) =>
    requestFor(TEMPLATE, { parameters: { warmup_seconds: "0", ...parameters }, workspaceDir, state, ...over });
  return {
    workspaceDir,
    async build(transition: BuildRequest["transition"], stage: BuildRequest["stage"]): Promise<BuildResult> {
      const result = await driver.build(request({ transition, stage }), recordingContext());
      state = result.state;
      return result;
    },
    isReady: () => driver.isReady(request({}), recordingContext()),
    state: () => state?.toString() ?? null,
    git: async (...args: string[]) => (await run("git", ["-C", workspaceDir, ...args])).stdout.trim(),
    read: (path: string) => readFile(join(workspaceDir, path), "utf8"),
    exists: async (path = ".") => (await stat(join(workspaceDir, path)).catch(() => undefined)) !== undefined,
  };
}

const succeeded = (result: BuildResult) => assert.ok(result.ok, result.ok ? "" : result.error);

describe("the quickstart template", () => {
  test("is one that can be applied", async () => {
    assert.match((await packSource(TEMPLATE, "command")).hash, /^[0-9a-f]{64}$/);
  });

  for (const language of ["node", "python", "shell"]) {
    test(`makes a prebuilt ${language} workspace, hands it over, keeps its owner's work, and deletes it`, async (t) => {
      const workspace = await makeWorkspace(t, { language });
      assert.equal(await workspace.isReady(), false);
      succeeded(await workspace.build("start", "create"));
      assert.equal(await workspace.isReady(), true);
      assert.match(await workspace.read("README.md"), /^# mine\n\nOwner: nobody yet\n\nA small .* project/);
      assert.equal(await workspace.git("log", "--format=%an: %s"), `prebuildd: Start from the ${language} skeleton`);
      assert.equal(await workspace.git("status", "--porcelain"), "");
      assert.ok(await workspace.exists(".editorconfig"));
      await run("sh", ["./test.sh"], { cwd: workspace.workspaceDir });

      succeeded(await workspace.build("start", "claim"));
      assert.equal(await workspace.isReady(), true);
      assert.match(await workspace.read("README.md"), /Owner: ada\n/);
      assert.equal(
        await workspace.git("log", "-1", "--format=%an <%ae>: %s"),
        "Ada Lovelace <ada@example.com>: Hand over to ada",
      );
      assert.equal(await workspace.git("config", "user.email"), "ada@example.com");

      await writeFile(join(workspace.workspaceDir, "work.txt"), "a day's work");
      succeeded(await workspace.build("stop", "none"));
      assert.equal(await workspace.isReady(), false);
      assert.match(workspace.state() ?? "", /^status=stopped$/m);
      succeeded(await workspace.build("start", "none"));
      assert.equal(await workspace.isReady(), true);
      assert.equal(await workspace.read("work.txt"), "a day's work");
      assert.equal(await workspace.git("rev-list", "--count", "HEAD"), "2");

      succeeded(await workspace.build("delete", "none"));
      assert.equal(await workspace.exists(), false);
      assert.equal(workspace.state(), null);
    });
  }

  test("may run each executable twice, as happens to a job that was interrupted", async (t) => {
    const workspace = await makeWorkspace(t, {});
    for (const [transition, stage] of [
      ["start", "create"],
      ["start", "claim"],
      ["stop", "none"],
      ["start", "none"],
      ["delete", "none"],
    ] as const) {
      succeeded(await workspace.build(transition, stage));
      const commits = transition === "delete" ? "" : await workspace.git("log", "--format=%s");
      succeeded(await workspace.build(transition, stage));
      if (transition !== "delete") assert.equal(await workspace.git("log", "--format=%s"), commits);
    }
    assert.equal(await workspace.exists(), false);
  });

  test("begins again when a start was interrupted half way, and delete removes what such a start left", async (t) => {
    const workspace = await makeWorkspace(t, {});
    const half = `${workspace.workspaceDir}.new`;
    await mkdir(join(half, ".git"), { recursive: true });
    await writeFile(join(half, "junk"), "");
    succeeded(await workspace.build("start", "create"));
    assert.equal(await workspace.exists("junk"), false);
    assert.equal(await workspace.git("status", "--porcelain"), "");
    await mkdir(half);
    succeeded(await workspace.build("delete", "create"));
    assert.equal(await stat(half).catch(() => undefined), undefined);
  });

  test("hands a workspace over at once when it is made for a person", async (t) => {
    const workspace = await makeWorkspace(t, {});
    succeeded(await workspace.build("start", "none"));
    assert.match(await workspace.read("README.md"), /Owner: ada\n/);
    assert.equal(await workspace.git("config", "user.name"), "Ada Lovelace");
    assert.equal(await workspace.git("status", "--porcelain"), "");
  });

  for (const [parameter, value, error] of [
    ["language", "cobol", /parameter language is 'cobol', but must be node, python or shell/],
    ["language", "../../..", /parameter language is '\.\.\/\.\.\/\.\.', but must be/],
    ["warmup_seconds", "long", /parameter warmup_seconds is 'long', but must be a whole number/],
  ] as const) {
    test(`refuses ${parameter} "${value}" and says what is allowed`, async (t) => {
      const workspace = await makeWorkspace(t, { [parameter]: value });
      const result = await workspace.build("start", "create");
      assert.ok(!result.ok);
      assert.match(result.error, error);
      assert.equal(await workspace.exists(), false);
    });
  }

  test("says that git is missing where it is", async (t) => {
    const bin = await makeDirectory(t);
    const withoutGit = createCommandDriver({ host: { PATH: bin } });
    const workspaceDir = join(await makeDirectory(t), "w1");
    const result = await withoutGit.build(requestFor(TEMPLATE, { workspaceDir }), recordingContext());
    assert.ok(!result.ok);
    assert.match(result.error, /^start exited with code 1: git is not installed/);
  });
});
