import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readMigrationFiles } from "drizzle-orm/migrator";
import pg from "pg";
import journal from "../../drizzle/meta/_journal.json" with { type: "json" };
import { databaseErrorOf, isLockTimeout, messageOf, ProblemError, UsageError } from "../errors.ts";
import { refuseTransactionPooler } from "./pooler.ts";
import { installQueueSchema, removeQueueSchema } from "./queue-schema.ts";

/**
 * Where applied migrations are recorded; drizzle.config.ts must name the same schema and table. The schema must not be
 * called like a role that people use: PostgreSQL looks up and creates tables first in the schema named like the user.
 */
export const MIGRATIONS = { schema: "prebuildd_migrations", table: "migrations" } as const;
const MINIMUM_SERVER_VERSION = 150000;
const DEADLOCK = "40P01";
/** How long a table is waited for; well below the second after which the server looks for deadlocks. */
const LOCK_MS = 500;
/** The longest pause before the tables are asked for again, and after how long that is given up. */
const MAX_PAUSE_MS = 15_000;
const PATIENCE_MS = 5 * 60_000;
const migrationsFolder = fileURLToPath(new URL("../../drizzle", import.meta.url));

export type MigrationStatus = {
  /** Names of the migrations that this version of prebuildd knows, oldest first, and whether each is applied. */
  readonly migrations: readonly { readonly name: string; readonly applied: boolean }[];
  /** How many applied migrations this version does not know: more than 0 means the database is newer. */
  readonly unknown: number;
};

/** Applies all pending migrations; any number of processes may call it at once. */
export async function migrateUp(url: string): Promise<MigrationStatus> {
  return withMigrationLock(url, async (client) => {
    const before = await readStatus(client);
    refuseNewer(before);
    if (before.migrations.some(({ applied }) => !applied)) await applyMissing(client);
    await installQueueSchema(url);
    return readStatus(client);
  });
}

/** Undoes the newest migrations until `to` are left applied; 0 leaves nothing of ours in the database. */
export async function migrateDown(url: string, to: number): Promise<MigrationStatus> {
  return withMigrationLock(url, async (client) => {
    const status = await readStatus(client);
    refuseNewer(status);
    const applied = status.migrations.filter((m) => m.applied);
    if (to > applied.length) {
      throw new UsageError(`cannot go down to ${to} migrations: only ${applied.length} are applied`);
    }
    await client.query("begin");
    try {
      // When everything goes, no row may keep a single step from being undone.
      if (to === 0 && applied.length > 0) await client.query("truncate users, organizations cascade");
      for (const [index, { name }] of [...applied.entries()].reverse()) {
        if (index < to) break;
        await undo(client, name);
      }
      if (to === 0) {
        await removeQueueSchema(client);
        await client.query(`drop schema if exists ${MIGRATIONS.schema} cascade`);
      }
      await client.query("commit");
    } catch (error) {
      await client.query("rollback").catch(() => {}); // the connection is closed anyway; the first error says more
      throw error;
    }
    return readStatus(client);
  });
}

/** Which migrations are applied; changes nothing. */
export async function migrationStatus(url: string): Promise<MigrationStatus> {
  return withClient(url, readStatus);
}

/**
 * Applies what is missing, all of it or nothing, while replicas of an older version go on working. A table that somebody
 * keeps, as a backup does for an hour, is not waited for at length, since everybody who comes later would wait, too; and
 * it is left again to who has taken the same tables in another order, so that this ends by itself and they go on.
 */
async function applyMissing(client: pg.Client): Promise<void> {
  await client.query(`set lock_timeout = ${LOCK_MS}`);
  const startedAt = performance.now();
  for (let pauseMs = LOCK_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    try {
      return await applyAtOnce(client);
    } catch (cause) {
      if (!isLockTimeout(cause) && databaseErrorOf(cause)?.code !== DEADLOCK) throw cause;
      if (performance.now() - startedAt > PATIENCE_MS) {
        throw new ProblemError(
          "unavailable",
          "the database could not be migrated, because somebody keeps a table locked that a migration changes, such as a " +
            "backup or a transaction that somebody has left open. Nothing was changed. Try again when it has ended.",
          { cause },
        );
      }
    }
    await delay(pauseMs);
  }
}

