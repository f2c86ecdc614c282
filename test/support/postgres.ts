import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { openPool } from "../../src/db/connection.ts";
import { isAlive, readOwner } from "../../src/db/embedded/owner.ts";
import { removeStaleSocketDirectory } from "../../src/db/embedded/places.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { migrateUp } from "../../src/db/migrate.ts";
import { createLogger, logDestination } from "../../src/log.ts";
import { createBuildQueue } from "../../src/provisioner/queue.ts";
import { addPeople, type People } from "./people.ts";

/** A PostgreSQL server for one run of the tests, with migrated databases that tests clone. */
export type TestServer = {
  readonly adminUrl: string;
  readonly template: string;
  /** The same with the queues that a daemon makes at its first start. */
  readonly templateWithQueues: string;
  /** The same with people in it. */
  readonly templateWithPeople: string;
  readonly people: People;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Nothing that these settings could lose outlives the run, and its databases do not live long enough to be tidied up. */
export const FAST_SETTINGS = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_connections: "500",
  autovacuum: "off",
};

const DIRECTORY_PREFIX = "prebuildd-test-";

/** Starts the run's own server, or uses the one behind `existingUrl`, whose user must be allowed to create databases. */
export async function startTestServer(existingUrl: string | undefined): Promise<TestServer> {
  await using started = new AsyncDisposableStack();
  const adminUrl = existingUrl ?? (await startOwnServer(started));
  const template = `prebuildd_template_${randomBytes(4).toString("hex")}`;
  const templateWithQueues = `${template}_queues`;
  const templateWithPeople = `${template}_people`;
  const create = async (name: string, from: string) => {
    await runStatement(adminUrl, `create database ${name} template ${from}`);
    started.defer(() => runStatement(adminUrl, `drop database if exists ${name} with (force)`));
    return withDatabase(adminUrl, name);
  };
  await migrateUp(await create(template, "template1"));
  await withPool(await create(templateWithQueues, template), async (pool) => {
    await using queue = createBuildQueue(pool, silent);
    await queue.start();
  });
  const people = await withPool(await create(templateWithPeople, templateWithQueues), addPeople);
  const stack = started.move();
  return {
    adminUrl,
    template,
    templateWithQueues,
    templateWithPeople,
    people,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const silent = createLogger("silent", process.stderr);

/** Works on a database that is then copied, for which nobody may be connected to it. */
async function withPool<T>(url: string, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = openPool(url, silent);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/** The same server's URL with another database in it. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

/** Runs one statement outside of any transaction on a connection of its own. */
export async function runStatement(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on("error", () => {}); // the call that the loss interrupts rejects with the same error
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function startOwnServer(started: AsyncDisposableStack): Promise<string> {
  await removeAbandoned(await fastDirectory());
  const dataDir = await directoryOfRun();
  started.defer(() => rm(dataDir, { recursive: true, force: true }));
  await chmod(dataDir, 0o755); // as root, the server's own user must be able to enter it
  const log = createLogger("warn", logDestination(process.stderr));
  const server = started.use(await startEmbeddedPostgres({ dataDir, log, settings: FAST_SETTINGS }));
  return withDatabase(server.url, "postgres");
}

/** A new directory of this run's; if the run is killed, the next one removes it. */
export async function directoryOfRun(): Promise<string> {
  return mkdtemp(join(await fastDirectory(), `${DIRECTORY_PREFIX}${process.pid}-`));
}

/** Where tests keep databases: they are hundreds of small files, which memory copies ten times as fast as a disk. */
export async function fastDirectory(): Promise<string> {
  const memory = "/dev/shm";
  const room = await statfs(memory).then(
    (file) => file.bavail * file.bsize,
    () => 0, // only Linux has it
  );
  return room > 2 * 1024 ** 3 ? memory : tmpdir();
}

/** A run that was killed has not removed its files; its server has stopped by itself. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(DIRECTORY_PREFIX)) continue;
    if (isAlive(Number.parseInt(name.slice(DIRECTORY_PREFIX.length), 10))) continue;
    const owner = await readOwner(join(parent, name));
    if (owner) await removeStaleSocketDirectory(owner.url).catch(() => {});
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {}); // it may be another user's
  }
}
