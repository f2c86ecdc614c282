import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { copyPrepared } from "./prepare.ts";
import { parseState } from "./state.ts";
import { LONGEST_LAST_WORK_MS } from "./terraform.ts";

/** Files in a workspace's directory. `errored` is where Terraform writes a state that it could not write to `state`. */
export const FILES = {
  state: "terraform.tfstate",
  errored: "errored.tfstate",
  plan: ".prebuildd.tfplan",
  pid: ".prebuildd.pid",
  kept: ".prebuildd.kept",
} as const;

const ORPHANS = ".orphans";

/** Beside a workspace's directory: where what only an attempt that died knew of is destroyed. */
export function orphansDirOf(directory: string): string {
  return directory + ORPHANS;
}

/** Of which workspace a directory with this name is. */
export function workspaceOf(name: string): string {
  return name.endsWith(ORPHANS) ? name.slice(0, -ORPHANS.length) : name;
}

/** When the directory or something right in it was last changed, in milliseconds since 1970; undefined without it. */
export async function touchedAt(directory: string): Promise<number | undefined> {
  const info = await stat(directory).catch(() => undefined);
  if (!info) return undefined;
  let latest = info.mtimeMs;
  for (const name of await readdir(directory)) {
    // It may be gone by now.
    latest = Math.max(latest, (await lstat(join(directory, name)).catch(() => info)).mtimeMs);
  }
  return latest;
}

const LOOK_EVERY_MS = 100;
/** Twice the time that a Terraform without its daemon lives; after that the id has become somebody else's. */
const LONGEST_WAIT_MS = 2 * LONGEST_LAST_WORK_MS;

/**
 * Waits until nothing runs any more in the directory that an attempt which died has started there. Kills nobody: by now
 * the id may be a stranger's.
 */
export async function awaitLastWork(directory: string, signal: AbortSignal): Promise<void> {
  const text = await readFile(join(directory, FILES.pid), "utf8").catch(() => "");
  const group = /^[1-9]\d*\n$/.test(text) ? Number(text) : undefined;
  if (group === undefined) return;
  const startedAt = performance.now();
  while (!signal.aborted && performance.now() - startedAt < LONGEST_WAIT_MS && (await isAlive(group))) {
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** What an attempt has left as its state. */
export type LeftState = {
  readonly state: Buffer | null;
  /** That very state is stored, or was before later ones. */
  readonly kept: boolean;
  /** There is one, but it cannot be read. */
  readonly damaged: boolean;
};

/** The furthest state in the directory that can be read, whatever has become of the attempt that left it. */
export async function readState(directory: string): Promise<LeftState> {
  const read = (name: string) => readFile(join(directory, name)).catch(() => null);
  const [state, errored] = [await read(FILES.state), await read(FILES.errored)];
  const parsed = state ? parseState(state) : undefined;
  const parsedErrored = errored ? parseState(errored) : undefined;
  const damaged = state !== null && state.length > 0 && !parsed && !parsedErrored;
  const further =
    parsedErrored && (!parsed || (parsed.lineage === parsedErrored.lineage && parsed.serial < parsedErrored.serial));
  const furthest = further ? errored : parsed ? state : null;
  const kept = await readFile(join(directory, FILES.kept), "utf8").catch(() => "");
  return { state: furthest, kept: furthest !== null && kept === fingerprint(furthest), damaged };
}

/** Remembers that a state is stored. */
export async function noteKept(directory: string, state: Buffer): Promise<void> {
  await writeFile(join(directory, FILES.kept), fingerprint(state));
}

function fingerprint(state: Buffer): string {
  return createHash("sha256").update(state).digest("hex");
}

/** Makes a directory hold a prepared source and a state, and nothing else. */
export async function fillRunDir(directory: string, prepared: string, state: Buffer | null): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // The state first: from here on what was there is either in it or not needed any more.
  if (state) {
    const fresh = join(directory, ".prebuildd.tfstate");
    await writeFile(fresh, state, { mode: 0o600 });
    await rename(fresh, join(directory, FILES.state));
  }
  for (const name of await readdir(directory)) {
    if (!(state && name === FILES.state)) await rm(join(directory, name), { recursive: true, force: true });
  }
  await copyPrepared(prepared, directory);
  await symlink(join(prepared, ".terraform"), join(directory, ".terraform"));
}

/** Whether a process of the group runs; a zombie does not, and has nobody to clear it away in many a container. */
async function isAlive(group: number): Promise<boolean> {
  try {
    process.kill(-group, 0);
  } catch {
    return false; // there is none, or it is somebody's whom we may not even signal
  }
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  if (pids.length === 0) return true; // only Linux tells
  for (const pid of pids) {
    const status = await readFile(join("/proc", pid, "stat"), "utf8").catch(() => "");
    const [, state, , processGroup] = /\) (\S) (\d+) (\d+)/.exec(status) ?? [];
    if (Number(processGroup) === group && state !== "Z" && state !== "X") return true;
  }
  return false;
}
