import assert from "node:assert/strict";
import { it } from "node:test";
import type { Context } from "../../src/context.ts";
import { planPools } from "../../src/prebuilds/reconcile.ts";
import { asking } from "../support/asking.ts";
import { type GivenPool, givenContext, givenPool, givenUser } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";

// The two lines below table TV-6 of the specification: when a prebuild is ready, and which prebuilds run.

/** What a pass knows of a pool's running prebuilds, as `<id> ready`. */
async function runningIn(context: Context, { presetId }: GivenPool): Promise<string[]> {
  const { pools } = await planPools(context);
  const found = pools.find(({ pool }) => pool.id === presetId);
  return (found?.pool.running ?? []).map(({ id, ready }) => `${id} ${ready ? "ready" : "not ready"}`);
}

/** Ends a prebuild's start as a worker does, and lets some of its agents report one after the other. */
async function start({ pool }: Context, jobId: string, ready: number, notReady: number): Promise<void> {
  await pool.query("update provisioner_jobs set completed_at = now() where id = $1", [jobId]);
  const { rows } = await pool.query<{ id: string }>(
    "insert into workspace_agents (job_id, name) select $1, 'agent-' || n from generate_series(1, $2) n returning id",
    [jobId, ready + notReady],
  );
  for (const { id } of rows.slice(0, ready)) {
    await pool.query("update workspace_agents set lifecycle_state = 'ready', ready_at = now() where id = $1", [id]);
  }
}

const AGENTS: readonly [ready: number, notReady: number, isReady: boolean][] = [
  [1, 0, true],
  [0, 1, false],
  [1, 1, false],
  [2, 0, true],
  [5, 1, false],
  [0, 0, false],
];

it("a prebuild can be claimed when it has agents and all of them are ready", async (t) => {
  const context = await givenContext(t);
  for (const [ready, notReady, isReady] of AGENTS) {
    await t.test(`${ready} agents ready, ${notReady} not: ${isReady ? "yes" : "no"}`, async () => {
      const pool = await givenPool(context);
      const { id, jobId } = await givenPrebuild(context, pool, { status: "running" });
      assert.deepEqual(await runningIn(context, pool), [], "it does not run before its start has ended");
      await start(context, jobId, ready, notReady);
      assert.deepEqual(await runningIn(context, pool), [`${id} ${isReady ? "ready" : "not ready"}`]);
      const { claimed, missReason } = await (await asking(context, pool))();
      assert.deepEqual([claimed, missReason], isReady ? [true, null] : [false, "not_ready"]);
    });
  }
});

it("of all the workspaces of a preset only the prebuild that runs counts as running, and only it is handed out", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context);
  const userId = await givenUser(context);
  await givenPrebuild(context, pool, { transition: "stop" });
  await givenPrebuild(context, pool, { status: "failed" });
  await givenPrebuild(context, pool, { status: "canceled" });
  const { id: deleted } = await givenPrebuild(context, pool);
  await context.pool.query("update workspaces set deleted = true where id = $1", [deleted]);
  await givenPrebuild(context, pool, { ownerId: userId, initiatorId: userId });
  const running = await givenPrebuild(context, pool);

  assert.deepEqual(await runningIn(context, pool), [`${running.id} ready`]);
  const ask = await asking(context, pool);
  const [first, second] = [await ask(), await ask()];
  assert.deepEqual([first.claimed, first.workspaceId], [true, running.id]);
  assert.deepEqual([second.claimed, second.missReason], [false, "pool_empty"]);
});
