import assert from "node:assert/strict";
import { it } from "node:test";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { reportWorker } from "../../src/provisioner/daemon-store.ts";
import { WORK } from "../../src/provisioner/queue.ts";
import { givenContext, givenDriver, givenPool, givenWorker, settled } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

const never = new AbortController().signal;

/** A pool of a terraform template whose first prebuild waits to be built. */
async function givenTerraformBuild(context: Awaited<ReturnType<typeof givenContext>>): Promise<void> {
  await givenPool(context, { desired: 1 });
  await context.pool.query("update templates set provisioner = 'terraform'");
  await runPass(context, never);
  await context.pool.query("update provisioner_jobs set provisioner = 'terraform'");
}

it("a build that no worker has a driver for fails, and says what to install", async (t) => {
  const context = await givenContext(t);
  await givenTerraformBuild(context);
  givenWorker(t, context);
  await settled(context);
  const { rows } = await context.pool.query("select job_status, error from provisioner_jobs");
  assert.deepEqual(rows, [
    {
      job_status: "failed",
      error:
        "no worker can run terraform templates: install terraform or tofu where the daemon runs, or set " +
        "PREBUILDD_TERRAFORM_PATH, and restart it",
    },
  ]);
});

it("a build that only another worker has a driver for is left to that one, and no attempt of it is used up", async (t) => {
  const context = await givenContext(t);
  await givenTerraformBuild(context);
  const able = { id: "00000000-0000-4000-8000-000000000001", hostname: "host", provisioners: ["terraform"] };
  await reportWorker(context.pool, able);
  const items = async () => {
    const { rows } = await context.pool.query<{ state: string; retry_count: number; later: boolean }>(
      `select state, retry_count, start_after > now() as later from pgboss.job
       where name = $1 and state < 'completed'`,
      [WORK.build],
    );
    return rows;
  };
  const unable = givenWorker(t, context);
  await waitFor("the build to be left to others", async () => (await items())[0]?.later);
  assert.deepEqual(await items(), [{ state: "created", retry_count: 0, later: true }]);
  const { rows } = await context.pool.query("select job_status, worker_id from provisioner_jobs");
  assert.deepEqual(rows, [{ job_status: "pending", worker_id: null }]);
  await unable.drain(1_000);
  givenWorker(t, context, { drivers: { terraform: givenDriver() } });
  await settled(context);
  const { rows: after } = await context.pool.query("select job_status from provisioner_jobs");
  assert.deepEqual(after, [{ job_status: "succeeded" }]);
});
