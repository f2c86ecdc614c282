import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

/** What the operating system is told to run. */
export const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** All that a command finds in its environment besides what a test gives it. */
const INHERITED = { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] };

/** How a command ended. */
export type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs the real command line in a directory of its own, with nothing of ours in the environment but `env`. */
export async function prebuildd(
  t: TestContext,
  args: readonly string[],
  given: { readonly env?: Record<string, string>; readonly stdin?: string } = {},
): Promise<Outcome> {
  const cwd = await temporaryDirectory(t);
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...INHERITED, ...given.env } });
  child.stdin.end(given.stdin ?? "");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: child.exitCode, stdout, stderr };
}

/** A command that goes on until it is told to stop. */
export type Running = {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly printed: () => string;
  readonly ended: Promise<Outcome>;
};

/** Starts the real command line, which is killed at the end of the test, with nothing in its environment but `env`. */
export function startPrebuildd(t: TestContext, args: readonly string[], env: Record<string, string>): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...INHERITED, ...env } });
  t.after(() => child.kill("SIGKILL"));
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  const ended = Promise.all([text(child.stderr), once(child, "close")]).then(([stderr]) => {
    return { code: child.exitCode, stdout, stderr };
  });
  return { child, printed: () => stdout, ended };
}

/** Runs the command line through a shell's pipe into a reader that stops early; the outcome is the command's. */
export async function prebuilddIntoClosedPipe(args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: INHERITED });
  child.stdout.destroy();
  const [stderr] = await Promise.all([text(child.stderr), once(child, "close")]);
  return { code: child.exitCode, stdout: "", stderr };
}

/** An empty directory that is removed after the test. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "prebuildd-cli-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
