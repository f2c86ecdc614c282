import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/clock.ts";
import { givenCommandPool } from "../support/command-pool.ts";
import { startProcess } from "../support/daemon.ts";
import { createTestDatabase } from "../support/database.ts";
import { givenUser } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { waitFor } from "../support/wait-for.ts";

test("a daemon that begins to lead stops what is overdue, with the template's stop, and counts it", async (t) => {
  const database = await createTestDatabase(t);
  const { pool } = database;
  const context = { pool, clock: systemClock };
  const scripts = { start: "true", stop: 'touch "$TEST_DIR/stopped-$PREBUILDD_WORKSPACE_ID"' };
  const template = await givenCommandPool(t, pool, scripts, { desired: 1 });
  const ownerId = await givenUser(context);
  const { id } = await givenPrebuild(context, template, { ownerId, initiatorId: ownerId });
  await pool.query("update workspaces set lifecycle_build_id = latest_build_id");
  await pool.query("update workspace_builds set deadline = now() - interval '1 minute'");

  const env = { DATABASE_URL: database.url };
  const daemon = await startProcess(t, ["run"], { env });
  const stopped = await waitFor(
    "the workspace to be stopped",
    async () => {
      const { rows } = await pool.query(
        `select b.reason, b.initiator_id from workspaces w join workspace_builds b on b.id = w.latest_build_id
         where w.id = $1 and w.latest_transition = 'stop' and w.latest_job_status = 'succeeded'`,
        [id],
      );
      return rows[0];
    },
    { timeoutMs: 75_000 }, // at the latest when the next minute begins
  );
  assert.deepEqual(stopped, { reason: "autostop", initiator_id: ownerId });
  await daemon.logged("autostop: stopping ");
  const metrics = await (await fetch(`${await daemon.ready()}/metrics`)).text();
  assert.match(metrics, /^prebuildd_lifecycle_transitions_total\{reason="autostop"\} 1$/m);
  assert.match(metrics, /^prebuildd_lifecycle_repairs_total\{wrong="unsettled"\} 0$/m);
});
