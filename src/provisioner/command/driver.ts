import { constants } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { messageOf } from "../../errors.ts";
import { failSpan, inSpan, traceParent } from "../../tracing.ts";
import type { BuildContext, BuildRequest, BuildResult, Driver, DriverContext } from "../driver.ts";
import { describeFailure, type Outcome } from "../outcome.ts";
import { limitOutput } from "../output.ts";
import { commandEnvironment } from "./environment.ts";
import { type ExecutableName, executableFor } from "./executables.ts";
import { findExecutable, type RunOptions, runExecutable } from "./runner.ts";

const MINUTE = 60_000;

type How = Pick<RunOptions, "signal" | "log" | "levels" | "timeoutMs">;
type Ran = { readonly outcome: Outcome; readonly state: StateRead };

export type CommandDriverOptions = {
  /** How long a build may take; 30 minutes. */
  readonly timeoutMs?: number;
  /** How long one run of `ready` may take; 30 seconds. */
  readonly readyTimeoutMs?: number;
  /** How long an executable may go on after SIGTERM before it is killed; 10 seconds. */
  readonly killGraceMs?: number;
  /** Where the few variables that executables may inherit come from; the daemon's own environment. */
  readonly host?: Readonly<Record<string, string | undefined>>;
};

/** The largest state of a workspace; it is stored with every one of its builds. */
const MAX_STATE_BYTES = 16 * 1024 * 1024;

/**
 * The driver of templates that are a directory of executables. Each runs in a scratch directory of its own, with a
 * clean environment; what it leaves in its state file is the workspace's state, also when it fails. What it prints on
 * stdout is logged as info, what it prints on stderr as warn, in the order in which it arrives.
 */
export function createCommandDriver(options: CommandDriverOptions = {}): Driver {
  const timing = {
    timeoutMs: options.timeoutMs ?? 30 * MINUTE,
    readyTimeoutMs: options.readyTimeoutMs ?? MINUTE / 2,
    killGraceMs: options.killGraceMs ?? MINUTE / 6,
  };
  // biome-ignore lint/style/noProcessEnv: not settings; PATH and the like, of which commandEnvironment takes what it lists
  const host = options.host ?? process.env;

  /** Runs one executable next to a file with the workspace's state and reads what it made of it. */
  const run = (name: ExecutableName, path: string, request: BuildRequest, how: How): Promise<Ran> =>
    inSpan(`run ${name}`, {}, async (span) => {
      const ran = await runBeside(name, path, request, how);
      if (ran.outcome.kind !== "succeeded") failSpan(span, ran.outcome.kind);
      return ran;
    });

  async function runBeside(name: ExecutableName, path: string, request: BuildRequest, how: How): Promise<Ran> {
    const kept: StateRead = { ok: true, state: request.state };
    const scratch = await mkdtemp(join(tmpdir(), "prebuildd-build-"));
    try {
      const stateFile = join(scratch, "state");
      const made = commandEnvironment(request, { host, stateFile, traceParent: traceParent() });
      if (!made.ok) return { outcome: { kind: "not_started", problem: made.error }, state: kept };
      if (request.state) await writeFile(stateFile, request.state, { mode: 0o600 });
      const outcome = await runExecutable({
        ...how,
        name,
        path,
        cwd: scratch,
        env: made.environment,
        killGraceMs: timing.killGraceMs,
      });
      const ran = outcome.kind !== "not_started";
      return { outcome, state: ran ? await readState(stateFile, request.state) : kept };
    } finally {
      await rm(scratch, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
        how.log({ level: "warn", stage: name, output: `${scratch} could not be removed: ${messageOf(error)}` });
      });
    }
  }

  async function build(given: BuildRequest, context: BuildContext): Promise<BuildResult> {
    const request = withAbsolutePaths(given);
    const name = executableFor(request);
    const found = await findExecutable(request.sourceDir, name);
    if (found.kind === "unusable") return { ok: false, state: request.state, error: found.problem };
    let state = request.state;
    if (found.kind === "missing") {
      if (name === "start") return { ok: false, state, error: NO_START };
    } else {
      const log = limitOutput((line) => context.log(line));
      const ran = await run(name, found.path, request, {
        signal: context.signal,
        log,
        levels: { stdout: "info", stderr: "warn" },
        timeoutMs: timing.timeoutMs,
      });
      state = ran.state.state;
      if (!ran.state.ok) log({ level: "error", stage: name, output: `${name} ${ran.state.problem}` });
      if (ran.outcome.kind !== "succeeded") return { ok: false, state, error: describeFailure(name, ran.outcome) };
      if (!ran.state.ok) return { ok: false, state, error: `${name} ${ran.state.problem}` };
    }
    if (request.transition !== "start") return { ok: true, state, agents: [] };
    const ready = await findExecutable(request.sourceDir, "ready");
    return { ok: true, state, agents: [{ name: "main", ready: ready.kind === "missing" }] };
  }

  async function isReady(given: BuildRequest, context: DriverContext): Promise<boolean> {
    const request = withAbsolutePaths(given);
    const found = await findExecutable(request.sourceDir, "ready");
    if (found.kind === "missing") return true;
    if (found.kind === "unusable") {
      context.log({ level: "error", stage: "ready", output: found.problem });
      return false;
    }
    const log = limitOutput((line) => context.log(line));
    const { outcome } = await run("ready", found.path, request, {
      signal: context.signal,
      log,
      // It is asked again and again, so that what it prints is only of interest to who writes it.
      levels: { stdout: "debug", stderr: "debug" },
      timeoutMs: timing.readyTimeoutMs,
    });
    if (outcome.kind === "not_started") log({ level: "error", stage: "ready", output: outcome.problem });
    if (outcome.kind === "timed_out")
      log({ level: "debug", stage: "ready", output: describeFailure("ready", outcome) });
    return outcome.kind === "succeeded";
  }

  return { build, isReady };
}

/** Executables run in a directory of their own, where a path relative to the daemon's leads nowhere. */
function withAbsolutePaths(request: BuildRequest): BuildRequest {
  return { ...request, sourceDir: resolve(request.sourceDir), workspaceDir: resolve(request.workspaceDir) };
}

/** Why a template without the one executable that it needs cannot start. */
const NO_START = "the template has no executable named start: add one and push it again";

/** The state that a run left, or why it cannot be kept and the state to keep instead. */
type StateRead =
  | { readonly ok: true; readonly state: Buffer | null }
  | { readonly ok: false; readonly state: Buffer | null; readonly problem: string };

async function readState(path: string, previous: Buffer | null): Promise<StateRead> {
  const unusable = (problem: string): StateRead => ({ ok: false, state: previous, problem });
  // A template must not make the daemon follow a link to a file of its own choice, or wait for a pipe.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    await using file = await open(path, flags);
    const { size } = await file.stat().then((info) => (info.isFile() ? info : { size: -1 }));
    if (size < 0) return unusable("left something that is not a file as its state");
    if (size > MAX_STATE_BYTES) return unusable(`left a state of ${size} bytes; at most 16 MiB are kept`);
    return { ok: true, state: size === 0 ? null : await file.readFile() };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { ok: true, state: null };
    return unusable(`left a state that cannot be read: ${messageOf(error)}`);
  }
}