/** Loading the library takes longer than a daemon's whole other start, so it is done only when there is work for it. */
async function applyAtOnce(client: pg.Client): Promise<void> {
  const [{ drizzle }, { migrate }] = await Promise.all([
    import("drizzle-orm/node-postgres"),
    import("drizzle-orm/node-postgres/migrator"),
  ]);
  await migrate(drizzle(client), {
    migrationsFolder,
    migrationsSchema: MIGRATIONS.schema,
    migrationsTable: MIGRATIONS.table,
  });
}

async function undo(client: pg.Client, name: string): Promise<void> {
  try {
    await client.query(await readFile(`${migrationsFolder}/down/${name}.sql`, "utf8"));
  } catch (cause) {
    const error = databaseErrorOf(cause);
    if (error?.code !== "23503") throw cause;
    throw new ProblemError("conflict", `cannot undo the migration ${name}: ${error.message}`, {
      detail: `${error.detail ?? ""} Nothing was changed. Delete what refers to it first.`.trim(),
      cause,
    });
  }
  await client.query(
    `delete from ${MIGRATIONS.schema}.${MIGRATIONS.table}
     where id = (select max(id) from ${MIGRATIONS.schema}.${MIGRATIONS.table})`,
  );
}

async function readStatus(client: pg.Client): Promise<MigrationStatus> {
  const { rows: found } = await client.query<{ oid: string | null }>("select to_regclass($1) as oid", [
    `${MIGRATIONS.schema}.${MIGRATIONS.table}`,
  ]);
  const rows = found[0]?.oid
    ? (await client.query<{ hash: string }>(`select hash from ${MIGRATIONS.schema}.${MIGRATIONS.table}`)).rows
    : [];
  const applied = new Set(rows.map((row) => row.hash));
  const known = readMigrationFiles({ migrationsFolder }).map((file, index) => ({
    name: journal.entries[index]?.tag ?? file.hash,
    hash: file.hash,
  }));
  const knownHashes = new Set(known.map((file) => file.hash));
  return {
    migrations: known.map(({ name, hash }) => ({ name, applied: applied.has(hash) })),
    unknown: rows.filter((row) => !knownHashes.has(row.hash)).length,
  };
}

function refuseNewer(status: MigrationStatus): void {
  if (status.unknown === 0) return;
  throw new ProblemError(
    "unavailable",
    `the database has ${status.unknown} migration(s) that this version of prebuildd does not know: ` +
      "a newer version has been started on it. Start that version, or undo its migrations with its own `migrate down`.",
  );
}

/** @throws ProblemError for a server that is too old, by its `server_version_num`. */
export function refuseOldServer(version: number): void {
  if (version >= MINIMUM_SERVER_VERSION) return;
  throw new ProblemError(
    "unavailable",
    `the database runs PostgreSQL ${Math.floor(version / 10_000)}; prebuildd needs version 15 or newer`,
  );
}

async function withMigrationLock<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(url, async (client) => {
    // Through a pooler the lock would stay behind on the pooler's own connection and stop everybody after us.
    await refuseTransactionPooler(url);
    const { rows } = await client.query<{ version: number }>(
      "select current_setting('server_version_num')::int as version",
    );
    refuseOldServer(rows[0]?.version ?? 0);
    await client.query("select pg_advisory_lock(hashtextextended('prebuildd:migrate', 0))");
    return work(client);
  });
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "prebuildd migrate",
    connectionTimeoutMillis: 10_000,
  });
  client.on("error", () => {}); // the statement that the loss interrupts rejects with the same error
  try {
    await client.connect();
  } catch (cause) {
    throw new ProblemError("unavailable", `cannot connect to the database: ${messageOf(cause)}. Check DATABASE_URL.`, {
      cause,
    });
  }
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
