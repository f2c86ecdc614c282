import { randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import pg from "pg";
import { openPool } from "../../src/db/connection.ts";
import { createLogger } from "../../src/log.ts";
import type { People } from "./people.ts";
import { withDatabase } from "./postgres.ts";

/** A database of one test's own. */
export type TestDatabase = { readonly url: string; readonly pool: pg.Pool };

/** Node has it, its types do not yet. */
type FinishedTest = TestContext & { readonly passed: boolean };

let administration: pg.Pool | undefined;

/** Makes a fresh, migrated database; it is dropped at the end unless the test has failed. */
export async function createTestDatabase(t: TestContext): Promise<TestDatabase> {
  return makeDatabase(t, environment("PREBUILDD_TEST_TEMPLATE"));
}

/** Makes such a database as it is after a daemon's first start: with the queues, whose making takes longer than most tests. */
export async function createDatabaseWithQueues(t: TestContext): Promise<TestDatabase> {
  return makeDatabase(t, environment("PREBUILDD_TEST_TEMPLATE_WITH_QUEUES"));
}

/** Makes such a database with people in it, who are the same in every test. */
export async function createDatabaseWithPeople(t: TestContext): Promise<TestDatabase & { readonly people: People }> {
  const database = await makeDatabase(t, environment("PREBUILDD_TEST_TEMPLATE_WITH_PEOPLE"));
  return { ...database, people: JSON.parse(environment("PREBUILDD_TEST_PEOPLE")) as People };
}

/** Makes a database without anything of ours in it; it is dropped at the end unless the test has failed. */
export async function emptyDatabase(t: TestContext): Promise<TestDatabase> {
  return makeDatabase(t, "template0");
}

async function makeDatabase(t: TestContext, template: string): Promise<TestDatabase> {
  const adminUrl = environment("PREBUILDD_TEST_DATABASE_URL");
  const admin = administer(adminUrl);
  const name = `test_${randomBytes(6).toString("hex")}`;
  // Copying files takes a third of the time of copying pages through the log, once nobody waits for a disk.
  await admin.query(`create database ${name} template ${template} strategy file_copy`);
  const url = withDatabase(adminUrl, name);
  const pool = openPool(url, createLogger("silent", process.stderr));
  // A test's own hooks run in the order of their registration, so what a test starts on its database would be stopped
  // after the database; the signal comes when all of them have run and nothing is in use any more.
  t.signal.addEventListener("abort", async () => {
    const { passed } = t as FinishedTest;
    if (!passed) t.diagnostic(`the test's database was ${name}`);
    // A failed test may hold clients that nobody returns, for which the pool would wait for ever: they are cut off.
    if (!pool.ending) pool.end().catch(() => {});
    await admin.query(passed ? `drop database ${name} with (force)` : cutOff(name));
  });
  return { url, pool };
}

/** The connections on which this process makes and drops databases; idle ones do not keep it from ending. */
function administer(url: string): pg.Pool {
  administration ??= new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true }).on("error", () => {});
  return administration;
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
