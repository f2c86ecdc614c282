import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { readConfig } from "../../src/config.ts";
import type { Context } from "../../src/context.ts";
import { startDaemon } from "../../src/daemon.ts";
import { openPool } from "../../src/db/connection.ts";
import { listen } from "../../src/db/listen.ts";
import { createLogger } from "../../src/log.ts";
import { type Loop, startLoop } from "../../src/loop.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { CHANNELS } from "../../src/wake.ts";
import { temporaryDirectory } from "../support/daemon.ts";
import { count, givenContext, givenPool, silent } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { givenSibling } from "../support/given-presets.ts";
import { waitFor } from "../support/wait-for.ts";

// Table TV-5 of the specification from 133 on: how passes are run. Ours runs one at once and after every change, has
// nothing to register in a place that others share, and works on four pools at a time.

const HOUR = 3_600_000;
const WAITING_FOR_LOCKS = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
const never = new AbortController().signal;

type Line = { readonly level: string; readonly msg: string; readonly ms?: number; readonly touched?: number };

/** A log and what has been written to it. */
function recording(): { log: Context["log"]; lines: Line[]; problems(): Line[] } {
  const lines: Line[] = [];
  const log = createLogger("debug", { write: (line) => void lines.push(JSON.parse(line)) });
  return { log, lines, problems: () => lines.filter(({ level }) => ["warn", "error", "fatal"].includes(level)) };
}

describe("the loop of passes", () => {
  /** Two pools of one version: four prebuilds of the first are being started, the second lacks all of its ten. */
  async function givenPools(context: Context) {
    const pool = await givenPool(context, { desired: 4 });
    for (let index = 0; index < 4; index += 1) await givenPrebuild(context, pool, { status: "running" });
    await givenSibling(context, pool, { name: "large", desired: 10 });
    return { addPool: () => givenSibling(context, pool, { name: "medium", desired: 5 }) };
  }

  const start = (context: Context, intervalMs: number): Loop =>
    startLoop({
      name: "the pass over the pools",
      intervalMs,
      log: context.log,
      work: async (signal) => void (await runPass(context, signal)),
    });

  const madeAre = (context: Context, wanted: number) =>
    waitFor(`${wanted} prebuilds to be made`, async () => {
      const made = (await count(context, "workspaces")) - 4;
      assert.ok(made <= wanted, `${made} were made`);
      return made === wanted || undefined;
    });

  it("133 (ours) makes what is missing at once, and again when it is told of a new pool, and stops without an error", async (t) => {
    const { log, problems } = recording();
    const context = { ...(await givenContext(t)), log };
    const { addPool } = await givenPools(context);
    await using loop = start(context, HOUR);
    await madeAre(context, 10);

    await using listener = listen({
      url: context.url,
      channels: [CHANNELS.pools],
      log,
      onNotification: loop.poke,
      onSubscribed: () => {},
    });
    await waitFor("the listener", () => listener.connected || undefined);
    await addPool();
    context.wake.pools();
    await madeAre(context, 15);

    await context.pool.query("update template_version_presets set desired_instances = 6 where name = 'medium'");
    const other = await context.pool.connect();
    t.after(() => other.release(true));
    await other.query("begin; select from template_version_presets for no key update");
    loop.poke();
    await waitFor("a pass to be in the middle of an action", async () => {
      return (await count(context, WAITING_FOR_LOCKS)) > 0 || undefined;
    });
    const stopped = loop[Symbol.asyncDispose]();
    await other.query("rollback");
    await stopped;
    assert.deepEqual(problems(), []);
    assert.equal(await count(context, "workspaces"), 20, "what had begun is done");
  });

  it("133b (ours) finds a new pool that nobody tells it of when the interval is over", async (t) => {
    const context = await givenContext(t);
    const { addPool } = await givenPools(context);
    await using _loop = start(context, 50);
    await madeAre(context, 10);
    await addPool();
    await madeAre(context, 15);
  });
});

