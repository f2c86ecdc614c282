import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { connectOrStartEmbedded, findEmbeddedUrl, startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { ProblemError } from "../../src/errors.ts";
import { createLogger } from "../../src/log.ts";
import { fastDirectory } from "../support/postgres.ts";
import { waitFor } from "../support/wait-for.ts";

const log = createLogger("silent", process.stderr);
const processScript = fileURLToPath(new URL("./embedded-process.ts", import.meta.url));

/** A data directory that the server's own user can enter when the tests run as root. */
async function dataDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(await fastDirectory(), "embedded-"));
  await chmod(directory, 0o755);
  t.after(() => rm(directory, { recursive: true, force: true }));
  return join(directory, "data");
}

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function startProcess(t: TestContext, dataDir: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [processScript, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, url: String((await lines.next()).value) };
}

const socketDirectoryOf = (url: string) => new URL(url).searchParams.get("host") ?? "";
const isDown = (url: string) =>
  query(url, "select 1").then(
    () => false,
    () => true,
  );

test("an embedded server keeps its data, listens on no port and leaves nothing but the data when it stops", async (t) => {
  const dataDir = await dataDirectory(t);
  const first = await startEmbeddedPostgres({ dataDir, log });
  const [row] = await query(
    first.url,
    `select current_setting('server_version_num')::int / 10000 as version, current_setting('listen_addresses') as listen,
       current_setting('fsync') as fsync, current_setting('server_encoding') as encoding, current_user as role,
       current_database() as database`,
  );
  const expected = { version: 18, listen: "", fsync: "on", encoding: "UTF8", role: "prebuildd", database: "prebuildd" };
  assert.deepEqual(row, expected);
  assert.equal((await stat(socketDirectoryOf(first.url))).mode & 0o777, 0o700);
  assert.equal((await stat(join(dataDir, "database.json"))).mode & 0o777, 0o600);
  await query(first.url, "create table kept as select 42 as answer");
  await Promise.all([first[Symbol.asyncDispose](), first[Symbol.asyncDispose]()]);
  await first[Symbol.asyncDispose]();
  assert.equal(existsSync(socketDirectoryOf(first.url)), false);
  assert.deepEqual(await readdir(dataDir), ["postgres"]);
  await using second = await startEmbeddedPostgres({ dataDir, log });
  assert.deepEqual(await query(second.url, "select answer from kept"), [{ answer: 42 }]);
});

test("a data directory in use is refused by naming the process, and commands use its server", async (t) => {
  const dataDir = await dataDirectory(t);
  assert.equal(await findEmbeddedUrl(dataDir), undefined);
  const { child, url } = await startProcess(t, dataDir);
  await assert.rejects(startEmbeddedPostgres({ dataDir, log }), (error) => {
    return (
      error instanceof ProblemError && error.kind === "conflict" && error.message.includes(`process ${child.pid};`)
    );
  });
  assert.equal(await findEmbeddedUrl(dataDir), url);
  {
    await using connected = await connectOrStartEmbedded({ dataDir, log });
    assert.equal(connected.url, url);
  }
  assert.equal(await findEmbeddedUrl(dataDir), url, "a command leaves the server running");
});

test("a command starts the server when none runs, for itself only", async (t) => {
  const dataDir = await dataDirectory(t);
  const command = await connectOrStartEmbedded({ dataDir, log });
  await query(command.url, "select 1");
  await command[Symbol.asyncDispose]();
  assert.equal(await findEmbeddedUrl(dataDir), undefined);
});

test("kill -9 of the process stops its server, and the next start has the data and removes the leftovers", async (t) => {
  const dataDir = await dataDirectory(t);
  const { child, url } = await startProcess(t, dataDir);
  await query(url, "create table kept as select 42 as answer");
  child.kill("SIGKILL");
  await once(child, "exit");
  await using next = await startEmbeddedPostgres({ dataDir, log });
  assert.deepEqual(await query(next.url, "select answer from kept"), [{ answer: 42 }]);
  assert.equal(await isDown(url), true);
  assert.equal(existsSync(socketDirectoryOf(url)), false);
});

test("kill -9 of the process alone is enough: nobody has to start again for the server to end", async (t) => {
  const dataDir = await dataDirectory(t);
  const { child, url } = await startProcess(t, dataDir);
  const postmaster = Number.parseInt(await readFile(join(dataDir, "postgres", "postmaster.pid"), "utf8"), 10);
  assert.ok(postmaster > 0);
  child.kill("SIGKILL");
  await waitFor("the server to stop", () => isDown(url));
  await waitFor("its lock to go", () => !existsSync(join(dataDir, "postgres", "postmaster.pid")));
});

