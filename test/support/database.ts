import { randomBytes } from "node:crypto";
import { after, type TestContext } from "node:test";
import type pg from "pg";
import { openPool } from "../../src/db/connection.ts";
import { createLogger } from "../../src/log.ts";
import { runStatement, withDatabase } from "./postgres.ts";

/** A database of one test's own. */
export type TestDatabase = { readonly url: string; readonly pool: pg.Pool };

/** Node has it, its types do not yet. */
type FinishedTest = TestContext & { readonly passed: boolean };

// A test's own hooks run in the order of their registration, so what a test starts on its database would be stopped
// after the database; only at the end of the whole file is nothing in use any more.
const endings: (() => Promise<void>)[] = [];
after(async () => {
  for (const end of endings.splice(0)) await end();
});

/** Makes a fresh, migrated database; it is dropped at the end unless the test has failed. */
export async function createTestDatabase(t: TestContext): Promise<TestDatabase> {
  return makeDatabase(t, environment("PREBUILDD_TEST_TEMPLATE"));
}

/** Makes a database without anything of ours in it; it is dropped at the end unless the test has failed. */
export async function emptyDatabase(t: TestContext): Promise<TestDatabase> {
  return makeDatabase(t, "template0");
}

async function makeDatabase(t: TestContext, template: string): Promise<TestDatabase> {
  const adminUrl = environment("PREBUILDD_TEST_DATABASE_URL");
  const name = `test_${randomBytes(6).toString("hex")}`;
  await runStatement(adminUrl, `create database ${name} template ${template} strategy wal_log`);
  const url = withDatabase(adminUrl, name);
  const pool = openPool(url, createLogger("silent", process.stderr));
  let passed = false;
  t.after(() => {
    passed = (t as FinishedTest).passed;
    if (!passed) t.diagnostic(`the test's database was ${name}`);
  });
  endings.push(async () => {
    // A failed test may hold clients that nobody returns, for which the pool would wait for ever: they are cut off.
    if (!pool.ending) pool.end().catch(() => {});
    await runStatement(adminUrl, passed ? `drop database ${name} with (force)` : cutOff(name));
  });
  return { url, pool };
}

function cutOff(database: string): string {
  return `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`;
}

function environment(key: string): string {
  const value = process.env[key];
  if (value) return value;
  throw new Error(
    `${key} is not set: this test needs the database that the global setup starts. Run \`npm test\`, or for one file ` +
      "`node --test --test-global-setup=test/support/global-setup.ts <file>`.",
  );
}
