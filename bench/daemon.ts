import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/support/free-port.ts";

const program = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const START_PATIENCE_MS = 30_000;

/** One daemon of several that share a database, as a process of its own. */
export type Replica = {
  readonly url: string;
  readonly pid: number;
  /** Sends the process a signal; nothing happens when it has ended. */
  signal(name: NodeJS.Signals): void;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
};

export type ReplicaOptions = {
  /** Settings other than those of a daemon that builds nothing and is silent. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told of each line of the log as it arrives. */
  onLine?(line: string): void;
};

/** Starts a daemon that builds nothing as a process of its own, and returns its URL once it is ready. */
export async function startDaemonProcess(stack: AsyncDisposableStack, databaseUrl: string): Promise<string> {
  return (await startReplica(stack, databaseUrl)).url;
}

/** Starts a daemon as a process of its own, which is stopped with the stack, and returns once it is ready. */
export async function startReplica(
  stack: AsyncDisposableStack,
  databaseUrl: string,
  { settings = {}, onLine }: ReplicaOptions = {},
): Promise<Replica> {
  const dataDir = await mkdtemp(join(tmpdir(), "prebuildd-bench-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const port = await freePort();
  const child = spawn(process.execPath, [program, "run"], {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: databaseUrl,
      PREBUILDD_DATA_DIR: dataDir,
      PREBUILDD_LISTEN: `127.0.0.1:${port}`,
      PREBUILDD_PROVISIONERS: "0",
      PREBUILDD_LOG_LEVEL: "warn",
      ...settings,
    },
    stdio: ["ignore", onLine ? "pipe" : "ignore", "inherit"],
  });
  if (onLine && child.stdout) createInterface(child.stdout).on("line", onLine);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  stack.defer(async () => {
    child.kill("SIGCONT"); // one that was stopped would not hear of its end
    child.kill("SIGTERM");
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + START_PATIENCE_MS;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error("the daemon did not become ready");
    await delay(50);
  }
  return { url, pid: child.pid ?? 0, signal: (name) => void child.kill(name), ended };
}

const isReady = (url: string) =>
  fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false, // it does not listen yet
  );
