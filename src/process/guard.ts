import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

/** How a guarded command is run. */
export type GuardOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The user and group to run as; only root may choose. */
  readonly uid?: number;
  readonly gid?: number;
  /** What the command's process group gets when this process dies, however it dies. */
  readonly onOrphaned: "SIGKILL" | "SIGINT" | LastWork;
  /** A directory that is removed when this process dies while the command runs. */
  readonly removeWhenOrphaned?: string;
  /** A file descriptor for stdout and stderr; without it they are the handle's streams. */
  readonly outputTo?: number;
};

/**
 * The time that a command has to end its work when this process dies: first undisturbed, then after an interrupt, which
 * it alone gets. What is left of its group then is killed. Its output goes on being read and is thrown away.
 */
export type LastWork = { readonly undisturbedSeconds: number; readonly interruptedSeconds: number };

/** How a command ended: its exit code, or the signal that ended it. */
type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A running command that does not outlive this process. */
export type GuardedProcess = {
  /** Also the id of its process group. */
  readonly pid: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when the command has ended and its output was read; rejects when it could not be started. */
  readonly exited: Promise<Exit>;
  /** Signals the command alone, which passes it on to what it started as it sees fit; nothing once it has ended. */
  interrupt(): void;
  /** Signals the command and all that it started; does nothing once it has ended. */
  killGroup(signal: NodeJS.Signals): void;
};

const SHELL = "/bin/sh";
/** A supervisor that ends all processes of a service at once must not end those that the command depends on first. */
const UNMOVED = "trap '' TERM INT HUP";
/** Learns the group's id, then waits for the end of its input: the kernel closes the pipe when its parent dies. */
const WATCHER = `${UNMOVED}; read -r group || exit 0; read -r _; kill "-$0" "-$group"; [ -z "$1" ] || rm -rf -- "$1"`;
/** The same for a command that may end its work: whole seconds, because not every sleep knows others. */
const PATIENT_WATCHER = `${UNMOVED}; read -r group || exit 0; read -r _
patience() { left=$1; while [ "$left" -gt 0 ] && kill -0 "$group"; do sleep 1; left=$((left - 1)); done; }
patience "$2"; kill -INT "$group"; patience "$3"; kill -KILL "-$group"; [ -z "$1" ] || rm -rf -- "$1"`;
/** Passes output on for as long as this process lives, then lets it go nowhere: a broken pipe kills many a program. */
const DRAIN = `${UNMOVED}; cat; exec cat >/dev/null`;
/** Holds the command back until the watcher knows its group, so that no moment is unguarded; keeps its own pid. */
const GATE = 'read -r _ <&3 || exit 125; exec 3<&-; exec "$@"';
const NO_MORE = "no more processes or files can be opened";
/** How long output may stay open after the command's end before whoever still holds it is ignored. */
const DRAIN_MS = 2_000;

/**
 * Runs a command in its own process group and session, so that neither Ctrl-C nor a kill -9 of this process leaves it
 * behind: a watcher process sends `onOrphaned` to the whole group as soon as this process is gone.
 *
 * What the command started and left in its group is killed when the command ends; a process that should live on must
 * leave the group (`setsid`). Such a process may keep stdout open: the streams end two seconds after the command.
 * A command that does not exist ends with code 127, one that cannot be executed with 126, as in a shell.
 */
