import { execFile, spawnSync } from "node:child_process";
import { chown, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import type pg from "pg";
import { openPool } from "../../src/db/connection.ts";
import { serverAccount } from "../../src/db/embedded/account.ts";
import { initialise, ROLE } from "../../src/db/embedded/initialise.ts";
import { spawnGuarded } from "../../src/process/guard.ts";
import { silent } from "../support/given.ts";
import { directoryOfRun, FAST_SETTINGS, runStatement, withDatabase } from "../support/postgres.ts";
import { waitFor } from "../support/wait-for.ts";

const PROGRAMS = ["initdb", "postgres", "pg_dump", "pg_restore", "psql"];
/** What prebuildd needs at least. */
const OLDEST = 15;
const run = promisify(execFile);

/** The directory of an installation of PostgreSQL that has all its programs; a dump is no older than the server then. */
const programs = await findPrograms();

/** For tests that need it: why they are skipped, where it is not there. */
export const needsInstalledPostgres = {
  skip:
    programs === undefined
      ? `no installation of PostgreSQL ${OLDEST} or newer with ${PROGRAMS.join(", ")} is on this machine`
      : false,
};

async function findPrograms(): Promise<string | undefined> {
  const packaged = "/usr/lib/postgresql";
  const versions = await readdir(packaged).catch(() => []);
  const { stdout } = spawnSync("pg_config", ["--bindir"], { encoding: "utf8" });
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(packaged, version, "bin"));
  for (const directory of [...(stdout ? [stdout.trim()] : []), ...newestFirst]) {
    const names = await readdir(directory).catch((): string[] => []);
    if (PROGRAMS.every((name) => names.includes(name)) && majorOf(directory) >= OLDEST) return directory;
  }
  return undefined;
}

/** The major version of an installation, such as 15. */
function majorOf(directory: string): number {
  const { stdout } = spawnSync(join(directory, "postgres"), ["--version"], { encoding: "utf8" });
  return Number(/\d+/.exec(stdout ?? "")?.[0] ?? 0);
}

/** A server of that installation, with its client programs. */
export type InstalledPostgres = {
  /** Makes an empty database. */
  create(name: string): Promise<{ readonly url: string; readonly pool: pg.Pool }>;
  /** Runs a client program on one of the databases; rejects with what it says when it fails. */
  run(program: "pg_dump" | "pg_restore" | "psql", database: string, ...args: readonly string[]): Promise<void>;
  /** Where files can be kept until the end of the test. */
  readonly directory: string;
};

/** Starts a server of the installation; it is stopped at the end of the test. */
export async function startInstalledPostgres(t: TestContext): Promise<InstalledPostgres> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const directory = await directoryOfRun();
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const account = await serverAccount(undefined);
  if (account) await chown(directory, account.uid, account.gid);
  const at = (program: string) => join(programs ?? "", program);
  const data = join(directory, "data");
  await initialise(at("initdb"), data, account, { sync: false });
  const settings = {
    ...FAST_SETTINGS,
    listen_addresses: "",
    unix_socket_directories: directory,
    max_connections: "40",
  };
  const server = spawnGuarded(
    at("postgres"),
    ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    { cwd: "/", env: { LC_ALL: "C" }, onOrphaned: "SIGINT", ...account },
  );
  stack.defer(async () => {
    server.killGroup("SIGINT");
    await server.exited;
  });
  const url = (database: string) =>
    withDatabase(`postgresql://${ROLE}@localhost/?host=${encodeURIComponent(directory)}`, database);
  await waitFor("the server to take connections", () =>
    runStatement(url("postgres"), "select 1").then(
      () => true,
      () => undefined,
    ),
  );
  return {
    directory,
    create: async (name) => {
      await runStatement(url("postgres"), `create database ${name} template template0`);
      const pool = openPool(url(name), silent);
      stack.defer(() => pool.end());
      return { url: url(name), pool };
    },
    run: async (program, database, ...args) => {
      await run(at(program), [`--dbname=${url(database)}`, ...args], { maxBuffer: 64 * 1024 * 1024 });
    },
  };
}
