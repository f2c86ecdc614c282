import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Context } from "../../src/context.ts";
import { forgetWorker, readLiveProvisioners, reportWorker } from "../../src/provisioner/daemon-store.ts";
import { count, givenContext, givenDriver, givenWorker } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

// Far from the time that the database has: the workers' own clock must not matter.
const clock = { now: () => new Date("2024-01-01T08:00:00Z") };

type Row = { readonly id: string; readonly started_at: Date; readonly last_seen_at: Date };

async function readWorkers({ pool }: Pick<Context, "pool">): Promise<Row[]> {
  return (await pool.query<Row>("select id, started_at, last_seen_at from provisioner_daemons")).rows;
}

/** As if a worker had said nothing for so long, e.g. "59 seconds". */
async function silent({ pool }: Pick<Context, "pool">, id: string, interval: string): Promise<void> {
  await pool.query("update provisioner_daemons set last_seen_at = now() - $2::interval where id = $1", [id, interval]);
}

/** Waits until a worker has registered. */
const registered = (context: Pick<Context, "pool">) =>
  waitFor("the worker to register", async () => (await readWorkers(context))[0], { timeoutMs: 5_000 });

// Together, because a worker reports only every quarter of a minute.
describe("the workers of the deployment", { concurrency: true }, () => {
  it("LIF-17: one registers with its host and the provisioners that it has drivers for, and signs off when it is drained", async (t) => {
    const context = await givenContext(t, { clock });
    const worker = givenWorker(t, context, { drivers: { command: givenDriver(), terraform: givenDriver() } });
    await registered(context);
    const { rows } = await context.pool.query(
      `select hostname <> '' as named, provisioners, started_at = last_seen_at as fresh,
         last_seen_at between now() - interval '1 minute' and now() as now from provisioner_daemons`,
    );
    assert.deepEqual(rows, [{ named: true, provisioners: ["command", "terraform"], fresh: true, now: true }]);
    assert.deepEqual(await readLiveProvisioners(context.pool), new Set(["command", "terraform"]));
    await worker.drain(5_000);
    assert.deepEqual(await readWorkers(context), []);
    assert.deepEqual(await readLiveProvisioners(context.pool), new Set());
  });

  it("one keeps reporting, under the same id and with the time at which it started", async (t) => {
    const context = await givenContext(t, { clock });
    givenWorker(t, context);
    const first = await registered(context);
    const again = await waitFor(
      "the worker to report again",
      async () => (await readWorkers(context)).find((row) => row.last_seen_at > first.last_seen_at),
      { timeoutMs: 30_000 },
    );
    assert.deepEqual(again, { ...first, last_seen_at: again.last_seen_at });
    assert.equal((await readWorkers(context)).length, 1);
  });

  it("LIF-17: one that was killed counts for a minute, and is forgotten when another one signs off much later", async (t) => {
    const context = await givenContext(t);
    const self = { id: "00000000-0000-4000-8000-000000000001", hostname: "host", provisioners: ["command"] };
    await reportWorker(context.pool, self);
    const other = { ...self, id: "00000000-0000-4000-8000-000000000002", provisioners: ["other"] };
    await reportWorker(context.pool, other);
    await silent(context, self.id, "45 seconds");
    assert.deepEqual(await readLiveProvisioners(context.pool), new Set(["command", "other"]));
    await silent(context, self.id, "60 seconds");
    assert.deepEqual(await readLiveProvisioners(context.pool), new Set(["other"]));
    assert.equal((await readWorkers(context)).length, 2);
    await forgetWorker(context.pool, other.id);
    assert.deepEqual(
      (await readWorkers(context)).map(({ id }) => id),
      [self.id],
    );
    await silent(context, self.id, "7 days");
    await forgetWorker(context.pool, other.id);
    assert.deepEqual(await readWorkers(context), []);
  });

  it("several have a row each, and what one has is there as long as any has it", async (t) => {
    const context = await givenContext(t, { clock });
    const workers = Array.from({ length: 3 }, () => givenWorker(t, context));
    await waitFor("all to register", async () => (await readWorkers(context)).length === 3);
    for (const worker of workers.slice(1)) await worker.drain(5_000);
    assert.equal((await readWorkers(context)).length, 1);
    assert.deepEqual(await readLiveProvisioners(context.pool), new Set(["command"]));
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
