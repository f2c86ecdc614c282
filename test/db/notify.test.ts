import assert from "node:assert/strict";
import { it } from "node:test";
import { listen } from "../../src/db/listen.ts";
import { refuseTransactionPooler } from "../../src/db/pooler.ts";
import { CHANNELS, createWake } from "../../src/wake.ts";
import { createTestDatabase } from "../support/database.ts";
import { silent } from "../support/given.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { waitFor } from "../support/wait-for.ts";

it("whoever listens is woken, and requests that come in a burst become a handful of notifications", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const heard: string[] = [];
  let subscribed = 0;
  await using listener = listen({
    url,
    channels: Object.values(CHANNELS),
    log: silent,
    onNotification: (channel, payload) => heard.push(`${channel} ${payload}`),
    onSubscribed: () => {
      subscribed += 1;
    },
  });
  await waitFor("the subscription", () => subscribed || undefined);
  assert.ok(listener.connected);
  const wake = createWake(pool, silent);
  for (let n = 0; n < 1_000; n += 1) wake.pools();
  wake.cancel("job 1");
  await waitFor("the cancellation", () => heard.includes(`${CHANNELS.cancel} job 1`) || undefined);
  const woken = heard.filter((line) => line.startsWith(CHANNELS.pools)).length;
  assert.ok(woken >= 1 && woken <= 3, `woken ${woken} times`);
});

it("a listener whose connection is cut subscribes again by itself, and says so", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  let subscribed = 0;
  await using _listener = listen({
    url,
    channels: ["something"],
    log: silent,
    onNotification: () => {},
    onSubscribed: () => {
      subscribed += 1;
    },
  });
  await waitFor("the subscription", () => subscribed === 1 || undefined);
  await pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'prebuildd listen' and datname = current_database()",
  );
  await waitFor("the next subscription", () => subscribed === 2 || undefined);
});

it("a direct connection is accepted for locks and notifications", async (t) => {
  const { url } = await createTestDatabase(t);
  await refuseTransactionPooler(url);
});

it("a transaction pooler is refused for locks and notifications, with the setting to use", async (t) => {
  const { url } = await createTestDatabase(t);
  const pooler = await startPgBouncer(t, url, "transaction");
  if (!pooler) return t.skip("pgbouncer is not installed");
  await assert.rejects(refuseTransactionPooler(pooler), /DATABASE_DIRECT_URL/);
});

it("a session pooler is accepted for locks and notifications", async (t) => {
  const { url } = await createTestDatabase(t);
  const pooler = await startPgBouncer(t, url, "session");
  if (!pooler) return t.skip("pgbouncer is not installed");
  await refuseTransactionPooler(pooler);
});
