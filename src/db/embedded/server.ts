import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { errorOf, messageOf, ProblemError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import { type GuardedProcess, spawnGuarded } from "../../process/guard.ts";
import { findBinaries } from "./binaries.ts";
import { initialise, ROLE } from "./initialise.ts";
import { inUse, isAlive, readOwner, removeOwner, runningPostmaster, takeOver, writeOwner } from "./owner.ts";
import { findPlaces, makeSocketDirectory, type Places, removeStaleSocketDirectory } from "./places.ts";

/** A PostgreSQL server of this process; disposing it stops the server, and may be done more than once. */
export type EmbeddedPostgres = {
  readonly url: string;
  /** Resolves when the server has ended although nobody stopped it, with what it said last. */
  readonly failed: Promise<Error>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** How an embedded server is started. */
export type EmbeddedOptions = {
  /** prebuildd's data directory; the server's files are in its folder `postgres`. */
  readonly dataDir: string;
  readonly log: Logger;
  /** PostgreSQL settings that differ from the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
};

/** A server that nobody but this machine's user can reach, sized for a small machine. */
const DEFAULT_SETTINGS = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  max_connections: "100",
  shared_buffers: "128MB",
  timezone: "UTC",
  log_timezone: "UTC",
  log_line_prefix: "%m [%p] ",
};
/** After a crash PostgreSQL first replays its log, which takes as long as it takes; a hang should still end. */
const START_PATIENCE_MS = 300_000;
const STOP_PATIENCE_MS = 20_000;
const LOG_TAIL_LINES = 15;

/**
 * Starts PostgreSQL below the data directory and creates it at first. It listens on no port, only on a socket in a
 * private directory, and it stops when this process ends, however that happens.
 * @throws ProblemError of kind `conflict` when another live process runs it.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log } = options;
  if (process.platform === "win32") {
    throw new ProblemError("unavailable", "the embedded database does not run on Windows; set DATABASE_URL");
  }
  const places = await findPlaces(options.dataDir, log);
  const binaries = await findBinaries(places.account, places.copyTo, log);
  await takeOver(places.dataDir, places.data, log);
  await initialise(binaries.initdb, places.data, places.account, { sync: options.settings?.["fsync"] !== "off" });
  const stale = await readOwner(places.dataDir);
  if (stale && !isAlive(stale.pid)) await removeStaleSocketDirectory(stale.url);

  const logFile = await openServerLog(places);
  const socketDirectory = await makeSocketDirectory(places.account);
  const settings = { ...DEFAULT_SETTINGS, ...options.settings, unix_socket_directories: `"${socketDirectory}"` };
  const server = spawnGuarded(
    binaries.postgres,
    ["-D", places.data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    { cwd: "/", env: { LC_ALL: "C" }, onOrphaned: "SIGINT", outputTo: logFile.fd, ...places.account },
  );
  await logFile.close();
  server.stdin.end();
  const url = `postgresql://${ROLE}@localhost/${ROLE}?host=${encodeURIComponent(socketDirectory)}`;
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      await stopServer(server);
      await removeOwner(places.dataDir, url);
      await rm(socketDirectory, { recursive: true, force: true });
    })();
    return stopped;
  };
  try {
    await becomeReady(server, url);
    await writeOwner(places.dataDir, { url, pid: process.pid });
  } catch (cause) {
    await stop();
    const other = await runningPostmaster(places.data); // one that was faster than this one
    if (other !== undefined) throw inUse(places.dataDir, (await readOwner(places.dataDir))?.pid ?? other);
    const tail = await readLogTail(places);
    throw new ProblemError(
      "unavailable",
      `the embedded database did not start: ${messageOf(cause)}. Its log, ${serverLog(places)}, ends with:\n${tail}`,
      { cause },
    );
  }
  log.debug({ data: places.data, pid: server.pid }, "the embedded database is running");
  const failed = new Promise<Error>((resolve) => {
    void server.exited.then(async ({ code, signal }) => {
      if (stopped !== undefined) return;
      const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
      const tail = await readLogTail(places);
      resolve(
        new ProblemError(
          "unavailable",
          `the embedded database ${how}. Its log, ${serverLog(places)}, ends with:\n${tail}`,
        ),
      );
    });
  });
  return { url, failed, [Symbol.asyncDispose]: stop };
}

/** Where a running process has this data directory's server, if one has; anyone who may read the file may connect. */
export async function findEmbeddedUrl(dataDir: string): Promise<string | undefined> {
  const owner = await readOwner(dataDir);
  if (!owner || !isAlive(owner.pid)) return undefined;
  const failure = await tryConnect(owner.url);
  return failure === undefined ? owner.url : undefined;
}

/** For a command that needs the database once: the running server, or else one that ends with the command. */
export async function connectOrStartEmbedded(
  options: EmbeddedOptions,
): Promise<Pick<EmbeddedPostgres, "url" | typeof Symbol.asyncDispose>> {
  const url = await findEmbeddedUrl(options.dataDir);
  return url === undefined ? startEmbeddedPostgres(options) : { url, [Symbol.asyncDispose]: async () => {} };
}

/** Waits until the server takes connections, and creates prebuildd's database if it is missing. */
async function becomeReady(server: GuardedProcess, url: string): Promise<void> {
  let ended: string | undefined;
  server.exited.then(
    ({ code, signal }) => {
      ended = `the server ended with ${signal ?? `code ${code}`}`;
    },
    (error: unknown) => {
      ended = messageOf(error);
    },
  );
  const maintenanceUrl = url.replace(`/${ROLE}?`, "/postgres?");
  const deadline = Date.now() + START_PATIENCE_MS;
  for (;;) {
    const failure = await tryConnect(maintenanceUrl, createDatabase);
    if (failure === undefined) return;
    if (ended !== undefined) throw new Error(ended);
    if (Date.now() > deadline) throw failure;
    await delay(20);
  }
}

async function createDatabase(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query("select from pg_database where datname = $1", [ROLE]);
  if (rowCount === 0) await client.query(`create database ${ROLE} owner ${ROLE}`);
}

async function tryConnect(url: string, work?: (client: pg.Client) => Promise<void>): Promise<Error | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {}); // the call that the loss interrupts rejects with the same error
  try {
    await client.connect();
    await work?.(client);
    return undefined;
  } catch (error) {
    return errorOf(error);
  } finally {
    await client.end().catch(() => {});
  }
}

