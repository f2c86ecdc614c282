import { createHash } from "node:crypto";
import { access, chown, mkdir, mkdtemp, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { ProblemError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import { type Account, canEnter, isRoot, serverAccount } from "./account.ts";

/** Where root's servers keep what cannot lie below a directory that only root may enter. */
const SHARED_DIRECTORY = "/var/lib/prebuildd";
const SOCKET_PREFIX = "prebuildd-";
/** The kernel allows about 100 bytes for a socket's whole path; PostgreSQL adds `/.s.PGSQL.5432`. */
const LONGEST_SOCKET_DIRECTORY = 80;

/** Where one embedded server keeps its files, and whom it runs as. */
export type Places = {
  /** The user's data directory, absolute; prebuildd's own files are in it. */
  readonly dataDir: string;
  /** PostgreSQL's data directory. */
  readonly data: string;
  /** Where the programs go when they cannot be run from node_modules. */
  readonly copyTo: string;
  readonly account: Account | undefined;
};

/** Decides where the server's files are; the same data directory always leads to the same database. */
export async function findPlaces(requested: string, log: Logger): Promise<Places> {
  await mkdir(requested, { recursive: true, mode: isRoot() ? 0o755 : 0o700 });
  const dataDir = await realpath(requested);
  const inside = join(dataDir, "postgres");
  if (!isRoot()) {
    await refuseForeignData(inside);
    return { dataDir, data: inside, copyTo: dataDir, account: undefined };
  }
  const outside = join(SHARED_DIRECTORY, slugOf(dataDir));
  const existing = (await isCluster(outside)) ? outside : (await isCluster(inside)) ? inside : undefined;
  const account = await serverAccount(existing);
  const reachable = await canEnter(account, dataDir);
  if (existing === inside && !reachable) {
    throw new ProblemError(
      "unavailable",
      `the user with id ${account?.uid}, whom the database in ${inside} belongs to, may not enter that directory any ` +
        "more. Give it the permission (chmod o+x) on every directory above.",
    );
  }
  const data = existing ?? (reachable ? inside : outside);
  if (data === outside) {
    await mkdir(SHARED_DIRECTORY, { recursive: true, mode: 0o755 });
    log.info({ path: data }, "the database is kept outside the data directory, which only root may enter");
  }
  return { dataDir, data, copyTo: SHARED_DIRECTORY, account };
}

/** Makes a private directory, reachable for the account and short enough, for the server's socket. */
export async function makeSocketDirectory(account: Account | undefined): Promise<string> {
  const wanted = await realpath(tmpdir()).catch(() => "/tmp");
  const fits = wanted.length <= LONGEST_SOCKET_DIRECTORY - SOCKET_PREFIX.length && (await canEnter(account, wanted));
  const directory = await mkdtemp(join(fits ? wanted : "/tmp", SOCKET_PREFIX));
  if (account) await chown(directory, account.uid, account.gid);
  return directory;
}

/** Removes the socket directory that a killed process has left; `url` comes from a file, so it is not trusted. */
export async function removeStaleSocketDirectory(url: string): Promise<void> {
  const directory = URL.canParse(url) ? new URL(url).searchParams.get("host") : null;
  if (!directory || !basename(directory).startsWith(SOCKET_PREFIX)) return;
  if (dirname(directory) !== "/tmp" && dirname(directory) !== (await realpath(tmpdir()).catch(() => ""))) return;
  await rm(directory, { recursive: true, force: true });
}

/** Whether a directory holds a complete database cluster. */
export async function isCluster(data: string): Promise<boolean> {
  return access(join(data, "PG_VERSION")).then(
    () => true,
    () => false,
  );
}

async function refuseForeignData(data: string): Promise<void> {
  const owner = await stat(data).catch(() => undefined);
  if (owner === undefined || owner.uid === process.getuid?.()) return;
  throw new ProblemError(
    "unavailable",
    `the database in ${data} belongs to the user with id ${owner.uid}: an earlier start was by root or another user. ` +
      "Start prebuildd as that user or as root, or set PREBUILDD_DATA_DIR.",
  );
}

/** A name that a person recognises and that no other path has. */
function slugOf(path: string): string {
  const words = path.replaceAll(/[^a-zA-Z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
  return `${words.slice(-40).replace(/^-/, "")}-${createHash("sha256").update(path).digest("hex").slice(0, 8)}`;
}
