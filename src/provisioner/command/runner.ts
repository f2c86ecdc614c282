import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../errors.ts";
import { type GuardedProcess, spawnGuarded } from "../../process/guard.ts";
import { endOf, readInto, withDeadline } from "../../process/supervise.ts";
import type { BuildLogLine } from "../driver.ts";
import type { Outcome } from "../outcome.ts";
import { createLineSplitter } from "../output.ts";
import type { ExecutableName } from "./executables.ts";

/** What stands under an executable's name in a template directory. */
export type FoundExecutable =
  | { readonly kind: "found"; readonly path: string }
  | { readonly kind: "missing" }
  | { readonly kind: "unusable"; readonly problem: string };

/** Looks for an executable of a template, and says what is wrong with it when it could not be run. */
export async function findExecutable(directory: string, name: ExecutableName): Promise<FoundExecutable> {
  const path = join(directory, name);
  const info = await stat(path).catch(() => undefined);
  if (!info) return { kind: "missing" };
  if (!info.isFile()) return { kind: "unusable", problem: `${name} of the template is not a file` };
  // Not only access(): that says yes to root as soon as anybody may execute, and always where modes do not exist.
  const executable = (info.mode & 0o111) !== 0 && (await isAllowed(path, constants.X_OK));
  if (executable) return { kind: "found", path };
  return {
    kind: "unusable",
    problem: `${name} of the template is not executable: run chmod +x ${name} and push it again`,
  };
}

/** How one executable is run. */
export type RunOptions = {
  readonly name: ExecutableName;
  readonly path: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** How long it may go on after a polite request to end. */
  readonly killGraceMs: number;
  readonly signal: AbortSignal;
  readonly log: (line: BuildLogLine) => void;
  /** The level of what it prints on stdout and on stderr. */
  readonly levels: { readonly stdout: BuildLogLine["level"]; readonly stderr: BuildLogLine["level"] };
};

/**
 * Runs an executable to its end, which is never later than the timeout plus the grace period; when it returns, nothing
 * that the executable left in its process group is alive any more.
 */
export async function runExecutable(options: RunOptions): Promise<Outcome> {
  if (options.signal.aborted) return { kind: "canceled" };
  const problem = await interpreterProblem(options);
  if (problem !== undefined) return { kind: "not_started", problem };
  let child: GuardedProcess;
  try {
    child = spawnGuarded(options.path, [], {
      cwd: options.cwd,
      env: options.env,
      onOrphaned: "SIGKILL",
      // It holds the workspace's state; the driver removes it itself while it lives.
      removeWhenOrphaned: options.cwd,
    });
  } catch (error) {
    // An environment that is too large for the kernel, for example.
    return { kind: "not_started", problem: `${options.name} could not be started: ${messageOf(error)}` };
  }
  child.stdin.end();
  let reason = "";
  const { name: stage, levels, log } = options;
  const stdout = createLineSplitter((output) => log({ level: levels.stdout, stage, output }));
  const stderr = createLineSplitter((output) => {
    if (output.trim() !== "") reason = output.trim();
    log({ level: levels.stderr, stage, output });
  });
  const printed = Promise.all([readInto(child.stdout, stdout), readInto(child.stderr, stderr)]);
  using deadline = withDeadline(options.signal, options.timeoutMs);
  try {
    const exit = await endOf(child, {
      signal: deadline.signal,
      askToEnd: () => child.killGroup("SIGTERM"),
      killGraceMs: options.killGraceMs,
    });
    await printed;
    if (exit.givenUp) return deadline.passed ? { kind: "timed_out", afterMs: options.timeoutMs } : { kind: "canceled" };
    if (exit.signal) return { kind: "killed", signal: exit.signal, reason };
    return exit.code === 0 ? { kind: "succeeded" } : { kind: "exited", code: exit.code ?? -1, reason };
  } catch (error) {
    return { kind: "not_started", problem: `${options.name} could not be started: ${messageOf(error)}` };
  }
}

async function isAllowed(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  );
}

/** Longest first line that the kernel reads to find an interpreter. */
const MAX_SHEBANG = 256;

/** The kernel's own error for this names the script, not the interpreter, and so sends people looking in the wrong place. */
async function interpreterProblem({ name, path }: RunOptions): Promise<string | undefined> {
  await using file = await open(path, "r").catch(() => undefined);
  if (!file) return undefined; // executable but not readable: the kernel can still run a binary
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_SHEBANG), 0, MAX_SHEBANG, 0);
  const interpreter = /^#![ \t]*([^ \t\n]+)/.exec(buffer.toString("latin1", 0, bytesRead))?.[1];
  if (interpreter === undefined || !interpreter.startsWith("/")) return undefined;
  if (interpreter.endsWith("\r")) return `${name} of the template has Windows line endings: save it with Unix ones`;
  if (await isAllowed(interpreter, constants.X_OK)) return undefined;
  return `${name} of the template needs the interpreter ${interpreter}, which is not on this machine`;
}
