import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { reportWorker } from "../../src/provisioner/daemon-store.ts";
import type { Driver, DriverContext } from "../../src/provisioner/driver.ts";
import { PRIORITY, WORK } from "../../src/provisioner/queue.ts";
import { reapLostWork } from "../../src/provisioner/reaper.ts";
import { startTestServer, type TestServer } from "../http/server.ts";
import { givenDriver, givenPool } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";
import { bodyOf, commandSource, ended, givenPushWorker, ORGANIZATION, push } from "./pushing.ts";

const COMMAND = { provisioner: "command" };
const found = { ok: true, presets: [{ name: "a" }], parameters: [] } as const;

/** A driver whose imports go on until the test, or the end of their signal, ends them. */
function heldDriver() {
  const begun: { readonly context: DriverContext; go(): void }[] = [];
  const importSource: Driver["importSource"] = (_, context) =>
    new Promise((resolve) => {
      begun.push({ context, go: () => resolve(found) });
      const interrupt = () => resolve({ ok: false, error: "interrupted" });
      // A worker that is being stopped tells at once whoever begins meanwhile.
      if (context.signal.aborted) interrupt();
      else context.signal.addEventListener("abort", interrupt);
    });
  return { drivers: { command: givenDriver({ importSource }) }, begun };
}

async function given(t: TestContext) {
  const server = await startTestServer(t);
  const held = heldDriver();
  const job = await push(server, "box", await bodyOf(await commandSource(t), COMMAND));
  const cancel = () => server.send("POST", `${ORGANIZATION}/provisionerjobs/${job.id}/cancel`, { as: server.admin });
  return { server, held, job, cancel, versions: () => versionsIn(server) };
}

async function versionsIn({ pool }: TestServer): Promise<number> {
  return (await pool.query("select from template_versions")).rows.length;
}