test("kill -9 of the server itself loses nothing: the next start replays its log", async (t) => {
  const dataDir = await dataDirectory(t);
  const crashed = await startEmbeddedPostgres({ dataDir, log });
  await query(crashed.url, "create table kept as select 42 as answer");
  process.kill(Number.parseInt(await readFile(join(dataDir, "postgres", "postmaster.pid"), "utf8"), 10), "SIGKILL");
  await waitFor("the server's end", () => isDown(crashed.url));
  await crashed[Symbol.asyncDispose]();
  await using next = await startEmbeddedPostgres({ dataDir, log });
  assert.deepEqual(await query(next.url, "select answer from kept"), [{ answer: 42 }]);
});

test("files that crashed processes have left behind do not keep a server from starting", async (t) => {
  const dataDir = await dataDirectory(t);
  const abandoned = join(dataDir, "postgres.new-999999999-abc");
  await mkdir(abandoned, { recursive: true });
  await writeFile(join(abandoned, "PG_VERSION"), "18\n");
  await writeFile(join(dataDir, "database.json"), '{"url":');
  const first = await startEmbeddedPostgres({ dataDir, log });
  assert.equal(existsSync(abandoned), false);
  await first[Symbol.asyncDispose]();
  await writeFile(join(dataDir, "database.json"), JSON.stringify({ url: first.url, pid: process.pid }));
  const { uid, gid } = await stat(join(dataDir, "postgres"));
  const other = spawn("sleep", ["1000"], process.getuid?.() === 0 ? { uid, gid } : {});
  t.after(() => other.kill());
  await writeFile(join(dataDir, "postgres", "postmaster.pid"), `${other.pid}\n${join(dataDir, "postgres")}\n`);
  await using second = await startEmbeddedPostgres({ dataDir, log });
  await query(second.url, "select 1");
});

test("processes that start on one new data directory at once get one server, and the others a conflict", async (t) => {
  const dataDir = await dataDirectory(t);
  const results = await Promise.allSettled([1, 2, 3].map(() => startEmbeddedPostgres({ dataDir, log })));
  const servers = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  assert.equal(servers.length, 1);
  for (const result of results) {
    if (result.status === "rejected") assert.equal((result.reason as ProblemError).kind, "conflict", result.reason);
  }
  assert.deepEqual((await readdir(dataDir)).sort(), ["database.json", "postgres"]);
  await servers[0]?.[Symbol.asyncDispose]();
});

test("a server that cannot start fails with the end of its own log", async (t) => {
  const dataDir = await dataDirectory(t);
  await assert.rejects(startEmbeddedPostgres({ dataDir, log, settings: { max_connections: "plenty" } }), (error) => {
    return (
      error instanceof ProblemError &&
      error.kind === "unavailable" &&
      /invalid value.*max_connections/.test(error.message)
    );
  });
  assert.deepEqual(await readdir(dataDir), ["postgres"]);
});

test("a data directory with a path longer than any socket's may be works", async (t) => {
  const dataDir = join(await dataDirectory(t), ...Array.from({ length: 12 }, (_, i) => `a-long-directory-name-${i}`));
  assert.ok(dataDir.length > 200);
  await using server = await startEmbeddedPostgres({ dataDir, log });
  assert.deepEqual(await query(server.url, "select 1 as one"), [{ one: 1 }]);
});

test("root in a directory that only root may enter gets a server, with its data elsewhere", {
  skip: process.getuid?.() !== 0 && "only root can be kept out by nobody but itself: run the tests as root",
}, async (t) => {
  const closed = await mkdtemp(join(await fastDirectory(), "embedded-"));
  t.after(() => rm(closed, { recursive: true, force: true }));
  const lines: string[] = [];
  const dataDir = join(closed, "data");
  const options = { dataDir, log: createLogger("info", { write: (line: string) => void lines.push(line) }) };
  const first = await startEmbeddedPostgres(options);
  const elsewhere = (JSON.parse(lines[0] ?? "{}") as { path?: string }).path ?? "";
  t.after(() => rm(elsewhere, { recursive: true, force: true }));
  assert.match(elsewhere, /^\/var\/lib\/prebuildd\/.*embedded-.*-data-[0-9a-f]{8}$/);
  await query(first.url, "create table kept as select 42 as answer");
  await first[Symbol.asyncDispose]();
  await using second = await startEmbeddedPostgres(options);
  assert.deepEqual(await query(second.url, "select answer from kept"), [{ answer: 42 }]);
});
