import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import type pg from "pg";
import journal from "../../drizzle/meta/_journal.json" with { type: "json" };
import { MIGRATIONS, migrateDown, migrateUp, migrationStatus, refuseOldServer } from "../../src/db/migrate.ts";
import { QUEUE_SCHEMA } from "../../src/db/queue-schema.ts";
import { ProblemError, UsageError } from "../../src/errors.ts";
import { WORK } from "../../src/provisioner/queue.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { readCatalogue } from "../support/catalogue.ts";
import { createDatabaseWithQueues, createTestDatabase, emptyDatabase } from "../support/database.ts";
import { waitFor } from "../support/wait-for.ts";

const names = journal.entries.map((entry) => entry.tag);
const systemUserMigration = names.indexOf("0003_system_user");

/** Applies the first `count` migrations as a database of that time has them, without prebuildd's own runner. */
async function oldDatabase(t: TestContext, count: number) {
  const database = await emptyDatabase(t);
  for (const name of names.slice(0, count)) {
    const file = await readFile(new URL(`../../drizzle/${name}.sql`, import.meta.url), "utf8");
    await database.pool.query(file.replaceAll("--> statement-breakpoint", ";\n"));
  }
  return database;
}

/** The objects of the migrations alone: without the queue's and without the record of what is applied. */
async function readOwnObjects(pool: pg.Pool) {
  const all = await readCatalogue(pool);
  const foreign = new RegExp(`\\b(${QUEUE_SCHEMA}|${MIGRATIONS.schema})\\b`);
  return new Map([...all].filter(([object]) => !foreign.test(object)));
}

/** One row in each table that matters, with a prebuilt workspace and one that a person owns. */
async function insertData(pool: pg.Pool): Promise<void> {
  await pool.query(`
    insert into users (id, email, username) values ('00000000-0000-4000-8000-000000000001', 'a@example.com', 'a');
    insert into organizations (id, name, is_default) values ('00000000-0000-4000-8000-000000000002', 'first', true);
    insert into groups (id, name, organization_id)
      values ('00000000-0000-4000-8000-000000000002', 'Everyone', '00000000-0000-4000-8000-000000000002');
    insert into organization_members (organization_id, user_id)
      select '00000000-0000-4000-8000-000000000002', id from users;
    insert into files (id, hash, mimetype, data, created_by)
      values ('00000000-0000-4000-8000-000000000003', 'h', 'application/x-tar', '', '00000000-0000-4000-8000-000000000001');
    insert into templates (id, organization_id, name, provisioner, created_by)
      values ('00000000-0000-4000-8000-000000000004', '00000000-0000-4000-8000-000000000002', 't', 'command',
        '00000000-0000-4000-8000-000000000001');
    insert into template_versions (id, template_id, organization_id, name, file_id, created_by)
      values ('00000000-0000-4000-8000-000000000005', '00000000-0000-4000-8000-000000000004',
        '00000000-0000-4000-8000-000000000002', 'v1', '00000000-0000-4000-8000-000000000003',
        '00000000-0000-4000-8000-000000000001');
    update templates set active_version_id = '00000000-0000-4000-8000-000000000005'`);
}

async function insertWorkspace(pool: pg.Pool, name: string, ownerId: string): Promise<void> {
  await pool.query(
    `insert into workspaces (name, owner_id, organization_id, template_id)
     values ($1, $2, '00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000004')`,
    [name, ownerId],
  );
}

test("migrating up, down to nothing and up again gives the same database, and nothing of ours is left in between", async (t) => {
  const { url, pool } = await emptyDatabase(t);
  const untouched = await readCatalogue(pool);
  await migrateUp(url);
  const first = await readCatalogue(pool);
  assert.ok(first.has("relation public.workspaces") && first.has(`schema ${QUEUE_SCHEMA}`));
  const status = await migrateDown(url, 0);
  assert.deepEqual(await readCatalogue(pool), untouched);
  assert.ok(status.migrations.every((migration) => !migration.applied));
  await migrateUp(url);
  assert.deepEqual(await readCatalogue(pool), first);
});

test("every migration can be undone by itself, leaves what the migrations before it make, and can be applied again", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const newest = await readCatalogue(pool);
  for (let count = names.length - 1; count >= 0; count--) {
    const status = await migrateDown(url, count);
    assert.equal(status.migrations.filter((migration) => migration.applied).length, count);
    const old = await oldDatabase(t, count);
    assert.deepEqual(await readOwnObjects(pool), await readOwnObjects(old.pool), `after undoing ${names[count]}`);
    await migrateUp(url);
    assert.deepEqual(await readCatalogue(pool), newest, `after applying ${names[count]} again`);
  }
});

test("work of kinds that an older version does not know is gone with the migration that brought them, other work stays", async (t) => {
  const { url, pool } = await createDatabaseWithQueues(t);
  const kinds = Object.values(WORK);
  await pool.query("insert into pgboss.job (name) select unnest($1::text[])", [kinds]);
  await migrateDown(url, names.indexOf("0012_terraform"));
  const { rows } = await pool.query<{ name: string }>("select name from pgboss.job");
  const older = [WORK.build, WORK.deadBuild, WORK.readiness, WORK.deadReadiness];
  assert.deepEqual(rows.map(({ name }) => name).sort(), older.sort());
});

test("three processes that migrate at the same time all succeed and apply each migration once", async (t) => {
  const { url, pool } = await emptyDatabase(t);
  const results = await Promise.all([migrateUp(url), migrateUp(url), migrateUp(url)]);
  for (const { migrations, unknown } of results) {
    assert.equal(unknown, 0);
    assert.ok(migrations.every((migration) => migration.applied));
  }
  const { rows } = await pool.query(`select count(*)::int as count from ${MIGRATIONS.schema}.${MIGRATIONS.table}`);
  assert.equal(rows[0].count, names.length);
});

