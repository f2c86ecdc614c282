import assert from "node:assert/strict";
import { it } from "node:test";
import { startProcess } from "../support/daemon.ts";
import { createTestDatabase } from "../support/database.ts";
import { waitFor } from "../support/wait-for.ts";

it("a pass that hangs for three intervals turns the liveness probe red, and green again when it has ended", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const env = { DATABASE_URL: url, PREBUILDD_RECONCILIATION_INTERVAL: "300ms", PREBUILDD_PROVISIONERS: "0" };
  const daemon = await startProcess(t, ["run"], { env });
  const api = await daemon.ready();
  const live = async () => (await fetch(`${api}/healthz`)).status;
  await daemon.logged("this replica leads now");
  assert.equal(await live(), 200);

  const client = await pool.connect();
  await client.query("begin; lock table template_version_presets in access exclusive mode");
  await waitFor("the probe to turn red", async () => (await live()) === 503 || undefined);
  const body = await (await fetch(`${api}/healthz`)).text();
  assert.match(body, /the pass over the pools has not ended a run/);
  await client.query("rollback");
  client.release();
  await waitFor("the probe to turn green", async () => (await live()) === 200 || undefined);
});

it("metrics and probes have a port of their own where one is set", async (t) => {
  const { url } = await createTestDatabase(t);
  const env = { DATABASE_URL: url, PREBUILDD_PROVISIONERS: "0", PREBUILDD_METRICS_LISTEN: "127.0.0.1:0" };
  const daemon = await startProcess(t, ["run"], { env });
  const api = await daemon.ready();
  const listening = daemon.logs.filter((line) => line.msg.startsWith("listening on "));
  assert.equal(listening.length, 2);
  const metrics = listening.map((line) => line.msg.slice("listening on ".length)).find((at) => at !== api);
  assert.match(await (await fetch(`${metrics}/metrics`)).text(), /prebuildd_build_info/);
  assert.equal((await fetch(`${metrics}/readyz`)).status, 200);
  assert.equal((await fetch(`${metrics}/api/v2/users/me`)).status, 404);
});
