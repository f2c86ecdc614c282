import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/support/free-port.ts";

const program = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const START_PATIENCE_MS = 30_000;

/** Starts a daemon that builds nothing as a process of its own, and returns its URL once it is ready. */
export async function startDaemonProcess(stack: AsyncDisposableStack, databaseUrl: string): Promise<string> {
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
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  stack.defer(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + START_PATIENCE_MS;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error("the daemon did not become ready");
    await delay(50);
  }
  return url;
}

const isReady = (url: string) =>
  fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false, // it does not listen yet
  );
