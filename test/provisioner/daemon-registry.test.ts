import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Context } from "../../src/context.ts";
import { forgetWorker, readLiveProvisioners, reportWorker } from "../../src/provisioner/daemon-store.ts";
import { count, givenContext, givenDriver, givenWorker } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

const START = new Date("2024-01-01T08:00:00Z");
const MINUTE = 60_000;
const after = (ms: number) => new Date(START.getTime() + ms);

type Row = { readonly id: string; readonly started_at: Date; readonly last_seen_at: Date };

async function readWorkers({ pool }: Pick<Context, "pool">): Promise<Row[]> {
  return (await pool.query<Row>("select id, started_at, last_seen_at from provisioner_daemons")).rows;
}

/** Waits until a worker has registered. */
const registered = (context: Pick<Context, "pool">) =>
  waitFor("the worker to register", async () => (await readWorkers(context))[0], { timeoutMs: 5_000 });

// Together, because a worker reports only every quarter of a minute.
describe("the workers of the deployment", { concurrency: true }, () => {
  it("LIF-17: one registers with its host and the provisioners that it has drivers for, and signs off when it is drained", async (t) => {
    const context = await givenContext(t, { clock: { now: () => START } });
    const worker = givenWorker(t, context, { drivers: { command: givenDriver(), terraform: givenDriver() } });
    await registered(context);
    const { rows } = await context.pool.query(
      "select hostname <> '' as named, provisioners, started_at, last_seen_at from provisioner_daemons",
    );
    const seen = { started_at: START, last_seen_at: START };
    assert.deepEqual(rows, [{ named: true, provisioners: ["command", "terraform"], ...seen }]);
    assert.deepEqual(await readLiveProvisioners(context.pool, START), new Set(["command", "terraform"]));
    await worker.drain(5_000);
    assert.deepEqual(await readWorkers(context), []);
    assert.deepEqual(await readLiveProvisioners(context.pool, START), new Set());
  });

  it("one keeps reporting, under the same id and with the time at which it started", async (t) => {
    let now = START;
    const context = await givenContext(t, { clock: { now: () => now } });
    givenWorker(t, context);
    const { id } = await registered(context);
    now = after(10 * MINUTE);
    const again = await waitFor(
      "the worker to report again",
      async () => (await readWorkers(context)).find((row) => row.last_seen_at > START),
      { timeoutMs: 30_000 },
    );
    assert.deepEqual(again, { id, started_at: START, last_seen_at: now });
    assert.equal((await readWorkers(context)).length, 1);
  });

  it("LIF-17: one that was killed counts for a minute, and is forgotten when another one signs off much later", async (t) => {
    const context = await givenContext(t);
    const self = { id: "00000000-0000-4000-8000-000000000001", hostname: "host", provisioners: ["command"] };
    await reportWorker(context.pool, self, START);
    const other = { ...self, id: "00000000-0000-4000-8000-000000000002", provisioners: ["other"] };
    await reportWorker(context.pool, other, START);
    await reportWorker(context.pool, other, after(MINUTE));
    assert.deepEqual(await readLiveProvisioners(context.pool, after(MINUTE - 1)), new Set(["command", "other"]));
    assert.deepEqual(await readLiveProvisioners(context.pool, after(MINUTE)), new Set(["other"]));
    assert.equal((await readWorkers(context)).length, 2);
    await forgetWorker(context.pool, other.id, after(MINUTE));
    assert.deepEqual(
      (await readWorkers(context)).map(({ id }) => id),
      [self.id],
    );
    await forgetWorker(context.pool, other.id, after(7 * 24 * 60 * MINUTE));
    assert.deepEqual(await readWorkers(context), []);
  });

  it("several have a row each, and what one has is there as long as any has it", async (t) => {
    const context = await givenContext(t, { clock: { now: () => START } });
    const workers = Array.from({ length: 3 }, () => givenWorker(t, context));
    await waitFor("all to register", async () => (await readWorkers(context)).length === 3);
    for (const worker of workers.slice(1)) await worker.drain(5_000);
    assert.equal((await readWorkers(context)).length, 1);
    assert.deepEqual(await readLiveProvisioners(context.pool, START), new Set(["command"]));
  });

  it("one that runs no builds does not register, for builds would wait for it in vain", async (t) => {
    const context = await givenContext(t);
    const idle = givenWorker(t, context, { concurrency: 0 });
    givenWorker(t, context);
    await registered(context);
    assert.equal(await count(context, "provisioner_daemons"), 1);
    await idle.drain(5_000);
    assert.equal(await count(context, "provisioner_daemons"), 1, "and the other one is not signed off with it");
  });
});
