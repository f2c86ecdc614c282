import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { ProblemError } from "../../errors.ts";
import type { Logger } from "../../log.ts";

/** What <data dir>/database.json says: where the running server listens, and which process started it. */
export type Owner = { readonly url: string; readonly pid: number };

const ORPHAN_PATIENCE_MS = 3_000;
const STOP_PATIENCE_MS = 30_000;
const run = promisify(execFile);

/** Reads who runs the embedded server of a data directory; the process may be gone by now. */
export async function readOwner(dataDir: string): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await readFile(ownerFile(dataDir), "utf8")) as Owner;
    return typeof owner.url === "string" && typeof owner.pid === "number" ? owner : undefined;
  } catch {
    return undefined; // missing, or cut short by a crash
  }
}

/** Tells other processes of this machine where the server is. */
export async function writeOwner(dataDir: string, owner: Owner): Promise<void> {
  const temporary = `${ownerFile(dataDir)}.${randomBytes(4).toString("hex")}`;
  await writeFile(temporary, `${JSON.stringify(owner)}\n`, { mode: 0o600, flag: "wx" });
  await rename(temporary, ownerFile(dataDir));
}

/** Takes the note back, unless another process has written its own by now. */
export async function removeOwner(dataDir: string, url: string): Promise<void> {
  if ((await readOwner(dataDir))?.url === url) await rm(ownerFile(dataDir), { force: true });
}

/**
 * Makes sure that no server runs on the data: one whose prebuildd has died is waited for, then stopped.
 * @throws ProblemError when a live prebuildd uses it.
 */
export async function takeOver(dataDir: string, data: string, log: Logger): Promise<void> {
  const startedAt = Date.now();
  let stopping = false;
  for (;;) {
    const pid = await readPostmasterPid(data);
    if (pid === undefined || !exists(pid)) return;
    if (!(await isPostmasterOf(pid, data))) {
      // The number belongs to another program by now, or to a dead server that nobody has reaped, but PostgreSQL would
      // take either for a running server.
      await rm(join(data, "postmaster.pid"), { force: true });
      return;
    }
    const owner = await readOwner(dataDir);
    if (owner && isAlive(owner.pid)) throw inUse(dataDir, owner.pid);
    const waitedMs = Date.now() - startedAt;
    if (!stopping && waitedMs > ORPHAN_PATIENCE_MS) {
      stopping = true;
      log.warn({ pid, data }, "stopping a database server that its prebuildd has left behind");
      process.kill(pid, "SIGINT");
    }
    if (waitedMs > STOP_PATIENCE_MS) throw inUse(dataDir, pid);
    await delay(50);
  }
}

/** The problem of a second process that wants the same data. */
export function inUse(dataDir: string, pid: number): ProblemError {
  return new ProblemError(
    "conflict",
    `the data directory ${dataDir} is already in use by process ${pid}; stop it or set PREBUILDD_DATA_DIR`,
  );
}

/** Whether a process with this id runs, whoever it belongs to; one that has ended but was not reaped does not. */
export function isAlive(pid: number): boolean {
  if (!exists(pid)) return false;
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return true; // only Linux tells
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The server that runs on the data, if one does. */
export async function runningPostmaster(data: string): Promise<number | undefined> {
  const pid = await readPostmasterPid(data);
  return pid !== undefined && isAlive(pid) && (await isPostmasterOf(pid, data)) ? pid : undefined;
}

async function readPostmasterPid(data: string): Promise<number | undefined> {
  const text = await readFile(join(data, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : undefined;
}

/** A process id is reused sooner or later, in containers sooner: only the command line tells. */
async function isPostmasterOf(pid: number, data: string): Promise<boolean> {
  const shown = await readFile(`/proc/${pid}/cmdline`, "utf8")
    .then((line) => line.replaceAll("\0", " "))
    .catch(async () => (await run("ps", ["-ww", "-o", "command=", "-p", String(pid)])).stdout)
    .catch(() => "");
  return shown.includes("postgres") && shown.includes(` -D ${data} `);
}

function ownerFile(dataDir: string): string {
  return join(dataDir, "database.json");
}
