import { messageOf } from "../../errors.ts";
import { type GuardedProcess, type LastWork, spawnGuarded } from "../../process/guard.ts";
import { endOf, readInto } from "../../process/supervise.ts";
import { failSpan, inSpan } from "../../tracing.ts";
import type { BuildLogLine } from "../driver.ts";
import type { Outcome } from "../outcome.ts";
import { createLineSplitter, type OutputSink } from "../output.ts";

/** One run of a Terraform command. */
export type TerraformRun = {
  readonly binary: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Aborted when the run is to be given up: Terraform is interrupted, so that it ends in order. */
  readonly signal: AbortSignal;
  /** How long it may go on after that. */
  readonly killGraceMs: number;
  /** The step of the build that its output belongs to. */
  readonly stage: string;
  readonly log: (line: BuildLogLine) => void;
  /** Takes stdout instead of the log. */
  readonly stdout?: OutputSink;
  /** Takes stderr before the log does, and passes on what the log is to have. */
  readonly stderrBefore?: (log: OutputSink) => OutputSink;
  /** A file that holds the id of its process group while it runs; with it, it may end its work when the daemon dies. */
  readonly pidFile?: string;
};

/**
 * How long Terraform may go on when the daemon has died: what it is just making would be forgotten, for only its
 * provider knows of it until it is written into the state.
 */
const LAST_WORK: LastWork = { undisturbedSeconds: 8, interruptedSeconds: 5 };

/** Longer than that no group lives on without its daemon. */
export const LONGEST_LAST_WORK_MS = 1_000 * (LAST_WORK.undisturbedSeconds + LAST_WORK.interruptedSeconds + 2);

/**
 * Writes its own process id down before anything else can happen, and keeps it; behind it what Linux says of the process,
 * which tells it from a later one with the same id.
 */
const WITH_PID =
  '{ read -r prebuildd_stat </proc/$$/stat; } 2>/dev/null; printf "%s\\n%s\\n" "$$" "$prebuildd_stat" >"$0" || exit 125; exec "$@"';

/** What it prints when somebody has told it to end. */
const INTERRUPTED = "Interrupt received.";

/** Runs a Terraform command to its end; what it prints on stdout is logged as info, on stderr as error. */
export function runTerraform(run: TerraformRun): Promise<Outcome> {
  return inSpan(`terraform ${run.args[0] ?? ""}`, { "prebuildd.stage": run.stage }, async (span) => {
    const outcome = await runCommand(run);
    if (outcome.kind !== "succeeded") failSpan(span, outcome.kind);
    return outcome;
  });
}

async function runCommand(run: TerraformRun): Promise<Outcome> {
  if (run.signal.aborted) return { kind: "canceled" };
  const { stage, log, pidFile } = run;
  const command = [run.binary, ...run.args];
  const [program = "", ...args] = pidFile === undefined ? command : ["/bin/sh", "-c", WITH_PID, pidFile, ...command];
  let child: GuardedProcess;
  try {
    const onOrphaned = pidFile === undefined ? "SIGKILL" : LAST_WORK;
    child = spawnGuarded(program, args, { cwd: run.cwd, env: run.env, onOrphaned });
  } catch (error) {
    // An environment that is too large for the kernel, for example.
    return { kind: "not_started", problem: `terraform could not be started: ${messageOf(error)}` };
  }
  child.stdin.end();
  let reason = "";
  let isEnding = false;
  const onLine = (output: string) => {
    isEnding ||= output === INTERRUPTED;
    log({ level: "info", stage, output });
  };
  const stdout = run.stdout ?? createLineSplitter(onLine);
  const errors = createLineSplitter((output) => {
    reason ||= /^Error: (.+)$/.exec(output.trim())?.[1] ?? "";
    log({ level: "error", stage, output });
  });
  const stderr = run.stderrBefore?.(errors) ?? errors;
  const printed = Promise.all([readInto(child.stdout, stdout), readInto(child.stderr, stderr)]);
  try {
    const exit = await endOf(child, {
      signal: run.signal,
      // To be told twice means to it that it has to stop at once and to forget what it is just making.
      askToEnd: () => isEnding || child.interrupt(),
      killGraceMs: run.killGraceMs,
    });
    await printed;
    // It may have ended its work before it heard the request to end.
    if (exit.code === 0) return { kind: "succeeded" };
    if (exit.givenUp) return { kind: "canceled" };
    if (exit.signal) return { kind: "killed", signal: exit.signal, reason };
    return { kind: "exited", code: exit.code ?? -1, reason };
  } catch (error) {
    return { kind: "not_started", problem: `terraform could not be started: ${messageOf(error)}` };
  }
}

/** Collects output as text; undefined when it was more than this many bytes, which are not kept. */
export function collectText(maxBytes: number): OutputSink & { text(): string | undefined } {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    write(chunk) {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else chunks = [];
    },
    end() {},
    text: () => (bytes <= maxBytes ? Buffer.concat(chunks).toString("utf8") : undefined),
  };
}