/** SIGINT is PostgreSQL's fast shutdown: connections are ended, the data is written. SIGQUIT gives up on the latter. */
async function stopServer(server: GuardedProcess): Promise<void> {
  const ended = server.exited.then(
    () => true,
    () => true,
  );
  server.killGroup("SIGINT");
  const patience = new AbortController();
  const inTime = await Promise.race([
    ended,
    delay(STOP_PATIENCE_MS, false, { signal: patience.signal }).catch(() => false),
  ]);
  patience.abort();
  if (!inTime) server.killGroup("SIGQUIT");
  await ended;
}

/**
 * Every start has a log of its own; the one before it is kept. The file must be new: root would otherwise write through
 * a link that the less privileged server has put there.
 */
async function openServerLog(places: Places): Promise<FileHandle> {
  await rename(serverLog(places), `${serverLog(places)}.1`).catch(() => {}); // the first start has none
  return open(serverLog(places), "wx", 0o600).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EEXIST") throw cause;
    const message = `another process is just starting the database in ${places.dataDir}; one daemon at a time can use it`;
    throw new ProblemError("conflict", message, { cause });
  });
}

async function readLogTail(places: Places): Promise<string> {
  const text = await readFile(serverLog(places), "utf8").catch(messageOf);
  return text.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}

function serverLog(places: Places): string {
  return join(places.data, "server.log");
}