describe("an import", () => {
  it("is no work for those who only know builds", async (t) => {
    const { server, job } = await given(t);
    const { queue } = server.context;
    assert.deepEqual(await queue.take(WORK.build, 10), []);
    assert.deepEqual(
      (await queue.take(WORK.import, 10)).map(({ subjectId }) => subjectId),
      [job.id],
    );
  });

  it("runs while all places for builds are taken, and another one beside it", async (t) => {
    const { server, held, job } = await given(t);
    const gate = Promise.withResolvers<void>();
    t.after(() => gate.resolve());
    let builds = 0;
    const build: Driver["build"] = async () => {
      builds += 1;
      await gate.promise;
      return { ok: true, state: null, agents: [] };
    };
    const worker = await givenPushWorker(t, server, {
      drivers: { command: { ...held.drivers.command, build } },
      sourceOf: async () => "/nonexistent",
      concurrency: 1,
    });
    const begun = await waitFor("the import to begin", () => held.begun[0]);
    await givenPool(server.context, { desired: 2 });
    await runPass(server.context, begun.context.signal);
    worker.poke();
    await waitFor("a build to begin", () => builds === 1);
    assert.equal(worker.running, 1, "an import is no build");
    const next = await push(server, "box-2", await bodyOf(await commandSource(t), COMMAND));
    (await waitFor("the next import to begin", () => held.begun[1])).go();
    assert.equal((await ended(server, next)).job.status, "succeeded");
    begun.go();
    assert.equal((await ended(server, job)).job.status, "succeeded");
    assert.equal(builds, 1);
  });

  it("is not taken by a replica that runs no builds", async (t) => {
    const { server, held } = await given(t);
    const idle = await givenPushWorker(t, server, { ...held, concurrency: 0 });
    await idle.drain(1_000);
    assert.equal((await server.context.queue.take(WORK.import, 1)).length, 1);
    assert.equal(held.begun.length, 0);
  });

  it("that was canceled while it went from one worker to the next ends without a version", async (t) => {
    const { server, held, job, cancel, versions } = await given(t);
    const first = await givenPushWorker(t, server, held);
    await waitFor("the import to begin", () => held.begun.length > 0);
    await first.drain(0);
    assert.equal((await cancel()).statusCode, 200);
    assert.equal((await server.pool.query("select job_status from provisioner_jobs")).rows[0].job_status, "canceling");
    await givenPushWorker(t, server, held);
    assert.equal((await ended(server, job)).job.status, "canceled");
    assert.deepEqual([held.begun.length, await versions()], [1, 0]);
  });

  it("that is canceled stops although the notification of that is lost", async (t) => {
    const { server, held, job, cancel } = await given(t);
    await givenPushWorker(t, server, held);
    const { context } = await waitFor("the import to begin", () => held.begun[0]);
    await cancel();
    await waitFor("the driver to be told", () => context.signal.aborted);
    assert.equal((await ended(server, job)).job.status, "canceled");
  });

  it("that killed every worker that took it is given up", async (t) => {
    const { server, held, job } = await given(t);
    const { queue } = server.context;
    const [item] = await queue.take(WORK.import, 1);
    assert.ok(item);
    await queue.done(server.pool, WORK.import, item);
    await queue.add(server.pool, WORK.deadImport, [job.id], PRIORITY.person);
    assert.deepEqual(await queue.missing(server.pool, WORK.import, [job.id]), [], "the reaper leaves it alone");
    await givenPushWorker(t, server, held);
    assert.match((await ended(server, job)).job.error ?? "", /^given up after too many attempts/);
    assert.equal(held.begun.length, 0);
    assert.ok(server.logged.some(({ msg }) => msg === "import given up after too many attempts"));
  });

  it("that only another worker has a driver for is left to that one, and no attempt of it is used up", async (t) => {
    const { server, held, job } = await given(t);
    const able = { id: "00000000-0000-4000-8000-000000000001", hostname: "host", provisioners: ["command"] };
    await reportWorker(server.pool, able);
    const items = async () => {
      const { rows } = await server.pool.query(
        `select name, retry_count, start_after > now() as later from pgboss.job
         where state < 'completed' and data->>'subjectId' = $1`,
        [job.id],
      );
      return rows;
    };
    const unable = await givenPushWorker(t, server, { drivers: { terraform: givenDriver() } });
    await waitFor("the import to be left to others", async () => (await items())[0]?.later);
    assert.deepEqual(await items(), [{ name: WORK.import, retry_count: 0, later: true }]);
    await unable.drain(1_000);
    await givenPushWorker(t, server, held);
    (await waitFor("the import to begin", () => held.begun[0])).go();
    assert.equal((await ended(server, job)).job.status, "succeeded");
  });

  it("that is canceled before anybody has begun it ends at once, and only once", async (t) => {
    const { server, held, job, cancel, versions } = await given(t);
    assert.deepEqual([(await cancel()).statusCode, (await cancel()).statusCode], [200, 409]);
    await givenPushWorker(t, server, held);
    await waitFor("the queue to be empty", async () => {
      return (await server.context.queue.missing(server.pool, WORK.import, [job.id])).length === 1;
    });
    assert.equal((await ended(server, job)).job.status, "canceled");
    assert.deepEqual([held.begun.length, await versions()], [0, 0]);
  });

  it("that is canceled while it runs makes no version, although its source could be read", async (t) => {
    const { server, held, job, cancel, versions } = await given(t);
    const worker = await givenPushWorker(t, server, held);
    await waitFor("the import to begin", () => held.begun.length > 0);
    assert.equal((await cancel()).statusCode, 200);
    worker.cancel(job.id);
    held.begun[0]?.go();
    const { job: after, lines } = await ended(server, job);
    assert.deepEqual([after.status, after.error, lines], ["canceled", null, []]);
    assert.equal(await versions(), 0);
  });

  it("is gone on with by another worker when its own one is stopped", async (t) => {
    const { server, held, job, versions } = await given(t);
    const first = await givenPushWorker(t, server, held);
    await waitFor("the import to begin", () => held.begun.length > 0);
    await first.drain(0);
    assert.equal((await server.pool.query("select worker_id from provisioner_jobs")).rows[0].worker_id, null);
    await givenPushWorker(t, server, held);
    (await waitFor("the import to begin again", () => held.begun[1])).go();
    assert.equal((await ended(server, job)).job.status, "succeeded");
    assert.equal(await versions(), 1);
  });

  it("that another worker has taken over is left to that one, with its version", async (t) => {
    const { server, held, job, versions } = await given(t);
    const worker = await givenPushWorker(t, server, held);
    await waitFor("the import to begin", () => held.begun.length > 0);
    await server.pool.query("update provisioner_jobs set worker_id = gen_random_uuid()");
    held.begun[0]?.go();
    await worker.drain(10_000);
    const { rows } = await server.pool.query("select job_status from provisioner_jobs");
    assert.deepEqual([rows[0].job_status, await versions()], ["running", 0]);
    assert.deepEqual((await server.pool.query("select from audit_logs where resource_type = 'template'")).rows, []);
    assert.ok(job.id);
  });

  it("that vanished from the queue is put back and done", async (t) => {
    const { server, held, job } = await given(t);
    await server.pool.query("delete from pgboss.job");
    const put = await reapLostWork(server.context, { olderThanMs: -1_000 });
    assert.deepEqual(put, { builds: 0, imports: 1, readiness: 0 });
    await givenPushWorker(t, server, held);
    (await waitFor("the import to begin", () => held.begun[0])).go();
    assert.equal((await ended(server, job)).job.status, "succeeded");
  });

  it("is written down once more when the database is away at its end", async (t) => {
    const { server, held, job, versions } = await given(t);
    await givenPushWorker(t, server, held);
    const begun = await waitFor("the import to begin", () => held.begun[0]);
    await server.pool.query("alter table template_versions rename to away");
    begun.go();
    await waitFor("the first failure", () =>
      server.logged.some(({ msg }) => String(msg).includes("could not be stored")),
    );
    await server.pool.query("alter table away rename to template_versions");
    assert.equal((await ended(server, job)).job.status, "succeeded");
    assert.equal(await versions(), 1);
  });
});
