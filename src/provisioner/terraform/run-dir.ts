import { lstat, mkdir, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copyPrepared } from "./prepare.ts";

/**
 * Files in a workspace's directory. `errored` is where Terraform writes a state that it could not write to `state`;
 * `backup` is what it began with.
 */
export const FILES = {
  state: "terraform.tfstate",
  backup: "terraform.tfstate.backup",
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

/** Makes a directory hold a prepared source and a state, and nothing else. */
export async function fillRunDir(directory: string, prepared: string, state: Buffer | null): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // The state first: from here on what was there is either in it or not needed any more.
  const fresh = join(directory, ".prebuildd.tfstate");
  if (state) await writeFile(fresh, state, { mode: 0o600 });
  // What is noted there is about the state that goes.
  await rm(join(directory, FILES.kept), { force: true });
  if (state) await rename(fresh, join(directory, FILES.state));
  for (const name of await readdir(directory)) {
    if (!(state && name === FILES.state)) await rm(join(directory, name), { recursive: true, force: true });
  }
  await copyPrepared(prepared, directory);
  await symlink(join(prepared, ".terraform"), join(directory, ".terraform"));
}
