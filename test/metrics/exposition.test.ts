import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { it } from "node:test";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { createMetrics } from "../../src/metrics.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { createWorkspace } from "../../src/workspaces/create.ts";
import { EXPORTED_METRICS } from "../deploy/exported-metrics.ts";
import { givenContext, givenPool, givenUser, givenWorker, settled } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { givenReadyPool } from "../support/ready-pool.ts";

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

/** A replica that is well and leads. */
const PROCESS = {
  isLeader: () => true,
  isReady: () => true,
  isDatabaseUp: () => true,
  runningBuilds: () => 0,
  provisioners: 3,
};

it("promtool finds nothing to say against the text, whatever has happened", {
  skip: hasPromtool ? false : "promtool is not on the PATH",
}, async (t) => {
  const context = await givenContext(t, { poolSettings: { failureHardLimit: 1 } });
  const metrics = createMetrics(context);
  const pool = await givenReadyPool(t, context, { desired: 1 });
  await givenPrebuild(context, await givenPool(context), { status: "failed" });
  metrics.passes.observePass(0.2, await runPass(context, new AbortController().signal));
  const ownerId = await givenUser(context);
  const asked = { ...pool, ownerId, initiatorId: ownerId, actor: COMMAND_LINE, parameters: [], waitMs: 0 };
  for (const name of ["claimed", "built"])
    await createWorkspace(context, { ...asked, name, automaticUpdates: "never" });
  metrics.passes.observeCreate(0.01, null);
  givenWorker(t, context);
  await settled(context);
  metrics.observeProcess(PROCESS);
  await metrics.refresh();
  const { body } = await metrics.text();
  for (const family of ["creation_duration_seconds_count", "creation_total", "builds_enqueued_total"]) {
    assert.match(body, new RegExp(`^coderd_workspace_${family}\\{`, "m"));
  }
  const { stdout, stderr, status } = spawnSync("promtool", ["check", "metrics"], { input: body, encoding: "utf8" });
  assert.deepEqual({ said: `${stdout}${stderr}`, status }, { said: "", status: 0 });
});

it("what the alert rules and the dashboard go by is exported, with the type that they take it for", async (t) => {
  const metrics = createMetrics(await givenContext(t));
  metrics.observeProcess(PROCESS);
  const { body } = await metrics.text();
  const types = new Map([...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [name, type]));
  const { up: _ofPrometheus, ...ours } = EXPORTED_METRICS;
  assert.deepEqual(Object.fromEntries(Object.keys(ours).map((name) => [name, types.get(name)])), ours);
});

it("a scraper gets protobuf when it prefers that, with what the replica says of itself, and text otherwise", async (t) => {
  const metrics = createMetrics(await givenContext(t));
  await metrics.refresh();
  const proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
  const { contentType, body } = await metrics.scrape(`${proto},text/plain;version=0.0.4;q=0.5`);
  assert.match(contentType, /^application\/vnd\.google\.protobuf;/);
  assert.ok(
    Buffer.isBuffer(body) &&
      body.includes("coderd_prebuilt_workspaces_metrics_last_updated") &&
      body.includes("prebuildd_passes_total"),
  );
  assert.match((await metrics.scrape("*/*")).contentType, /^text\/plain; version=0\.0\.4/);
});
