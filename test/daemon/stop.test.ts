import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { givenCommandPool } from "../support/command-pool.ts";
import { startProcess } from "../support/daemon.ts";
import { createDatabaseWithQueues } from "../support/database.ts";
import { waitFor } from "../support/wait-for.ts";

/** Three daemons start at once, on a machine that may have more to do. */
const PATIENT = { timeoutMs: 60_000 };

// Each has a daemon and a database of its own, and waits most of the time.
describe("stopping", { concurrency: 3 }, () => {
  it("a daemon that is told to stop ends by itself with exit code 0, and none of its connections is left", async (t) => {
    const { url, pool } = await createDatabaseWithQueues(t);
    const daemon = await startProcess(t, ["run"], { env: { DATABASE_URL: url } });
    const { hostname, port } = new URL(await daemon.ready());
    // Browsers open connections ahead of what they ask, and nobody is to be waited for who sends half a request.
    for (const sent of ["", "GET / HTTP/1.1\r\nhost:"]) {
      const socket = connect(Number(port), hostname).on("error", () => {});
      t.after(() => socket.destroy());
      await new Promise<void>((done) => socket.write(sent, () => done()));
    }
    daemon.child.kill("SIGTERM");
    assert.deepEqual(await daemon.exited(), { code: 0, signal: null });
    const { rows } = await pool.query(
      "select application_name from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
    assert.deepEqual(rows, []);
  });

  it("a daemon that is told to stop lets a running build end within the timeout", async (t) => {
    const { url, pool } = await createDatabaseWithQueues(t);
    const template = await givenCommandPool(t, pool, {
      start: "echo begun > $TEST_DIR/begun; while [ ! -e $TEST_DIR/go ]; do sleep 0.05; done",
    });
    const daemon = await startProcess(t, ["run"], { env: { DATABASE_URL: url } });
    await waitFor("the build to run", () => existsSync(`${template.testDir}/begun`) || undefined, PATIENT);
    daemon.child.kill("SIGTERM");
    await daemon.logged("stopping");
    await template.touch("go");
    assert.deepEqual(await daemon.exited(), { code: 0, signal: null });
    const { rows } = await pool.query("select job_status from provisioner_jobs");
    assert.deepEqual(rows, [{ job_status: "succeeded" }]);
  });

  it("a build that does not end in time is handed back: its processes are gone and its job waits for the next worker", async (t) => {
    const { url, pool } = await createDatabaseWithQueues(t);
    const template = await givenCommandPool(t, pool, {
      start: "echo half > $PREBUILDD_STATE_FILE; echo $$ > $TEST_DIR/pid; touch $TEST_DIR/begun; sleep 600 & wait",
    });
    const env = { DATABASE_URL: url, PREBUILDD_SHUTDOWN_TIMEOUT: "2s" };
    const daemon = await startProcess(t, ["run"], { env });
    await waitFor("the build to run", () => existsSync(`${template.testDir}/begun`) || undefined, PATIENT);
    const pid = (await readFile(`${template.testDir}/pid`, "utf8")).trim();
    daemon.child.kill("SIGTERM");
    assert.deepEqual(await daemon.exited(), { code: 0, signal: null });
    assert.ok(!existsSync(`/proc/${pid}/cwd`), "the executable is gone");
    const { rows } = await pool.query(
      `select j.job_status, j.worker_id, convert_from(b.provisioner_state, 'UTF8') as state
       from provisioner_jobs j join workspace_builds b on b.job_id = j.id`,
    );
    assert.deepEqual(
      rows,
      [{ job_status: "running", worker_id: null, state: "half\n" }],
      "begun, waiting, with its state",
    );

    await template.write("start", 'cp "$PREBUILDD_STATE_FILE" "$TEST_DIR/state-of-the-second"');
    const next = await startProcess(t, ["run"], { env });
    await next.logged("build succeeded");
    assert.equal(await readFile(`${template.testDir}/state-of-the-second`, "utf8"), "half\n");
  });

  it("a second signal ends a daemon that is stopping at once", async (t) => {
    const { url, pool } = await createDatabaseWithQueues(t);
    const template = await givenCommandPool(t, pool, { start: "touch $TEST_DIR/begun; sleep 600" });
    const daemon = await startProcess(t, ["run"], { env: { DATABASE_URL: url } });
    await waitFor("the build to run", () => existsSync(`${template.testDir}/begun`) || undefined, PATIENT);
    daemon.child.kill("SIGTERM");
    await daemon.logged("stopping");
    // Signals that come as fast as a terminal and npm pass on the same Ctrl-C count as one.
    await waitFor("it to end", () => !daemon.child.kill("SIGTERM") || daemon.child.exitCode !== null || undefined);
    assert.deepEqual(await daemon.exited(), { code: 1, signal: null });
  });

  it("when a worker is killed in the middle of a build, another one finishes it and nothing of the first is left", async (t) => {
    const { url, pool } = await createDatabaseWithQueues(t);
    const template = await givenCommandPool(t, pool, {
      start:
        'pwd >> $TEST_DIR/scratch; echo $$ >> $TEST_DIR/pids; mkdir -p "$TEST_DIR/workspaces/$PREBUILDD_WORKSPACE_ID"; [ $(wc -l < $TEST_DIR/pids) -gt 1 ] || sleep 600',
    });
    const env = { DATABASE_URL: url, PREBUILDD_PROVISIONERS: "1" };
    const first = await startProcess(t, ["run"], { env });
    await waitFor("the build to run", () => existsSync(`${template.testDir}/pids`) || undefined, PATIENT);
    const second = await startProcess(t, ["run"], { env });
    await second.ready();
    first.child.kill("SIGKILL");
    await first.exited();
    // As if the time had passed after which a silent worker has lost its work.
    await pool.query("update pgboss.job set heartbeat_on = heartbeat_on - interval '1 minute' where state = 'active'");
    await second.logged("build succeeded", { timeoutMs: 60_000 });
    const pids = (await readFile(`${template.testDir}/pids`, "utf8")).trim().split("\n");
    assert.equal(pids.length, 2);
    await waitFor("the first worker's executable to be gone", () => !existsSync(`/proc/${pids[0]}/cwd`) || undefined);
    const scratch = (await readFile(`${template.testDir}/scratch`, "utf8")).trim().split("\n");
    await waitFor("both scratch directories to be gone", () => !scratch.some((path) => existsSync(path)) || undefined);
    const { rows } = await pool.query<{ id: string }>("select id from workspaces where not deleted");
    assert.deepEqual(
      await readdir(`${template.testDir}/workspaces`),
      rows.map((row) => row.id),
      "each directory has its workspace",
    );
  });
});
