import { createHash, randomUUID } from "node:crypto";
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { withDeadline } from "../../process/supervise.ts";
import type { DriverContext } from "../driver.ts";
import { describeFailure } from "../outcome.ts";
import { withInitLock } from "./init-lock.ts";
import { isOfInterest, OVERRIDE, problemWithNames, type RootFile } from "./root-module.ts";
import { runTerraform } from "./terraform.ts";

export type PreparedSource =
  | { readonly ok: true; readonly directory: string }
  | { readonly ok: false; readonly error: string };

export type PreparerOptions = {
  readonly binary: string;
  /** Tells what one Terraform has prepared from what another has. */
  readonly version: string;
  /** What is Terraform's in the data directory: the prepared sources and the plugin cache. */
  readonly directory: string;
  readonly pluginCacheDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly killGraceMs: number;
  /** How long an init may take before it gives way to the others. */
  readonly initTimeoutMs: number;
};

/** What a source must not bring along: somebody's state, and what an init of theirs has left. */
const NOT_COPIED = /^(\.terraform|\.terraform\.tfstate\.lock\.info|terraform\.tfstate(\..*)?|errored\.tfstate)$/;

/**
 * Provides a copy of a source with all that `terraform init` fetches for it, made once on a machine. Inits run one at a
 * time, also in several processes, because Terraform's plugin cache bears no more. A directory gets its name only when
 * it is complete.
 */
export async function prepareSource(
  sourceDir: string,
  options: PreparerOptions,
  { signal, log }: DriverContext,
): Promise<PreparedSource> {
  const prepared = join(options.directory, "prepared");
  const source = resolve(sourceDir);
  const name = createHash("sha256")
    .update(JSON.stringify([source, options.binary, options.version]))
    .digest("hex");
  const target = join(prepared, name);
  if (await isComplete(target)) return { ok: true, directory: target };

  async function init(lockSignal: AbortSignal): Promise<PreparedSource> {
    // Whoever had the lock before may have done it.
    if (await isComplete(target)) return { ok: true, directory: target };
    await mkdir(prepared, { recursive: true, mode: 0o700 });
    await mkdir(options.pluginCacheDir, { recursive: true });
    await removeLeftovers(prepared);
    const problem = problemWithNames(await readdir(source));
    if (problem !== undefined) return { ok: false, error: problem };
    const partial = join(prepared, `${PARTIAL}${randomUUID()}`);
    try {
      await copySource(source, partial);
      const error = await runInit(partial, options, { signal: lockSignal, log });
      if (error !== undefined) return { ok: false, error };
      await rename(target, `${partial}-old`).catch(() => {}); // as a rule there is none
      await rm(`${partial}-old`, { recursive: true, force: true });
      await rename(partial, target);
      return { ok: true, directory: target };
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }

  const done = await withInitLock(options.directory, waiting({ signal, log }), init);
  return done ?? { ok: false, error: CANCELED };
}

/**
 * Has the directory of a build fetch what its source and its state need, apart from what others share.
 * @returns why that failed
 */
export async function initAgain(
  directory: string,
  options: PreparerOptions,
  { signal, log }: DriverContext,
): Promise<string | undefined> {
  const done = await withInitLock(options.directory, waiting({ signal, log }), async (lockSignal) => {
    await rm(join(directory, ".terraform"), { recursive: true, force: true });
    return { error: await runInit(directory, options, { signal: lockSignal, log }) };
  });
  return done ? done.error : CANCELED;
}

/** Copies a prepared source to where a build may write; the copies share what init has fetched. */
export async function copyPrepared(prepared: string, target: string): Promise<void> {
  await cp(prepared, target, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => path !== join(prepared, ".terraform"),
  });
}

/** The files right in a directory whose text is of interest here; none that cannot be read. */
export async function readRoot(directory: string): Promise<RootFile[]> {
  const names = (await readdir(directory)).filter(isOfInterest).toSorted();
  const files: RootFile[] = [];
  for (const name of names) {
    const text = await readFile(join(directory, name), "utf8").catch(() => undefined);
    if (text !== undefined) files.push({ name, text });
  }
  return files;
}

const CANCELED = describeFailure("terraform init", { kind: "canceled" });

const waiting = ({ signal, log }: DriverContext) => ({
  signal,
  onWait: () => log({ level: "info", stage: "init", output: "waiting until another init has ended" }),
});

/** Runs an init in a limited time; to be called with the lock only. @returns why that failed */
async function runInit(
  cwd: string,
  { binary, env, initTimeoutMs, killGraceMs }: PreparerOptions,
  { signal, log }: DriverContext,
): Promise<string | undefined> {
  using deadline = withDeadline(signal, initTimeoutMs);
  const args = ["init", "-input=false", "-no-color"];
  const command = { binary, args, cwd, env, killGraceMs, stage: "init", log };
  const outcome = await runTerraform({ ...command, signal: deadline.signal });
  if (outcome.kind === "succeeded") return undefined;
  const ended = deadline.passed ? ({ kind: "timed_out", afterMs: initTimeoutMs } as const) : outcome;
  return describeFailure("terraform init", ended);
}

async function copySource(source: string, target: string): Promise<void> {
  await mkdir(target, { mode: 0o700 });
  for (const entry of await readdir(source)) {
    if (NOT_COPIED.test(entry)) continue;
    await cp(join(source, entry), join(target, entry), { recursive: true, verbatimSymlinks: true });
  }
  await writeFile(join(target, OVERRIDE.name), OVERRIDE.text);
}

/** Whether it is there with all plugins; somebody may have emptied the cache that they are links into. */
async function isComplete(directory: string): Promise<boolean> {
  if (!(await stat(directory).catch(() => undefined))?.isDirectory()) return false;
  const override = await readFile(join(directory, OVERRIDE.name), "utf8").catch(() => "");
  if (override !== OVERRIDE.text) return false;
  const options = { recursive: true, withFileTypes: true } as const;
  const entries = await readdir(join(directory, ".terraform", "providers"), options).catch(() => []);
  for (const entry of entries) {
    if (entry.isSymbolicLink() && !(await stat(join(entry.parentPath, entry.name)).catch(() => undefined)))
      return false;
  }
  return true;
}

const PARTIAL = ".partial-";

/** Only who has the lock makes these, so what is there belongs to nobody. */
async function removeLeftovers(prepared: string): Promise<void> {
  for (const name of await readdir(prepared)) {
    if (name.startsWith(PARTIAL)) await rm(join(prepared, name), { recursive: true, force: true });
  }
}
