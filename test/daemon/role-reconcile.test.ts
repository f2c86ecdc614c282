import assert from "node:assert/strict";
import { it } from "node:test";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { lockSystemRoles } from "../../src/organizations/system-role-store.ts";
import { type DaemonProcess, startProcess } from "../support/daemon.ts";
import { createTestDatabase } from "../support/database.ts";
import { waitFor } from "../support/wait-for.ts";

/** Where a daemon listens that is not ready yet. */
async function listeningAt(daemon: DaemonProcess): Promise<string> {
  return (await daemon.logged("listening on ")).msg.slice("listening on ".length);
}

it("a daemon does not start when a role cannot be written: it says whose, and is never ready", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const { rows } = await pool.query<{ id: string }>(
    "insert into organizations (name) values ('ours'), ('taken') returning id",
  );
  const id = rows[1]?.id;
  await pool.query("update custom_roles set name = 'mine' where organization_id = $1", [id]);
  await pool.query("insert into custom_roles (name, organization_id) values ('organization-member', $1)", [id]);
  const daemon = await startProcess(t, ["run"], { env: { DATABASE_URL: url } });
  const at = await listeningAt(daemon);
  const seen = new Set<number>();
  await waitFor("the daemon to end", async () => {
    const status = await fetch(`${at}/readyz`).then(
      (answer) => answer.status,
      () => undefined, // it has ended, or is about to
    );
    if (status !== undefined) seen.add(status);
    return daemon.child.exitCode !== null;
  });
  assert.deepEqual(await daemon.exited(), { code: 1, signal: null });
  assert.ok(!seen.has(200), `it was ready: ${[...seen]}`);
  const says =
    `error: the system role organization-member of organization taken (${id}) cannot be written: ` +
    "there is a role of that name which is not a system role; rename or delete it in custom_roles";
  assert.equal(daemon.text(), says);
  const { rows: filled } = await pool.query("select from custom_roles where org_permissions <> '[]'");
  assert.deepEqual(filled, [], "nothing is written");
});

it("while somebody holds the lock on the roles, daemons wait and are not ready; one that is told to stop does so at once", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const env = { DATABASE_URL: url, PREBUILDD_PROVISIONERS: "0" };
  const isWaiting = (count: number) => async () => {
    const { rowCount } = await pool.query(
      `select from pg_locks where locktype = 'advisory' and not granted and objid = 8
         and database = (select oid from pg_database where datname = current_database())`,
    );
    return rowCount === count;
  };
  const [patient] = await withTransaction(pool, BEGIN.readWrite, async (client) => {
    await lockSystemRoles(client);
    const daemons = await Promise.all([startProcess(t, ["run"], { env }), startProcess(t, ["run"], { env })]);
    const [, stopped] = daemons;
    await waitFor("both to wait for the lock", isWaiting(2), { timeoutMs: 30_000 });
    for (const daemon of daemons) {
      const answer = await fetch(`${await listeningAt(daemon)}/readyz`);
      const problems = ["starting: reconciling the organization roles"];
      assert.deepEqual([answer.status, await answer.json()], [503, { ok: false, problems }]);
    }
    const toldAt = performance.now();
    stopped.child.kill("SIGTERM");
    assert.deepEqual(await stopped.exited(), { code: 0, signal: null });
    assert.ok(performance.now() - toldAt < 5_000, "it has not waited for the lock");
    assert.deepEqual(
      stopped.logs.slice(-2).map(({ msg }) => msg),
      ["stopping", "stopped"],
    );
    assert.equal(stopped.text(), "", "stopping is no failure");
    return daemons;
  });
  const api = await patient.ready();
  assert.equal((await fetch(`${api}/readyz`)).status, 200);
});
