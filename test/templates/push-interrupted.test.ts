import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Driver, DriverContext } from "../../src/provisioner/driver.ts";
import { WORK } from "../../src/provisioner/queue.ts";
import { reapLostWork } from "../../src/provisioner/reaper.ts";
import { startTestServer, type TestServer } from "../http/server.ts";
import { givenDriver } from "../support/given.ts";
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
      context.signal.addEventListener("abort", () => resolve({ ok: false, error: "interrupted" }));
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
  it("that is canceled before anybody has begun it ends at once, and only once", async (t) => {
    const { server, held, job, cancel, versions } = await given(t);
    assert.deepEqual([(await cancel()).statusCode, (await cancel()).statusCode], [200, 409]);
    await givenPushWorker(t, server, held);
    await waitFor("the queue to be empty", async () => {
      return (await server.context.queue.missing(server.pool, WORK.build, [job.id])).length === 1;
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
    await waitFor("the worker to be done", () => worker.running === 0);
    const { rows } = await server.pool.query("select job_status from provisioner_jobs");
    assert.deepEqual([rows[0].job_status, await versions()], ["running", 0]);
    assert.deepEqual((await server.pool.query("select from audit_logs where resource_type = 'template'")).rows, []);
    assert.ok(job.id);
  });

  it("that vanished from the queue is put back and done", async (t) => {
    const { server, held, job } = await given(t);
    await server.pool.query("delete from pgboss.job");
    assert.deepEqual(await reapLostWork(server.context, { olderThanMs: -1_000 }), { builds: 1, readiness: 0 });
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