/** A database before the migration that changes the jobs of replicas that go on, and somebody who is in its tables. */
async function beforeOperations(t: TestContext, begin: string) {
  const { url, pool } = await createTestDatabase(t);
  await migrateDown(url, names.indexOf("0014_operations"));
  const somebody = await pool.connect();
  t.after(() => somebody.release(true));
  await somebody.query(`begin; set local statement_timeout = '5s'; ${begin}`);
  const isWaiting = async () => {
    const { rowCount } = await pool.query(
      "select from pg_stat_activity where datname = current_database() and application_name = 'prebuildd migrate' and wait_event_type = 'Lock'",
    );
    return rowCount === 1;
  };
  const migrated = migrateUp(url);
  migrated.catch(() => {}); // the test waits for it later
  await waitFor("the migration to wait for a table", isWaiting, { intervalMs: 5 });
  return { pool, somebody, migrated };
}

test("while a backup reads a table, the migration waits for it, and older replicas do not", async (t) => {
  const { pool, somebody, migrated } = await beforeOperations(t, "lock table provisioner_jobs in access share mode");
  const replica = await pool.connect();
  t.after(() => replica.release(true));
  await replica.query("set statement_timeout = '3s'");
  await replica.query("select from provisioner_jobs");
  await somebody.query("commit");
  assert.ok((await migrated).migrations.every(({ applied }) => applied));
});

test("an older replica that takes the tables of a migration in another order goes on, and so does the migration", async (t) => {
  const { somebody, migrated } = await beforeOperations(t, "lock table templates in row exclusive mode");
  await somebody.query("update provisioner_jobs set error = error");
  await somebody.query("commit");
  assert.ok((await migrated).migrations.every(({ applied }) => applied));
});

test("migrating a database that is up to date changes nothing", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const before = await readCatalogue(pool);
  await migrateUp(url);
  assert.deepEqual(await readCatalogue(pool), before);
});

test("a role with the name of prebuildd gets its tables in the schema public like any other", async (t) => {
  const { pool } = await createTestDatabase(t);
  const { rows } = await pool.query(
    "select current_user as role, to_regclass('public.workspaces') is not null as found",
  );
  assert.equal(rows[0].found, true, `as ${rows[0].role}`);
});

test("the status names each migration and whether it is applied, also in a database without anything", async (t) => {
  const { url } = await emptyDatabase(t);
  assert.deepEqual(await migrationStatus(url), {
    migrations: names.map((name) => ({ name, applied: false })),
    unknown: 0,
  });
  await migrateUp(url);
  await migrateDown(url, 1);
  assert.deepEqual(await migrationStatus(url), {
    migrations: names.map((name, index) => ({ name, applied: index === 0 })),
    unknown: 0,
  });
});

test("a database that a newer version has migrated is left alone, up and down", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  await pool.query(
    `insert into ${MIGRATIONS.schema}.${MIGRATIONS.table} (hash, created_at) values ('of the future', 9999999999999)`,
  );
  const before = await readCatalogue(pool);
  assert.equal((await migrationStatus(url)).unknown, 1);
  const isRefusal = (error: unknown) =>
    error instanceof ProblemError &&
    error.kind === "unavailable" &&
    /newer version has been started/.test(error.message);
  await assert.rejects(migrateUp(url), isRefusal);
  await assert.rejects(migrateDown(url, 0), isRefusal);
  assert.deepEqual(await readCatalogue(pool), before);
});

test("going down to more migrations than are applied is a usage error", async (t) => {
  const { url } = await createTestDatabase(t);
  await assert.rejects(migrateDown(url, names.length + 1), UsageError);
});

test("a server that cannot be reached is named as the problem, with where to look", async () => {
  await assert.rejects(migrateUp("postgresql://nobody@127.0.0.1:1/none"), (error) => {
    return error instanceof ProblemError && error.kind === "unavailable" && /DATABASE_URL/.test(error.message);
  });
});

test("migrating down to nothing works on a database full of data", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  await insertData(pool);
  await insertWorkspace(pool, "mine", "00000000-0000-4000-8000-000000000001");
  await insertWorkspace(pool, "prebuild", PREBUILDS_SYSTEM_USER_ID);
  await migrateDown(url, 0);
  assert.equal((await readOwnObjects(pool)).has("relation public.workspaces"), false);
});

test("undoing some migrations keeps the data of the others", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  await insertData(pool);
  await insertWorkspace(pool, "mine", "00000000-0000-4000-8000-000000000001");
  await migrateDown(url, 1);
  const { rows } = await pool.query("select name from workspaces");
  assert.deepEqual(rows, [{ name: "mine" }]);
  await migrateUp(url);
  const members = await pool.query("select count(*)::int as count from organization_members");
  assert.equal(members.rows[0].count, 2, "the system user is a member of the default organization again");
});

test("the system user cannot be undone while prebuilt workspaces exist, and then nothing changes at all", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  await insertData(pool);
  await insertWorkspace(pool, "prebuild", PREBUILDS_SYSTEM_USER_ID);
  const before = await readCatalogue(pool);
  await assert.rejects(migrateDown(url, systemUserMigration), (error) => {
    return error instanceof ProblemError && error.kind === "conflict" && /0003_system_user/.test(error.message);
  });
  assert.deepEqual(await readCatalogue(pool), before);
  assert.ok((await migrationStatus(url)).migrations.every((migration) => migration.applied));
});

test("a server that is too old is refused with its version and the one that is needed", () => {
  assert.throws(() => refuseOldServer(140_012), /runs PostgreSQL 14; prebuildd needs version 15 or newer/);
  refuseOldServer(150_000);
});
