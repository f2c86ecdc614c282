import { createHash, randomUUID } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { create, extract, type ReadEntry } from "tar";
import { messageOf, ProblemError } from "../errors.ts";
import { EXECUTABLES } from "../provisioner/command/executables.ts";
import { findExecutable } from "../provisioner/command/runner.ts";
import { isSkipped, leadsOutside, type SourceEntry, sourceManifest } from "./source-hash.ts";

const MIB = 1024 * 1024;
/** Larger sources belong into an image or a repository that the template fetches. */
const LIMITS = { packedBytes: 10 * MIB, unpackedBytes: 100 * MIB, files: 10_000 } as const;

/** A template's source as it is stored: what it is called by, and a tar.gz of it. */
export type PackedSource = { readonly hash: string; readonly data: Buffer };

/**
 * Packs a template's source directory; empty directories are not kept.
 * @throws ProblemError "invalid" that names the path and says what to do about it.
 */
export async function packSource(directory: string, provisioner: "command" | "terraform"): Promise<PackedSource> {
  const root = await realpath(directory).catch(() => refuse(directory, "does not exist: check the template's source"));
  if (!(await stat(root)).isDirectory()) refuse(directory, "is not a directory: a template's source is one");
  if (provisioner === "command") await checkExecutables(root, directory);
  const entries = await readEntries(root, directory);
  const data = await pack(root, entries, directory);
  const hash = hashOf(entries);
  if (hashOf(await readEntries(root, directory)) !== hash) {
    refuse(directory, "changed while it was read: try again when nothing writes to it");
  }
  return { hash, data };
}

/**
 * Checks a packed source that came from somewhere else as `packSource` checks a directory, and that its hash is right:
 * otherwise anybody who may push a template could make a hash useless for all others.
 * @throws ProblemError "invalid"
 */
