import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const CLOCK = new URL("shifted-clock.ts", import.meta.url).href;

/** A daemon as a process of its own, which is started again whenever it is asked to. */
export type Replica = AsyncDisposable & {
  readonly name: string;
  readonly url: string;
  readonly pid: number | undefined;
  start(): Promise<void>;
  /** Ends it and waits for its end. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Sets its clock to another time than the machine's. */
  shiftClock(ms: number): Promise<void>;
  isReady(): Promise<boolean>;
};

/** Settings under which everything that may happen happens within a round. */
const SETTINGS = {
  PREBUILDD_PROVISIONERS: "4",
  PREBUILDD_RECONCILIATION_INTERVAL: "5s",
  PREBUILDD_RECONCILIATION_BACKOFF_INTERVAL: "1s",
  PREBUILDD_RECONCILIATION_BACKOFF_LOOKBACK: "10s",
  PREBUILDD_FAILURE_HARD_LIMIT: "0",
  PREBUILDD_FAILED_RETENTION: "1s",
  PREBUILDD_SHUTDOWN_TIMEOUT: "6s",
  PREBUILDD_METRICS_INTERVAL: "10s",
};

/** After how long a start that failed is tried again. */
const RESTART_MS = 500;

/** A replica that is not started yet. One that was ready and ends without being ended is told to `onUnexpectedEnd`. */
export async function createReplica(given: {
  readonly name: string;
  readonly directory: string;
  /** What it may fill with files; templates' scratch is there too. */
  readonly disk: string;
  readonly databaseUrl: string;
  readonly onUnexpectedEnd: (problem: string) => void;
}): Promise<Replica> {
  const { name, directory, databaseUrl } = given;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const clockFile = join(directory, `${name}.clock`);
  const logFile = join(directory, `${name}.log`);
  const temporary = join(given.disk, `${name}-tmp`);
  let child: ChildProcess | undefined;
  let disposed = false;

  const replica: Replica = {
    name,
    url,
    get pid() {
      return child?.pid;
    },
    async start() {
      if (child || disposed) return;
      await mkdir(temporary, { recursive: true });
      await using log = await open(logFile, "a");
      const started = spawn(process.execPath, ["--import", CLOCK, MAIN, "run"], {
        env: {
          PATH: process.env["PATH"] ?? "",
          HOME: process.env["HOME"] ?? "",
          NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(directory, "compiled"),
          TMPDIR: temporary,
          DATABASE_URL: databaseUrl,
          PREBUILDD_LISTEN: `127.0.0.1:${port}`,
          PREBUILDD_DATA_DIR: join(given.disk, name),
          FAULTS_CLOCK: clockFile,
          ...SETTINGS,
        },
        stdio: ["ignore", log.fd, log.fd],
      });
      child = started;
      let wasReady = false;
      const becomingReady = new AbortController();
      void (async () => {
        while (!wasReady && !becomingReady.signal.aborted) {
          wasReady = await replica.isReady();
          await delay(100, undefined, { signal: becomingReady.signal }).catch(() => {});
        }
      })();
      started.once("exit", (code, signal) => {
        becomingReady.abort();
        if (child !== started) return; // it was ended
        child = undefined;
        // Without a database it cannot start and says so; whoever supervises it starts it again.
        if (wasReady)
          given.onUnexpectedEnd(`${name} ended by itself (${signal ?? `code ${code}`}); its log is ${logFile}`);
        else setTimeout(() => void replica.start(), RESTART_MS);
      });
    },
    async end(signal) {
      const ending = child;
      if (!ending) return;
      child = undefined;
      const ended = once(ending, "exit");
      ending.kill(signal);
      await ended;
    },
    shiftClock: (ms) => writeFile(clockFile, String(ms)),
    isReady: () =>
      fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
        ({ ok }) => ok,
        () => false, // it does not listen
      ),
    [Symbol.asyncDispose]() {
      disposed = true;
      return replica.end("SIGKILL");
    },
  };
  return replica;
}