export function spawnGuarded(command: string, args: readonly string[], options: GuardOptions): GuardedProcess {
  const watcher = spawn(SHELL, ["-c", ...watch(options)], {
    cwd: "/",
    env: {},
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  ignoreErrors(watcher, watcher.stdin);
  const drains = typeof options.onOrphaned === "string" ? undefined : ([startDrain(), startDrain()] as const);
  const helpers = [watcher, ...(drains ?? [])];
  const endHelpers = () => {
    for (const helper of helpers) helper.kill("SIGKILL");
  };
  const output = options.outputTo ?? "pipe";
  let child: ChildProcess;
  try {
    if (helpers.some(({ pid }) => pid === undefined)) throw new Error(`cannot start ${command}: ${NO_MORE}`);
    child = spawn(SHELL, ["-c", GATE, "guard", command, ...args], {
      detached: true,
      stdio: ["pipe", drains?.[0].stdin ?? output, drains?.[1].stdin ?? output, "pipe"],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
  } catch (error) {
    endHelpers();
    throw error;
  }
  // Not ended, which would end the command's side of it, too.
  for (const drain of drains ?? []) drain.stdin.destroy();
  const gate = child.stdio?.[3] as Writable | undefined;
  if (!child.stdin || !gate) {
    ignoreErrors(child);
    endHelpers();
    throw new Error(`cannot start ${command}: ${NO_MORE}`);
  }
  ignoreErrors(child, child.stdin, gate);
  if (child.pid !== undefined) {
    watcher.stdin.write(`${child.pid}\n`);
    gate.end("go\n");
  }
  let ended = false;
  const killGroup = (signal: NodeJS.Signals) => {
    if (!ended && child.pid !== undefined) killGroupOf(child.pid, signal);
  };
  const [out, err] = drains ? drains.map((drain) => drain.stdout) : [child.stdout, child.stderr];
  const stdout = passOn(out ?? null);
  const stderr = passOn(err ?? null);
  const closed = Promise.all([child, ...(drains ?? [])].map((each) => once(each, "close")));
  closed.catch(() => {}); // an error event: reported by the promise below
  const exited = once(child, "exit").then(
    async ([code, signal]): Promise<Exit> => {
      killGroup("SIGKILL");
      ended = true;
      watcher.kill("SIGKILL");
      await Promise.race([closed, delay(DRAIN_MS, undefined, { ref: false })]);
      for (const drain of drains ?? []) drain.kill("SIGKILL");
      for (const stream of [out, err]) stream?.destroy();
      stdout.end();
      stderr.end();
      return { code, signal };
    },
    (cause: unknown): never => {
      ended = true;
      endHelpers();
      throw new Error(`cannot start ${command} in ${options.cwd ?? process.cwd()}`, { cause });
    },
  );
  exited.catch(() => {}); // whoever awaits it sees the error; nobody has to
  const interrupt = () => {
    if (!ended) child.kill("SIGINT");
  };
  return { pid: child.pid, stdin: child.stdin, stdout, stderr, exited, interrupt, killGroup };
}

/** The watcher's script and its arguments. */
function watch({ onOrphaned, removeWhenOrphaned = "" }: GuardOptions): string[] {
  if (typeof onOrphaned === "string") return [WATCHER, onOrphaned.replace("SIG", ""), removeWhenOrphaned];
  const { undisturbedSeconds, interruptedSeconds } = onOrphaned;
  return [PATIENT_WATCHER, "guard", removeWhenOrphaned, String(undisturbedSeconds), String(interruptedSeconds)];
}

/** In a group of its own, so that it reads to the end of the output whatever happens to the command's. */
function startDrain(): ChildProcessByStdio<Writable, Readable, null> {
  const drain = spawn(SHELL, ["-c", DRAIN], { cwd: "/", env: {}, detached: true, stdio: ["pipe", "pipe", "ignore"] });
  ignoreErrors(drain, drain.stdin);
  return drain;
}

function killGroupOf(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has no process any more.
  }
}

/** A stream of its own can be ended cleanly while a stranger still holds the pipe open. */
function passOn(source: Readable | null): PassThrough {
  const stream = new PassThrough();
  if (source) source.pipe(stream);
  else stream.end();
  return stream;
}

/** A broken pipe to a process that has just ended says nothing that its exit does not say. */
function ignoreErrors(...emitters: (NodeJS.EventEmitter | null)[]): void {
  for (const emitter of emitters) emitter?.on("error", () => {});
}