describe("a daemon", () => {
  async function givenConfig(t: TestContext, url: string) {
    const dataDir = await temporaryDirectory(t);
    const env = { DATABASE_URL: url, PREBUILDD_LISTEN: "127.0.0.1:0", PREBUILDD_PROVISIONERS: "0" };
    return readConfig({ ...env, PREBUILDD_DATA_DIR: dataDir });
  }

  const scrape = async (url: string) => (await fetch(`${url}/metrics`)).text();
  const sample = (body: string, name: string) =>
    Number(body.split("\n").flatMap((line) => (line.startsWith(`${name} `) ? line.slice(name.length) : []))[0]);
  const DURATION = "coderd_prebuilds_reconciliation_duration_seconds";

  it("134 (ours) that never ran a pass stops cleanly, and so does the next one in the same process", async (t) => {
    const { url, pool } = await givenContext(t);
    const config = await givenConfig(t, url);
    const leader = await pool.connect();
    t.after(() => leader.release(true));
    await leader.query("select pg_advisory_lock(hashtextextended('prebuildd:leader', 0))");
    for (let start = 1; start <= 2; start += 1) {
      const { log, problems } = recording();
      await using daemon = await startDaemon(config, { log });
      const body = await scrape(daemon.url);
      assert.deepEqual([sample(body, "prebuildd_leader"), sample(body, `${DURATION}_count`)], [0, 0]);
      await daemon[Symbol.asyncDispose]();
      assert.deepEqual(problems(), []);
    }
  });

  it("136 (ours) tells log and metrics of each pass what it did and how long it took", async (t) => {
    const context = await givenContext(t);
    await givenPool(context, { desired: 3 });
    const { log, lines } = recording();
    const startedAt = performance.now();
    await using daemon = await startDaemon(await givenConfig(t, context.url), { log });
    const passes = () => lines.filter(({ msg }) => msg.startsWith("pass over 1 pools: "));
    await waitFor("the pass that fills the pool", () => passes().find(({ touched }) => touched === 3));
    const body = await scrape(daemon.url);
    const elapsedMs = performance.now() - startedAt;

    const told = passes().slice(0, sample(body, `${DURATION}_count`));
    assert.ok(told.length > 0);
    assert.deepEqual(
      told.flatMap(({ touched }) => touched ?? []),
      [3],
      "the others had nothing to do",
    );
    const toldMs = told.reduce((sum, { ms = Number.NaN }) => sum + ms, 0);
    const measuredMs = sample(body, `${DURATION}_sum`) * 1_000;
    assert.ok(measuredMs > 0 && measuredMs < Math.min(elapsedMs, 5_000), `${measuredMs} of ${elapsedMs} ms`);
    assert.ok(Math.abs(toldMs - measuredMs) < 100, `the log says ${toldMs} ms, the metrics ${measuredMs} ms`);
    assert.equal(sample(body, 'prebuildd_passes_total{result="ok"}'), told.length);
    assert.equal(sample(body, 'prebuildd_actions_total{kind="create",reason="below_target"}'), 3);
  });
});

describe("a pass", () => {
  /** Counts the transactions that have been asked for and have not ended, and the most there ever were at once. */
  function counting(pool: Context["pool"]): { pool: Context["pool"]; most(): number } {
    const [connect, query] = [pool.connect.bind(pool), pool.query.bind(pool)];
    let open = 0;
    let most = 0;
    const counted = async () => {
      open += 1;
      most = Math.max(most, open);
      const client = await connect();
      const release = client.release.bind(client);
      client.release = (broken) => {
        open -= 1;
        release(broken);
      };
      return client;
    };
    return { pool: Object.assign(Object.create(pool), { connect: counted, query }), most: () => most };
  }

  it("137 (ours) works on two of twenty pools at a time, whatever the size of the connection pool", async (t) => {
    const context = await givenContext(t);
    const pool = await givenPool(context);
    for (let index = 1; index < 20; index += 1) await givenSibling(context, pool, { name: `${index}`, desired: 1 });
    for (const [round, max] of [1, 2, 4, 10, 30, 100].entries()) {
      await t.test(`${max} connections`, async (tt) => {
        await context.pool.query("update template_version_presets set desired_instances = $1", [round + 1]);
        const connections = openPool(context.url, silent, { max });
        tt.after(() => connections.end());
        const counted = counting(connections);
        const { results, failures } = await runPass({ ...context, pool: counted.pool }, never);
        assert.deepEqual([results.length, failures, counted.most()], [20, 0, 2]);
        assert.equal(await count(context, "workspaces"), 20 * (round + 1));
      });
    }
  });
});
