import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { is, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import journal from "../../drizzle/meta/_journal.json" with { type: "json" };
import config from "../../drizzle.config.ts";
import { BEGIN, openPool, withTransaction } from "../../src/db/connection.ts";
import { MIGRATIONS, migrateUp } from "../../src/db/migrate.ts";
import { users } from "../../src/db/schema/users.ts";
import { createLogger } from "../../src/log.ts";
import { createTestDatabase, emptyDatabase } from "../support/database.ts";
import { waitFor } from "../support/wait-for.ts";

// What the libraries do that has surprised others, one group per trap, and that it cannot happen here.

const migrationsFolder = fileURLToPath(new URL("../../drizzle/", import.meta.url));
const sourceFolder = fileURLToPath(new URL("../../src/", import.meta.url));

/** A logger that keeps its lines. */
function recordingLogger() {
  const lines: string[] = [];
  return { lines, log: createLogger("debug", { write: (line: string) => void lines.push(line) }) };
}

async function readSources(): Promise<{ path: string; text: string }[]> {
  const paths = (await readdir(sourceFolder, { recursive: true })).filter(
    (path) => path.endsWith(".ts") && !path.endsWith(".test.ts"),
  );
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(sourceFolder + path, "utf8") })));
}

async function readMigrations(): Promise<{ name: string; text: string }[]> {
  const names = (await readdir(migrationsFolder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(migrationsFolder + name, "utf8") })));
}

test("a transaction that cannot begin gives its connection back", async (t) => {
  const { url } = await createTestDatabase(t);
  const pool = openPool(url, recordingLogger().log, { max: 1 });
  t.after(() => pool.end());
  const impossible = "begin isolation level imaginary" as (typeof BEGIN)["readWrite"];
  await assert.rejects(
    withTransaction(pool, impossible, async () => {}),
    /syntax error/,
  );
  assert.equal(await withTransaction(pool, BEGIN.readWrite, async () => "works"), "works");
});

test("a transaction whose connection dies fails with the first error, and the pool recovers", async (t) => {
  const { url, pool: other } = await createTestDatabase(t);
  const pool = openPool(url, recordingLogger().log, { max: 1 });
  t.after(() => pool.end());
  const failure = withTransaction(pool, BEGIN.readWrite, async (client) => {
    const { rows } = await client.query("select pg_backend_pid() as pid");
    const lost = new Promise((resolve) => client.once("end", resolve));
    await other.query("select pg_terminate_backend($1)", [rows[0].pid]);
    await lost;
    throw new Error("what really went wrong");
  });
  await assert.rejects(failure, /what really went wrong/);
  assert.equal(await withTransaction(pool, BEGIN.snapshot, async () => "works"), "works");
});

test("an aborted transaction leaves nothing behind, and its connection is used again", async (t) => {
  const { url } = await createTestDatabase(t);
  const pool = openPool(url, recordingLogger().log, { max: 1 });
  t.after(() => pool.end());
  const pidOf = async () => (await pool.query("select pg_backend_pid() as pid")).rows[0].pid as number;
  const before = await pidOf();
  const failure = withTransaction(pool, BEGIN.readWrite, async (client) => {
    await client.query("insert into users (email, username) values ('a@example.com', 'a')");
    await client.query("select 1 / 0");
  });
  await assert.rejects(failure, /division by zero/);
  assert.equal(await pidOf(), before);
  assert.equal((await pool.query("select from users where username = 'a'")).rowCount, 0);
});

test("connections that die while idle or in use are logged and do not end the process", async (t) => {
  const { url, pool: other } = await createTestDatabase(t);
  const { lines, log } = recordingLogger();
  const pool = openPool(url, log);
  t.after(() => pool.end());
  const [idle, busy] = [await pool.connect(), await pool.connect()];
  const pids = await Promise.all(
    [idle, busy].map(async (c) => (await c.query("select pg_backend_pid() as pid")).rows[0].pid),
  );
  idle.release();
  await other.query("select pg_terminate_backend(pid) from unnest($1::int[]) pid", [pids]);
  await waitFor(
    "both losses to be logged",
    () => /while idle/.test(lines.join("")) && /while in use/.test(lines.join("")),
  );
  await assert.rejects(busy.query("select 1"));
  busy.release(true);
  assert.equal((await pool.query("select 1 as one")).rows[0].one, 1);
});

test("the drizzle schema names every table and column, and its nullability, as the migrated database has them", async (t) => {
  const { pool } = await createTestDatabase(t);
  const declared: string[] = [];
  for (const file of await readdir(`${sourceFolder}db/schema`)) {
    const module = (await import(`${sourceFolder}db/schema/${file}`)) as Record<string, unknown>;
    for (const table of Object.values(module)) {
      if (!is(table, PgTable)) continue;
      const { name, columns } = getTableConfig(table);
      declared.push(...columns.map((c) => `${name}.${c.name} ${c.getSQLType()}${c.notNull ? " not null" : ""}`));
    }
  }
  const { rows } = await pool.query<{ column: string }>(`
    select format('%s.%s %s%s', c.relname, a.attname, replace(format_type(a.atttypid, a.atttypmod), 'character varying', 'varchar'),
      case when a.attnotnull then ' not null' end) as column
    from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind = 'r'
    where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped`);
  assert.deepEqual(declared.sort(), rows.map((row) => row.column).sort());
});