export async function checkPackedSource(source: PackedSource, provisioner: "command" | "terraform"): Promise<void> {
  const shown = "the archive of the source";
  if (source.data.length > LIMITS.packedBytes) refuse(shown, "is larger than 10 MiB");
  const directory = await mkdtemp(join(tmpdir(), "prebuildd-source-"));
  try {
    await unpack(source.data, directory).catch((error: unknown) => {
      if (isShortage(error)) throw noRoom(error);
      refuse(shown, `is unusable: ${messageOf(error)}`);
    });
    if (hashOf(await readEntries(directory, shown)) !== source.hash)
      refuse(shown, "does not have the hash it came with");
    if (provisioner === "command") await checkExecutables(directory, shown);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Where builds find the unpacked sources of template versions. */
export type SourceCache = {
  /** The directory that holds a stored source; unpacks it if this was not done before. */
  directoryOf(fileId: string): Promise<string>;
};

/**
 * Keeps each stored source unpacked below `dir`, in a directory named by its hash. A directory gets that name only
 * when it is complete, and its content is checked against the hash once per process, so that neither a crash nor
 * somebody's edit is ever built from. Several processes may share `dir`.
 */
export function createSourceCache(options: { readonly pool: pg.Pool; readonly dir: string }): SourceCache {
  const { pool, dir } = options;
  const unpacking = new Map<string, Promise<string>>();
  const checked = new Set<string>();

  async function provide(fileId: string, hash: string): Promise<string> {
    const target = join(dir, hash);
    if (await holds(target, hash)) return target;
    const stored = await pool.query<{ data: Buffer }>("select data from files where id = $1", [fileId]);
    const data = stored.rows[0]?.data ?? missing(fileId);
    await mkdir(dir, { recursive: true });
    await removeLeftovers(dir);
    const partial = join(dir, `${PARTIAL}${randomUUID()}`);
    try {
      await mkdir(partial);
      await unpack(data, partial);
      if (!(await holds(partial, hash))) throw new Error(`the stored source ${fileId} does not have its hash ${hash}`);
      await moveIntoPlace(partial, target, hash);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
    return target;
  }

  async function directoryOf(fileId: string): Promise<string> {
    const found = await pool.query<{ hash: string }>("select hash from files where id = $1", [fileId]);
    const hash = found.rows[0]?.hash ?? missing(fileId);
    // The name of a directory below ours, whatever somebody may have written to the table.
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new Error(`the stored source ${fileId} has no valid hash`);
    const target = join(dir, hash);
    if (checked.has(hash) && (await stat(target).catch(() => undefined))?.isDirectory()) return target;
    const running = unpacking.get(hash) ?? provide(fileId, hash).finally(() => unpacking.delete(hash));
    unpacking.set(hash, running);
    const directory = await running;
    checked.add(hash);
    return directory;
  }

  return { directoryOf };
}

/** Whether the error says that this machine lacks something, whatever it was asked to do. */
function isShortage(error: unknown): boolean {
  const codes: readonly unknown[] = ["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "EIO"];
  return error instanceof Error && "code" in error && codes.includes(error.code);
}

function noRoom(cause: unknown): ProblemError {
  const message = `the source cannot be unpacked on this replica: ${messageOf(cause)}; free space there and push again`;
  return new ProblemError("unavailable", message, { cause });
}

function refuse(path: string, why: string): never {
  throw new ProblemError("invalid", `${path} ${why}`);
}

function missing(fileId: string): never {
  throw new ProblemError("not_found", `There is no stored source ${fileId}.`);
}

async function checkExecutables(directory: string, shown: string): Promise<void> {
  for (const name of EXECUTABLES) {
    const found = await findExecutable(directory, name);
    if (found.kind === "unusable") refuse(shown, `cannot be used: ${found.problem}`);
    if (found.kind === "missing" && name === "start") {
      refuse(shown, "has no executable named start, which every template with the command provisioner needs");
    }
  }
}

/** All entries below `root`, hashed; `shown` is how the person who asked calls that directory. */
async function readEntries(root: string, shown: string): Promise<SourceEntry[]> {
  try {
    const entries: SourceEntry[] = [];
    // Refusals come first: the wrong directory, somebody's home for example, must not be read for minutes.
    for (const entry of await listEntries(root, shown)) {
      if (entry.kind === "link") entries.push(entry);
      else entries.push({ ...entry, digest: sha256(await readFile(join(root, entry.path))) });
    }
    return entries;
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    throw new ProblemError("invalid", `${shown} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

type ListedEntry = Extract<SourceEntry, { kind: "link" }> | Omit<Extract<SourceEntry, { kind: "file" }>, "digest">;

async function listEntries(root: string, shown: string): Promise<ListedEntry[]> {
  const entries: ListedEntry[] = [];
  let bytes = 0;
  async function walk(prefix: string): Promise<void> {
    for (const name of await readdir(join(root, prefix))) {
      if (isSkipped(name)) continue;
      const path = prefix === "" ? name : `${prefix}/${name}`;
      const info = await lstat(join(root, path));
      if (info.isDirectory()) await walk(path);
      else if (info.isSymbolicLink()) entries.push(await readEntryOfLink(path));
      else if (info.isFile()) entries.push({ kind: "file", path, executable: (info.mode & 0o111) !== 0 });
      else refuse(join(shown, path), "is neither a file, a directory nor a link: remove it from the template");
      if (info.isFile()) bytes += info.size;
      if (bytes > LIMITS.unpackedBytes) refuse(shown, "holds more than 100 MiB: move large files out of the template");
      if (entries.length > LIMITS.files) refuse(shown, "holds more than 10000 files: remove what it does not need");
    }
  }
  async function readEntryOfLink(path: string): Promise<ListedEntry> {
    const target = await readlink(join(root, path));
    if (leadsOutside(path, target))
      refuse(join(shown, path), `is a link to ${target}, outside of the template: copy what it needs`);
    return { kind: "link", path, target };
  }
  await walk("");
  return entries;
}

function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

function hashOf(entries: readonly SourceEntry[]): string {
  return sha256(sourceManifest(entries));
}

/** Forgets what it is told: two names of one file are packed as two files, which unpack the same everywhere. */
class NoLinks extends Map {
  override set(): this {
    return this;
  }
}

async function pack(root: string, entries: readonly SourceEntry[], shown: string): Promise<Buffer> {
  // "./" because tar reads a name that begins with @ as an archive to include.
  const paths = entries.map((entry) => `./${entry.path}`).toSorted();
  if (paths.length === 0) refuse(shown, "holds no files: a template needs some");
  const options = { cwd: root, gzip: true, portable: true, noDirRecurse: true, mtime: new Date(0), strict: true };
  const archive = create({ ...options, linkCache: new NoLinks() }, paths);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of archive) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LIMITS.packedBytes) {
      refuse(shown, "is larger than 10 MiB when packed: move large files out of the template");
    }
  }
  return Buffer.concat(chunks);
}

/** Unpacks an archive; in strict mode an entry that would leave the directory is an error, not skipped. */
async function unpack(data: Buffer, directory: string): Promise<void> {
  let bytes = 0;
  let files = 0;
  const onReadEntry = (entry: ReadEntry) => {
    bytes += entry.size;
    files += 1;
    if (bytes > LIMITS.unpackedBytes || files > LIMITS.files)
      archive.abort(new Error("the stored source is too large"));
  };
  const settings = { cwd: directory, strict: true, preserveOwner: false, noMtime: true, onReadEntry };
  // Zeros are packed to less than a thousandth; what counts is the limit above.
  const archive = extract({ ...settings, maxDecompressionRatio: Number.POSITIVE_INFINITY });
  await new Promise<void>((resolve, reject) => {
    archive.on("error", reject);
    archive.on("close", () => resolve());
    archive.end(data);
  });
}

/**
 * Gives a complete directory its final name. What has that name already is used when it is right, because another
 * process may have put it there and be building from it; when it is wrong, it is moved out of the way.
 */
async function moveIntoPlace(partial: string, target: string, hash: string): Promise<void> {
  const wrong = `${partial}-wrong`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await rename(partial, target);
    } catch (error) {
      if (await holds(target, hash)) return;
      if (attempt === 3) throw error;
      await rename(target, wrong).catch(() => {}); // another process may have done it
      await rm(wrong, { recursive: true, force: true });
    }
  }
}

async function holds(directory: string, hash: string): Promise<boolean> {
  const info = await lstat(directory).catch(() => undefined);
  if (!info?.isDirectory()) return false;
  return await readEntries(directory, directory).then(
    (entries) => hashOf(entries) === hash,
    () => false,
  );
}

const PARTIAL = ".partial-";
/** Older ones belong to nobody: no source takes so long to unpack. */
const LEFTOVER_AGE_MS = 60 * 60_000;

async function removeLeftovers(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.startsWith(PARTIAL)) continue;
    const info = await stat(join(dir, name)).catch(() => undefined);
    if (info && info.mtimeMs < Date.now() - LEFTOVER_AGE_MS)
      await rm(join(dir, name), { recursive: true, force: true });
  }
}
