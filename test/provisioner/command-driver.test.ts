import assert from "node:assert/strict";
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { createCommandDriver } from "../../src/provisioner/command/driver.ts";
import type { BuildRequest, BuildResult } from "../../src/provisioner/driver.ts";
import { MAX_OUTPUT_BYTES } from "../../src/provisioner/output.ts";
import { waitFor } from "../support/wait-for.ts";
import { makeDirectory, makeTemplate, recordingContext, requestFor } from "./command-template.ts";

const driver = createCommandDriver({ killGraceMs: 200 });

async function build(t: TestContext, executables: Record<string, string>, over: Partial<BuildRequest> = {}) {
  const context = recordingContext();
  const result = await driver.build(requestFor(await makeTemplate(t, executables), over), context);
  return { result, lines: context.lines };
}

const errorOf = (result: BuildResult) => (result.ok ? "" : result.error);
const KEPT = Buffer.from("machine-7");

describe("which executable runs", () => {
  const all = { start: "echo S", stop: "echo T", delete: "echo D", claim: "echo C" };
  for (const [transition, stage, printed] of [
    ["start", "none", "S"],
    ["start", "create", "S"],
    ["start", "claim", "C"],
    ["stop", "none", "T"],
    ["delete", "create", "D"],
  ] as const) {
    test(`a ${transition} at stage ${stage} runs one executable and no other`, async (t) => {
      const { result, lines } = await build(t, all, { transition, stage });
      assert.ok(result.ok);
      assert.deepEqual(
        lines.map((line) => line.output),
        [printed],
      );
    });
  }

  for (const [transition, stage] of [
    ["stop", "none"],
    ["delete", "none"],
    ["start", "claim"],
  ] as const) {
    test(`a ${transition} at stage ${stage} without an executable succeeds and keeps the state`, async (t) => {
      const { result } = await build(t, { start: "exit 1" }, { transition, stage, state: KEPT });
      assert.ok(result.ok);
      assert.deepEqual(result.state, KEPT);
    });
  }

  test("a start without an executable fails with a sentence that says what to add", async (t) => {
    const { result } = await build(t, { stop: "exit 0" }, { state: KEPT });
    const error = "the template has no executable named start: add one and push it again";
    assert.deepEqual(result, { ok: false, state: KEPT, error });
  });
});

describe("readiness", () => {
  test("is there at once without a ready executable, and there is an agent only after a start", async (t) => {
    const started = await build(t, { start: "exit 0" });
    assert.deepEqual(started.result, { ok: true, state: null, agents: [{ name: "main", ready: true }] });
    const stopped = await build(t, { start: "exit 0" }, { transition: "stop" });
    assert.deepEqual(stopped.result, { ok: true, state: null, agents: [] });
    const request = requestFor(await makeTemplate(t, { start: "exit 0" }));
    assert.equal(await driver.isReady(request, recordingContext()), true);
  });

  test("is asked for with the ready executable, whose output is of interest at debug only", async (t) => {
    const ready = 'echo out; echo err >&2; [ -e "$PREBUILDD_WORKSPACE_DIR/up" ]';
    const workspaceDir = await makeDirectory(t);
    const request = requestFor(await makeTemplate(t, { start: "exit 0", ready }), { workspaceDir });
    const result = await driver.build(request, recordingContext());
    assert.deepEqual(result, { ok: true, state: null, agents: [{ name: "main", ready: false }] });
    const context = recordingContext();
    assert.equal(await driver.isReady(request, context), false);
    assert.deepEqual(
      new Set(context.lines.map(({ level, output }) => `${level} ${output}`)),
      new Set(["debug out", "debug err"]),
    );
    await writeFile(join(workspaceDir, "up"), "");
    assert.equal(await driver.isReady(request, context), true);
  });

  test("is denied when the ready executable hangs or cannot be run", async (t) => {
    const impatient = createCommandDriver({ readyTimeoutMs: 50, killGraceMs: 50 });
    const directory = await makeTemplate(t, { start: "exit 0", ready: "sleep 600" });
    assert.equal(await impatient.isReady(requestFor(directory), recordingContext()), false);
    await chmod(join(directory, "ready"), 0o644);
    const context = recordingContext();
    assert.equal(await impatient.isReady(requestFor(directory), context), false);
    assert.match(context.lines[0]?.output ?? "", /ready of the template is not executable: run chmod \+x ready/);
  });
});