test("nothing derives column names: the casing option is not used", async () => {
  for (const { path, text } of await readSources()) assert.doesNotMatch(text, /\bcasing:/, path);
  assert.equal("casing" in config, false);
});

test("a migration waits for the one that another process is running", async (t) => {
  const { url, pool } = await emptyDatabase(t);
  const holder = await pool.connect();
  await holder.query("select pg_advisory_lock(hashtextextended('prebuildd:migrate', 0))");
  const migrated = migrateUp(url);
  await waitFor("the migration to wait for the lock", async () => {
    const { rowCount } = await pool.query(
      `select from pg_locks l join pg_database d on d.oid = l.database
       where d.datname = current_database() and l.locktype = 'advisory' and not l.granted`,
    );
    return rowCount === 1;
  });
  assert.equal((await pool.query("select to_regclass('users') as users")).rows[0].users, null);
  await holder.query("select pg_advisory_unlock_all()");
  holder.release();
  assert.equal(
    (await migrated).migrations.every((migration) => migration.applied),
    true,
  );
});

test("no migration is skipped: the journal grows strictly, lists every file, and every file has its way back", async () => {
  const tags = journal.entries.map((entry) => entry.tag);
  for (const [index, entry] of journal.entries.entries()) {
    assert.equal(entry.idx, index);
    const previous = journal.entries[index - 1];
    if (previous) assert.ok(entry.when > previous.when, `${entry.tag} must be newer than ${previous.tag}`);
  }
  assert.deepEqual(
    (await readMigrations()).map(({ name }) => name),
    tags.map((tag) => `${tag}.sql`),
  );
  assert.deepEqual(
    (await readdir(`${migrationsFolder}down`)).sort(),
    tags.map((tag) => `${tag}.sql`),
  );
});

test("a migrated database has applied exactly as many migrations as there are files", async (t) => {
  const { pool } = await createTestDatabase(t);
  const { rows } = await pool.query(`select count(*)::int as count from ${MIGRATIONS.schema}.${MIGRATIONS.table}`);
  assert.equal(rows[0].count, (await readMigrations()).length);
});

test("no migration does what cannot be done in one transaction with all the others", async () => {
  for (const { name, text } of await readMigrations()) {
    assert.doesNotMatch(text, /\bconcurrently\b/i, name);
    assert.doesNotMatch(text, /\balter\s+type\b[^;]*\badd\s+value\b/i, name);
    assert.doesNotMatch(text, /\bas\s+enum\b/i, name);
  }
  for (const { path, text } of await readSources()) assert.doesNotMatch(text, /\bpgEnum\b/, path);
});

test("drizzle-kit and the daemon record migrations in the same table", () => {
  assert.deepEqual("migrations" in config ? config.migrations : undefined, { ...MIGRATIONS });
});

test("raw rows hold what our SQL relies on: instants as Date, int8 as text unless it is cast", async (t) => {
  const { pool } = await createTestDatabase(t);
  const { rows } = await pool.query(
    "select count(*) as big, count(*)::int as small, to_timestamp(0) as at, '{a,b}'::text[] as list, '{\"n\":1}'::jsonb as json",
  );
  assert.deepEqual(rows, [{ big: "1", small: 1, at: new Date(0), list: ["a", "b"], json: { n: 1 } }]);
});

test("typed drizzle selects map instants and numbers, and raw drizzle rows, which do not, are used nowhere", async (t) => {
  const { pool } = await createTestDatabase(t);
  const db = drizzle(pool);
  const [row] = await db
    .select({ createdAt: users.createdAt, count: sql`count(*) over ()`.mapWith(Number) })
    .from(users);
  assert.ok(row?.createdAt instanceof Date);
  assert.equal(row.count, 1);
  const raw = await db.execute(sql`select to_timestamp(0) as at`);
  assert.equal(typeof raw.rows[0]?.["at"], "string", "drizzle maps raw rows now: the rule below can go");
  for (const { path, text } of await readSources()) assert.doesNotMatch(text, /\.execute\(\s*sql/, path);
});

test("a failing query's parameters do not get into the log: not with its text, nor its rows, nor as a cause", async (t) => {
  const { pool } = await createTestDatabase(t);
  const { lines, log } = recordingLogger();
  const db = drizzle(pool);
  const secret = "correct-horse-battery-staple";
  const statements: Record<string, () => Promise<unknown>> = {
    "42P01": () => db.execute(sql`select ${secret}::text from missing_table`),
    "23514": () => db.insert(users).values({ email: secret, username: "a", status: "wrong" as "active" }),
    "23505": () => pool.query("insert into users (email, username) values ($1, 'a'), ($1, 'b')", [secret]),
  };
  for (const [code, statement] of Object.entries(statements)) {
    const err = await statement().then(
      () => assert.fail("the statement should fail"),
      (error: unknown) => error,
    );
    log.error({ err }, "a statement failed");
    log.error({ err: new Error("a pass failed", { cause: err }) }, "a pass failed");
    const [plain, wrapped] = lines.splice(0);
    assert.ok(plain && !plain.includes(secret), plain);
    assert.ok(wrapped && !wrapped.includes(secret), wrapped);
    assert.equal((JSON.parse(plain) as { err: { code?: string } }).err.code, code, "the cause is still logged");
  }
});
