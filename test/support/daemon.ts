import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { waitFor } from "./wait-for.ts";

const THIS_RELEASE = fileURLToPath(new URL("../..", import.meta.url));

type LogLine = { readonly level: string; readonly msg: string; readonly [key: string]: unknown };

/** A daemon in a process of its own, as an operator runs it. */
export type DaemonProcess = {
  readonly child: ChildProcess;
  readonly dataDir: string;
  readonly logs: readonly LogLine[];
  /** What it printed that is not a log line, such as the sentence of a failed start. */
  readonly text: () => string;
  /** Waits for a log line whose message begins like this. */
  logged(msg: string, options?: { timeoutMs?: number }): Promise<LogLine>;
  /** Waits until it serves requests and returns its base URL. */
  ready(): Promise<string>;
  exited(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
};

/** A directory of the test's own that every user may enter. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "prebuildd-daemon-"));
  await chmod(directory, 0o755); // as root, the database server's own user must be able to enter it
  // A daemon in it is killed by a later hook and may still be writing.
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }));
  return directory;
}

/**
 * Starts `prebuildd` with arguments and nothing of this process's settings; it is killed at the end of the test. The code
 * is that of this checkout, unless the directory of another release is given.
 */
export async function startProcess(
  t: TestContext,
  args: readonly string[],
  given: { env?: Record<string, string>; dataDir?: string; release?: string } = {},
): Promise<DaemonProcess> {
  const dataDir = given.dataDir ?? (await temporaryDirectory(t));
  const child = spawn(process.execPath, [join(given.release ?? THIS_RELEASE, "src/main.ts"), ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "",
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      PREBUILDD_LISTEN: "127.0.0.1:0",
      PREBUILDD_DATA_DIR: dataDir,
      ...given.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const logs: LogLine[] = [];
  const other: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (line.startsWith("{")) logs.push(JSON.parse(line));
      else other.push(line);
    });
  }
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  t.after(async () => {
    child.kill("SIGKILL");
    await exit;
  });

  const logged: DaemonProcess["logged"] = (msg, options = {}) =>
    waitFor(
      `the log line "${msg}"`,
      () => {
        const found = logs.find((line) => line.msg.startsWith(msg));
        if (!found && child.exitCode !== null) throw new Error(`the process ended: ${other.join("\n")}`);
        return found;
      },
      { timeoutMs: 30_000, ...options },
    );
  return {
    child,
    dataDir,
    logs,
    text: () => other.join("\n"),
    logged,
    ready: async () => String((await logged("ready: "))["url"]),
    exited: () => exit,
  };
}
