import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type GuardOptions, spawnGuarded } from "../../src/process/guard.ts";
import { waitFor } from "../support/wait-for.ts";

const parentScript = fileURLToPath(new URL("./guarded-parent.ts", import.meta.url));

async function runShell(script: string, options: Partial<GuardOptions> = {}, input = "") {
  const child = spawnGuarded("/bin/sh", ["-c", script], { onOrphaned: "SIGKILL", ...options });
  child.stdin.end(input);
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
  return { stdout, stderr, ...exit };
}

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "guard-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8")); // a zombie has ended
  } catch {
    return process.platform !== "linux";
  }
}

/** The processes whose parent is this one; only Linux tells. */
function childrenOfThisProcess(): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || pid === 0) return false;
      try {
        return Number(/\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]) === process.pid;
      } catch {
        return false;
      }
    });
}

/** Whether SIGTERM, the fifteenth signal, is ignored or caught by the process. */
function hasTermIn(field: "SigIgn" | "SigCgt", pid: number): boolean {
  return new RegExp(`^${field}:\\t.*[4-7c-f][0-9a-f]{3}$`, "m").test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

async function killedParentOf(t: TestContext, onOrphaned: "SIGKILL" | "SIGINT" | "finish", command: string) {
  const parent = spawn(process.execPath, [parentScript, onOrphaned, command], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => parent.kill("SIGKILL"));
  const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
  const pids = String((await lines.next()).value)
    .split(" ")
    .map(Number);
  assert.ok(pids.length > 0 && pids.every((pid) => pid > 0 && isRunning(pid)), `not running: ${pids}`);
  parent.kill("SIGKILL");
  return { pids, lines };
}

/** A command that notes in a file which signals it gets, and prints this when it is prepared to. */
function noting(file: string, prints: string): string {
  const note = `(signal) => require("node:fs").appendFileSync("${file}", signal + "\\n")`;
  return `${process.execPath} -e 'for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, ${note});
    setInterval(() => {}, 1000); console.log(${prints})'`;
}

test("a guarded command's exit code comes through, also one that looks like a signal's", async () => {
  assert.deepEqual(await runShell("exit 0"), { code: 0, signal: null, stdout: "", stderr: "" });
  assert.equal((await runShell("exit 3")).code, 3);
  assert.equal((await runShell("exit 137")).code, 137);
});

test("a guarded command's signal comes through", async () => {
  assert.deepEqual(await runShell("kill -TERM $$"), { code: null, signal: "SIGTERM", stdout: "", stderr: "" });
});

test("a guarded command gets its input, arguments, environment and directory, and its output is read to the end", async () => {
  const exit = await runShell(
    'cat; pwd; echo "$GREETING"; echo oops >&2',
    { cwd: "/", env: { GREETING: "hello  there" } },
    "from stdin\n",
  );
  assert.deepEqual(exit, { code: 0, signal: null, stdout: "from stdin\n/\nhello  there\n", stderr: "oops\n" });
  const long = await runShell(
    "i=0; while [ $i -lt 20000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done",
  );
  assert.equal(long.stdout.length, 20_000 * 41);
});

test("a guarded command's output can go straight to a file", async (t) => {
  const file = join(temporaryDirectory(t), "log");
  const descriptor = openSync(file, "w");
  assert.deepEqual(await runShell("echo one; echo two >&2", { outputTo: descriptor }), {
    code: 0,
    signal: null,
    stdout: "",
    stderr: "",
  });
  closeSync(descriptor);
  assert.equal(readFileSync(file, "utf8"), "one\ntwo\n");
});

test("a command that does not exist ends with 127 and says so, and a missing directory is an error that names it", async () => {
  const child = spawnGuarded("/no/such/command", [], { onOrphaned: "SIGKILL" });
  const [stderr, exit] = await Promise.all([text(child.stderr), child.exited]);
  assert.equal(exit.code, 127);
  assert.match(stderr, /\/no\/such\/command/);
  const lost = spawnGuarded("true", [], { cwd: "/no/such/directory", onOrphaned: "SIGKILL" });
  await assert.rejects(lost.exited, /cannot start true in \/no\/such\/directory/);
});

test("a guarded command does not inherit the pipe that guards it", {
  skip: process.platform !== "linux" && "looks at processes through /proc, which only Linux has",
}, async () => {
  const inherited = new Set((await runPlain("ls /proc/self/fd")).trim().split("\n"));
  const guarded = (await runShell("ls /proc/self/fd")).stdout.trim().split("\n");
  assert.deepEqual(
    guarded.filter((descriptor) => !inherited.has(descriptor)),
    [],
  );
});

test("killGroup reaches what the command has started, and does nothing after the end", async () => {
  const child = spawnGuarded("/bin/sh", ["-c", "sleep 1000 & echo $!; wait"], { onOrphaned: "SIGKILL" });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const sleeper = Number((await lines.next()).value);
  child.killGroup("SIGTERM");
  assert.deepEqual(await child.exited, { code: null, signal: "SIGTERM" });
  await waitFor("the grandchild's end", () => !isRunning(sleeper));
  child.killGroup("SIGTERM");
});

test("what a command leaves running in its group is killed when the command ends", async () => {
  const { stdout, code } = await runShell("sleep 1000 & echo $!");
  assert.equal(code, 0);
  await waitFor("the grandchild's end", () => !isRunning(Number(stdout)));
});

test("a process that left the group lives on and may keep the output open", {
  skip: process.platform !== "linux" && "looks at processes through /proc, which only Linux has",
}, async () => {
  const child = spawnGuarded("/bin/sh", ["-c", "setsid sh -c 'echo $$; exec sleep 1000' & read -r _"], {
    onOrphaned: "SIGKILL",
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const sleeper = Number((await lines.next()).value);
  child.stdin.end("go on\n");
  assert.deepEqual(await child.exited, { code: 0, signal: null });
  assert.equal((await lines.next()).done, true);
  assert.ok(isRunning(sleeper));
  process.kill(sleeper, "SIGKILL");
});

test("nothing of the guard is left when the command has ended", {
  skip: process.platform !== "linux" && "looks at processes through /proc, which only Linux has",
}, async () => {
  await Promise.all(Array.from({ length: 5 }, () => runShell("exit 0")));
  await waitFor("the watchers' end", () => childrenOfThisProcess().length === 0);
});

test("kill -9 of the parent ends the command and what it started", async (t) => {
  const { pids } = await killedParentOf(t, "SIGKILL", "trap '' INT TERM HUP; sleep 1000 & echo $$ $!; wait");
  for (const pid of pids) await waitFor(`the end of process ${pid}`, () => !isRunning(pid));
});

test("kill -9 of the parent lets a command that is guarded with SIGINT shut down by itself", async (t) => {
  const { pids, lines } = await killedParentOf(
    t,
    "SIGINT",
    `exec ${process.execPath} -e 'process.once("SIGINT", () => process.exit(0)); setInterval(() => {}, 1000); console.log(process.pid)'`,
  );
  for (const pid of pids) await waitFor(`the end of process ${pid}`, () => !isRunning(pid));
  assert.equal((await lines.next()).done, true);
});

describe("a command that may end its work when the parent is killed", () => {
  /** As many bytes as no pipe holds. */
  const flood = "head -c 1000000 /dev/zero";

  test("is left alone for a while, and what it prints goes nowhere without hurting it", async (t) => {
    const directory = temporaryDirectory(t);
    const script = `trap 'echo interrupted >>${directory}/log' INT
      echo $$; while [ ! -e ${directory}/go ]; do sleep 0.05; done; ${flood} && ${flood} >&2 && echo whole >>${directory}/log`;
    const { pids } = await killedParentOf(t, "finish", script);
    assert.ok(pids.every(isRunning));
    writeFileSync(join(directory, "go"), "");
    for (const pid of pids) await waitFor(`the end of process ${pid}`, () => !isRunning(pid));
    assert.equal(readFileSync(join(directory, "log"), "utf8"), "whole\n");
  });

  test("is then interrupted, it alone, and at last killed with all that it started", async (t) => {
    const directory = temporaryDirectory(t);
    const script = `trap 'echo command >>${directory}/log' INT
      ${noting(join(directory, "log"), "process.ppid, process.pid")} & while :; do sleep 0.1; done`;
    const { pids } = await killedParentOf(t, "finish", script);
    for (const pid of pids) await waitFor(`the end of process ${pid}`, () => !isRunning(pid));
    assert.equal(readFileSync(join(directory, "log"), "utf8"), "command\n");
  });

  test("has its output read to the end and its exit code told while the parent lives", async () => {
    const onOrphaned = { undisturbedSeconds: 1, interruptedSeconds: 1 };
    const { stdout, stderr, code } = await runShell(`${flood}; ${flood} >&2; echo end; exit 3`, { onOrphaned });
    assert.equal(stdout.length, 1_000_004);
    assert.equal(stderr.length, 1_000_000);
    assert.equal(code, 3);
    await waitFor("the end of all that belongs to it", () => childrenOfThisProcess().length === 0);
  });
});

test("a signal to every process at once does not take what reads the command's output away from it", {
  skip: process.platform !== "linux" && "looks at processes through /proc, which only Linux has",
}, async () => {
  const script = `trap 'echo ended; echo badly >&2; exit 3' TERM; echo started; while :; do sleep 0.05; done`;
  const child = spawnGuarded("/bin/sh", ["-c", script], {
    onOrphaned: { undisturbedSeconds: 1, interruptedSeconds: 1 },
  });
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  const mine = childrenOfThisProcess();
  assert.equal(mine.length, 4, "the command, the watcher and what reads each of two outputs");
  const isReady = (pid: number) => hasTermIn(pid === child.pid ? "SigCgt" : "SigIgn", pid);
  await waitFor("all to be ready", () => mine.every(isReady));
  for (const pid of mine) process.kill(pid, "SIGTERM");
  assert.deepEqual(await child.exited, { code: 3, signal: null });
  assert.deepEqual([await stdout, await stderr], ["started\nended\n", "badly\n"]);
});

test("what guards a command that cannot be started does not stay", {
  skip: process.platform !== "linux" && "looks at processes through /proc, which only Linux has",
}, async () => {
  const env = { HUGE: "x".repeat(4 * 1024 * 1024) };
  const onOrphaned = { undisturbedSeconds: 1, interruptedSeconds: 1 };
  for (const guard of ["SIGKILL", onOrphaned] as const) {
    assert.throws(() => spawnGuarded("true", [], { env, onOrphaned: guard }), /E2BIG/);
  }
  await waitFor("the end of all that belongs to it", () => childrenOfThisProcess().length === 0);
});

test("interrupt reaches the command alone", async (t) => {
  const directory = temporaryDirectory(t);
  const log = join(directory, "log");
  const script = `${noting(log, "process.pid")} & trap 'echo interrupted' INT; trap '' TERM; while :; do sleep 0.1; done`;
  const child = spawnGuarded("/bin/sh", ["-c", script], { onOrphaned: "SIGKILL" });
  t.after(() => child.killGroup("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  child.interrupt();
  assert.equal((await lines.next()).value, "interrupted");
  child.killGroup("SIGTERM");
  // The file is there a moment before what is written to it.
  const heard = () => existsSync(log) && readFileSync(log, "utf8");
  assert.equal(await waitFor("the other process to hear of the end", heard), "SIGTERM\n");
  child.killGroup("SIGKILL");
  await child.exited;
});

test("kill -9 of the parent leaves no watcher behind", {
  skip: process.platform !== "linux" && "looks at processes through /proc, which only Linux has",
}, async (t) => {
  const watchers = () => watcherGroups().size;
  const before = watchers();
  const { pids } = await killedParentOf(t, "SIGKILL", "echo $$; sleep 1000");
  for (const pid of pids) await waitFor(`the end of process ${pid}`, () => !isRunning(pid));
  await waitFor("the watcher's end", () => watchers() <= before);
});

/** The guards' watchers on this machine, known by their script. */
function watcherGroups(): Set<number> {
  const found = new Set<number>();
  for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("read -r group")) found.add(pid);
    } catch {
      // It has ended since.
    }
  }
  return found;
}

async function runPlain(script: string): Promise<string> {
  const child = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "pipe", "pipe"] });
  return text(child.stdout);
}