describe("the surroundings of an executable", () => {
  test("its environment holds nothing of the daemon's but what is meant for it", async (t) => {
    process.env["PREBUILDD_TOKEN"] = "hunter2";
    process.env["DATABASE_URL"] = "postgresql://hunter2";
    t.after(() => {
      delete process.env["PREBUILDD_TOKEN"];
      delete process.env["DATABASE_URL"];
    });
    const start = `#!${process.execPath}\nconsole.log(JSON.stringify(process.env))`;
    const { lines } = await build(t, { start }, { parameters: { "disk-size": "10" } });
    const environment: Record<string, string> = JSON.parse(lines[0]?.output ?? "");
    const names = Object.keys(environment).filter((name) => !/^(PREBUILDD|CODER)_/.test(name));
    // The last four are what a shell makes for itself.
    const allowed = ["PATH", "HOME", "LANG", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"];
    assert.deepEqual(
      names.filter((name) => !allowed.includes(name)),
      [],
    );
    assert.equal(environment["PREBUILDD_PARAMETER_DISK_SIZE"], "10");
    assert.equal(environment["PREBUILDD_WORKSPACE_OWNER"], "ada");
    assert.doesNotMatch(JSON.stringify(environment), /hunter2/);
  });

  test("parameters that would become one variable fail the build before anything runs", async (t) => {
    const { result, lines } = await build(
      t,
      { start: "echo ran" },
      { parameters: { a_b: "1", "a-b": "2" }, state: KEPT },
    );
    assert.match(errorOf(result), /"a_b" and "a-b"/);
    assert.deepEqual(result.state, KEPT);
    assert.deepEqual(lines, []);
  });

  test("its directory is its own and gone afterwards, and its input is empty", async (t) => {
    const { result, lines } = await build(t, { start: "pwd; ls -A; touch left; cat" });
    assert.ok(result.ok);
    assert.equal(lines.length, 1);
    const name = lines[0]?.output.split("/").at(-1) ?? "";
    assert.match(name, /^prebuildd-build-/);
    assert.ok(!(await readdir(tmpdir())).includes(name));
  });

  test("paths are absolute even when the daemon was given relative ones", async (t) => {
    const start = 'echo "$PREBUILDD_WORKSPACE_DIR"; cat "$PREBUILDD_TEMPLATE_DIR/start" >/dev/null';
    const { result, lines } = await build(t, { start }, { workspaceDir: "data/w1" });
    assert.equal(errorOf(result), "");
    assert.equal(lines[0]?.output, join(process.cwd(), "data/w1"));
  });
});

describe("the state", () => {
  const write = 'printf new >"$PREBUILDD_STATE_FILE"';
  const limit = 'head -c 17000000 /dev/zero >"$PREBUILDD_STATE_FILE"';
  const rows: readonly [what: string, start: string, ok: boolean, state: string | null, error: RegExp][] = [
    ["is what the last build left", 'cat "$PREBUILDD_STATE_FILE"', true, "machine-7", /^$/],
    ["is replaced by what is written", write, true, "new", /^$/],
    ["is kept from a build that fails, too", `${write}; exit 1`, false, "new", /^start exited with code 1$/],
    ["is nothing when the file is removed", 'rm "$PREBUILDD_STATE_FILE"', true, null, /^$/],
    ["is nothing when the file is emptied", ': >"$PREBUILDD_STATE_FILE"', true, null, /^$/],
    ["is the previous one when the new one is too large", limit, false, "machine-7", /17000000 bytes; at most 16 MiB/],
    [
      "is never read through a link",
      'ln -sf /etc/passwd "$PREBUILDD_STATE_FILE"',
      false,
      "machine-7",
      /cannot be read/,
    ],
    [
      "is never a pipe",
      'cd /; rm "$PREBUILDD_STATE_FILE"; mkfifo "$PREBUILDD_STATE_FILE"',
      false,
      "machine-7",
      /not a file/,
    ],
  ];
  for (const [what, start, ok, state, error] of rows) {
    test(what, async (t) => {
      const { result } = await build(t, { start }, { state: KEPT });
      assert.equal(result.ok, ok);
      assert.match(errorOf(result), error);
      assert.equal(result.state?.toString() ?? null, state);
    });
  }

  test("has no file before there is one", async (t) => {
    assert.ok((await build(t, { start: '[ ! -e "$PREBUILDD_STATE_FILE" ]' })).result.ok);
  });
});

describe("the log", () => {
  test("has stdout as info, stderr as warn, the executable as stage, and the last line without a line break", async (t) => {
    const { lines } = await build(t, { stop: "echo out; echo err >&2; printf end" }, { transition: "stop" });
    const written = lines.map((line) => `${line.level} ${line.stage} ${line.output}`);
    assert.deepEqual(written.toSorted(), ["info stop end", "info stop out", "warn stop err"]);
  });

  test("has an end, and a build that prints more than that still runs to its own", async (t) => {
    const start = 'head -c 2000000 /dev/zero | tr "\\0" "\\n"; echo >&2 done; exit 4';
    const { result, lines } = await build(t, { start });
    assert.equal(errorOf(result), "start exited with code 4: done");
    assert.ok(lines.length < MAX_OUTPUT_BYTES / 64 + 2);
    assert.deepEqual(lines.filter((line) => line.output.startsWith("output cut")).length, 1);
  });
});

describe("an executable that cannot be run fails the build with one clear sentence", () => {
  const rows: readonly [what: string, start: string, mode: number, error: RegExp][] = [
    ["not executable", "exit 0", 0o644, /^start of the template is not executable: run chmod \+x start/],
    ["no interpreter", "#!/no/such/sh\n", 0o755, /^start of the template needs the interpreter \/no\/such\/sh, which/],
    ["Windows line endings", "#!/bin/sh\r\nexit 0\r\n", 0o755, /^start of the template has Windows line endings/],
    [
      "not found by env",
      "#!/usr/bin/env no-such-runtime\n",
      0o755,
      /^start exited with code 12[67]: .*no-such-runtime/,
    ],
    ["killed", "kill -SEGV $$", 0o755, /^start was killed by signal SIGSEGV$/],
  ];
  for (const [what, start, mode, error] of rows) {
    test(what, async (t) => {
      const directory = await makeTemplate(t, { start });
      await chmod(join(directory, "start"), mode);
      const result = await driver.build(requestFor(directory, { state: KEPT }), recordingContext());
      assert.match(errorOf(result), error);
    });
  }
});

describe("a build that is given up", () => {
  /** Ignores SIGTERM, as does its child, and writes both process ids down. */
  const stubborn = `trap "" TERM; (while :; do sleep 1; done) & echo "$$ $!" >"$PREBUILDD_WORKSPACE_DIR/pids"
    printf half >"$PREBUILDD_STATE_FILE"; echo up; while :; do sleep 1; done`;

  async function isGone(workspaceDir: string) {
    const pids = (await readFile(join(workspaceDir, "pids"), "utf8")).trim().split(" ").map(Number);
    assert.equal(pids.length, 2);
    return () => pids.every((pid) => !isAlive(pid));
  }

  test("for its time is killed with its children, and what it left as its state is kept", async (t) => {
    const impatient = createCommandDriver({ timeoutMs: 500, killGraceMs: 50 });
    const workspaceDir = await makeDirectory(t);
    const request = requestFor(await makeTemplate(t, { start: stubborn }), { workspaceDir });
    const result = await impatient.build(request, recordingContext());
    assert.deepEqual(result, { ok: false, state: Buffer.from("half"), error: "start timed out after 500ms" });
    await waitFor("both processes to be gone", await isGone(workspaceDir));
  });

  test("by its caller is killed with its children", async (t) => {
    const workspaceDir = await makeDirectory(t);
    const stop = new AbortController();
    const context = recordingContext(stop.signal);
    const building = driver.build(requestFor(await makeTemplate(t, { start: stubborn }), { workspaceDir }), context);
    await waitFor("the executable to be up", () => context.lines.length > 0);
    stop.abort();
    assert.deepEqual(await building, { ok: false, state: Buffer.from("half"), error: "start was canceled" });
    await waitFor("both processes to be gone", await isGone(workspaceDir));
  });

  test("may end by itself on SIGTERM, and is not killed before the grace period is over", async (t) => {
    const patient = createCommandDriver({ killGraceMs: 60_000 });
    const stop = new AbortController();
    const context = recordingContext(stop.signal);
    const start = 'trap "echo tidied up; exit 0" TERM; echo up; while :; do sleep 0.05; done';
    const building = patient.build(requestFor(await makeTemplate(t, { start })), context);
    await waitFor("the executable to be up", () => context.lines.length > 0);
    stop.abort();
    assert.equal(errorOf(await building), "start was canceled");
    // On stderr the shell may say that its sleep was terminated.
    const printed = context.lines.filter((line) => line.level === "info").map((line) => line.output);
    assert.deepEqual(printed, ["up", "tidied up"]);
  });

  test("before it began runs nothing", async (t) => {
    const context = recordingContext(AbortSignal.abort());
    const request = requestFor(await makeTemplate(t, { start: "echo ran" }), { state: KEPT });
    assert.deepEqual(await driver.build(request, context), { ok: false, state: KEPT, error: "start was canceled" });
    assert.deepEqual(context.lines, []);
  });

  test("is not needed for a child that was left behind: it is gone when the executable ends", async (t) => {
    const workspaceDir = await makeDirectory(t);
    const start = 'sleep 600 & echo "$! $!" >"$PREBUILDD_WORKSPACE_DIR/pids"';
    const { result } = await build(t, { start }, { workspaceDir });
    assert.ok(result.ok);
    await waitFor("the child to be gone", await isGone(workspaceDir));
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
