import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type pg from "pg";
import type { Context } from "../../src/context.ts";
import { openPool } from "../../src/db/connection.ts";
import { competeForLeadership, type Leadership } from "../../src/db/leadership.ts";
import { startLoop } from "../../src/loop.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import type { Worker } from "../../src/provisioner/worker.ts";
import { asking } from "../support/asking.ts";
import { count, type GivenPool, givenContext, givenPool, givenWorker, settled, silent } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

const PREBUILDS = "workspaces where owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0' and not deleted";
const WAITING = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
const LEADER =
  "select pid from pg_stat_activity where datname = current_database() and application_name = 'prebuildd leader'";
const SIZES = [6, 4, 3];
const CLAIMS = 2;

/** A replica that keeps the pools whenever it leads; it has connections of its own, as every replica has. */
function startReplica(t: TestContext, context: Context & { readonly url: string }, worker: Worker): Leadership {
  const pool = openPool(context.url, silent);
  const work = async (signal: AbortSignal): Promise<void> => {
    await runPass({ ...context, pool }, signal);
    worker.poke();
  };
  const replica = competeForLeadership({
    url: context.url,
    lockName: "prebuildd:leader",
    log: silent,
    async lead(signal) {
      await using _passes = startLoop({
        name: "the pass",
        intervalMs: 50,
        spacingMs: { least: 25, most: 100 },
        log: silent,
        work,
      });
      if (!signal.aborted) await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
    },
  });
  t.after(async () => {
    await replica[Symbol.asyncDispose]();
    await pool.end();
  });
  return replica;
}

/** Kills the session that holds the leader's lock. */
async function killLeader({ pool }: Context): Promise<void> {
  const { rows } = await pool.query(
    `select pg_terminate_backend(l.pid) from pg_locks l
     where l.locktype = 'advisory' and l.granted and l.pid in (${LEADER})`,
  );
  assert.equal(rows.length, 1, "one replica leads");
}

/** How many pools a pass works on at a time. */
const AT_ONCE = 2;

/** Makes every creation wait as long as it is in use. */
async function holdPools({ pool }: Context, pools: readonly GivenPool[]): Promise<AsyncDisposable> {
  const client: pg.PoolClient = await pool.connect();
  await client.query("begin");
  await client.query("select from template_version_presets where id = any($1) order by id for no key update", [
    pools.map(({ presetId }) => presetId),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      await client.query("commit");
      client.release();
    },
  };
}

const waitingFor = async (context: Context, sessions: number): Promise<boolean> =>
  (await count(context, WAITING)) >= sessions;

/** Kills the sessions whose creations wait, and returns how many they were. */
async function killWaiting({ pool }: Context): Promise<number> {
  const { rows } = await pool.query(`select pg_terminate_backend(pid) from ${WAITING}`);
  return rows.length;
}

async function filled(context: Context, pools: readonly GivenPool[]): Promise<void> {
  await waitFor("the pools to be full", async () => {
    const members = await Promise.all(
      pools.map(({ presetId }) => count(context, `${PREBUILDS} and preset_id = $1`, [presetId])),
    );
    return members.every((size, index) => size === SIZES[index]) || undefined;
  });
  await settled(context);
}

it("when leaders die in the middle of their passes, and the next ones begin theirs, no pool ever gets one prebuild too many", async (t) => {
  const context = await givenContext(t);
  const pools: GivenPool[] = [];
  for (const desired of SIZES) pools.push(await givenPool(context, { desired }));
  const worker = givenWorker(t, context);
  const replicas = [startReplica(t, context, worker), startReplica(t, context, worker)];
  await filled(context, pools);

  let claimed = 0;
  for (let round = 0; round < 4; round += 1) {
    {
      await using _held = await holdPools(context, pools);
      for (const pool of pools) {
        const ask = await asking(context, pool);
        for (let claim = 0; claim < CLAIMS; claim += 1) claimed += Number((await ask()).claimed);
      }
      await waitFor("the leader to wait in the middle of its pass", () => waitingFor(context, 1));
      const old = replicas.findIndex(({ isLeader }) => isLeader);
      await killLeader(context);
      const killed = round % 2 === 1 ? await killWaiting(context) : 0;
      await waitFor("the other replica to lead", () => replicas.some(({ isLeader }, at) => isLeader && at !== old));
      // The old leader's pass goes on where it was; that of the next one wants the same creations and more.
      await waitFor("the next leader to wait, too", () => waitingFor(context, AT_ONCE + (killed > 0 ? 0 : 1)));
    }
    await filled(context, pools);
  }

  const wanted = SIZES.reduce((sum, size) => sum + size, 0);
  assert.equal(claimed, 4 * CLAIMS * pools.length);
  assert.equal(await count(context, "workspaces where created_as_prebuild"), wanted + claimed, "none too many, ever");
  assert.equal(await count(context, "workspace_builds where transition <> 'start'"), 0, "so none had to be deleted");
  assert.equal(await count(context, `(select distinct name from ${PREBUILDS}) names`), wanted);
  assert.equal(await count(context, `${PREBUILDS} and agents_ready`), wanted, "and every one of them was built");
});
