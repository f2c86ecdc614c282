import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { it } from "node:test";
import { startProcess, temporaryDirectory } from "../support/daemon.ts";
import { createTestDatabase } from "../support/database.ts";

it("every wrong setting is named in one go, and the exit code says wrong use", async (t) => {
  const env = { PREBUILDD_LISTEN: "nowhere", PREBUILDD_PROVISIONERS: "many" };
  const daemon = await startProcess(t, ["run"], { env });
  assert.deepEqual(await daemon.exited(), { code: 2, signal: null });
  assert.match(daemon.text(), /PREBUILDD_LISTEN is "nowhere"/);
  assert.match(daemon.text(), /PREBUILDD_PROVISIONERS is "many"/);
});

it("a replica that runs builds only takes no apply file, and says how to apply it", async (t) => {
  const env = { DATABASE_URL: "postgresql://127.0.0.1:1/db" };
  const daemon = await startProcess(t, ["run", "--workers-only", "--apply", "prebuildd.yaml"], { env });
  assert.deepEqual(await daemon.exited(), { code: 2, signal: null });
  assert.match(daemon.text(), /^--apply cannot be given where PREBUILDD_WORKERS_ONLY is set; .*`prebuildd apply`$/m);
});

it("a database that cannot be reached is one clear sentence without the password", async (t) => {
  const daemon = await startProcess(t, ["run"], { env: { DATABASE_URL: "postgresql://me:secret@127.0.0.1:1/db" } });
  assert.deepEqual(await daemon.exited(), { code: 1, signal: null });
  assert.match(daemon.text(), /cannot connect to the database.*DATABASE_URL/);
  assert.doesNotMatch(daemon.text() + JSON.stringify(daemon.logs), /secret/);
});

it("a port that is in use is named, with how to choose another one", async (t) => {
  const { url } = await createTestDatabase(t);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address && typeof address === "object");
  const env = { DATABASE_URL: url, PREBUILDD_LISTEN: `127.0.0.1:${address.port}` };
  const daemon = await startProcess(t, ["run"], { env });
  assert.deepEqual(await daemon.exited(), { code: 1, signal: null });
  assert.match(daemon.text(), new RegExp(`127.0.0.1:${address.port} is already in use.*PREBUILDD_LISTEN=`));
});

it("a daemon does not start on a database that a newer version has migrated", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  await pool.query(
    "insert into prebuildd_migrations.migrations (hash, created_at) values ('from the future', 9999999999999)",
  );
  const daemon = await startProcess(t, ["run"], { env: { DATABASE_URL: url } });
  assert.deepEqual(await daemon.exited(), { code: 1, signal: null });
  assert.match(daemon.text(), /a newer version has been started on it/);
});

it("a malformed apply file is refused with its line before anything is begun", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const file = join(await temporaryDirectory(t), "bad.yaml");
  await writeFile(file, "templates:\n  - name: x\n    provisioner: magic\n");
  const daemon = await startProcess(t, ["run", "--apply", file], { env: { DATABASE_URL: url } });
  assert.deepEqual(await daemon.exited(), { code: 2, signal: null });
  assert.match(daemon.text(), /bad.yaml:3:18: templates\[0\].provisioner/);
  assert.deepEqual((await pool.query("select name from organizations")).rows, []);
});

it("a role that the organization does not have is refused with its line", async (t) => {
  const { url } = await createTestDatabase(t);
  const file = join(await temporaryDirectory(t), "bad.yaml");
  const membership = "    organizations: [{ name: default, roles: [organisation-admin] }]";
  await writeFile(file, `users:\n  - username: eve\n    email: eve@example.com\n${membership}\n`);
  const daemon = await startProcess(t, ["run", "--apply", file], { env: { DATABASE_URL: url } });
  assert.deepEqual(await daemon.exited(), { code: 1, signal: null });
  assert.match(daemon.text(), /bad.yaml:4:46: users\[0\].organizations\[0\].roles\[0\]: there is no such role/);
});

it("a template directory without a start executable is refused by name", async (t) => {
  const { url } = await createTestDatabase(t);
  const directory = await temporaryDirectory(t);
  const file = join(directory, "bad.yaml");
  await writeFile(join(directory, "README"), "no start here");
  await writeFile(file, "templates: [{ name: x, provisioner: command, source: ., presets: [] }]\n");
  const daemon = await startProcess(t, ["run", "--apply", file], { env: { DATABASE_URL: url } });
  assert.equal((await daemon.exited()).code === 0, false);
  assert.match(daemon.text(), /start/);
});
