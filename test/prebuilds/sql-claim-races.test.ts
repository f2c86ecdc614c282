import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Context } from "../../src/context.ts";
import { ProblemError } from "../../src/errors.ts";
import { executeAction } from "../../src/prebuilds/execute.ts";
import { finishClaims } from "../../src/prebuilds/finish-claims.ts";
import { planPools } from "../../src/prebuilds/reconcile.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { queueBuild } from "../../src/workspaces/builds.ts";
import { asking } from "../support/asking.ts";
import { givenControlPlane } from "../support/control-plane.ts";
import { count, type GivenPool, givenContext, givenPool } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { readHistories } from "../support/histories.ts";
import { waitFor } from "../support/wait-for.ts";

const never = new AbortController().signal;
const times = <T>(length: number, make: (n: number) => T): T[] => Array.from({ length }, (_, n) => make(n));

async function givenPrebuilds(context: Context, length: number): Promise<GivenPool & { readonly ids: string[] }> {
  const pool = await givenPool(context, { desired: length });
  const made = await Promise.all(times(length, () => givenPrebuild(context, pool)));
  return { ...pool, ids: made.map(({ id }) => id) };
}

const deleteOf = (ids: readonly string[]) => ({ kind: "delete", ids, reason: "extraneous" }) as const;

async function plannedPool(context: Context) {
  const [planned] = (await planPools(context)).pools;
  assert.ok(planned);
  return planned.pool;
}

for (const [ready, outcome] of [
  [20, "20 distinct claims"],
  [5, "5 distinct claims and 15 times nothing"],
] as const) {
  it(`20 claims in SQL at once on ${ready} ready prebuilds are ${outcome}, without an error`, async (t) => {
    const context = await givenContext(t);
    const pool = await givenPrebuilds(context, ready);
    const planes = await Promise.all(times(20, () => givenControlPlane(t, context, pool)));
    const claimed = (await Promise.all(planes.map((plane) => plane.claim()))).filter((id) => id !== null);
    assert.deepEqual(claimed.toSorted(), pool.ids.toSorted());
    await finishClaims(context, never);
    assert.equal(await count(context, "workspace_builds where build_number = 2"), ready);
  });
}

it("claims in SQL and through the API at once share the prebuilds: none is given out twice, none is left", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPrebuilds(context, 30);
  const planes = await Promise.all(times(20, () => givenControlPlane(t, context, pool)));
  const ask = await asking(context, pool);
  const [inSql, throughApi] = await Promise.all([
    Promise.all(planes.flatMap(({ claim }) => [claim(), claim()])),
    Promise.all(times(40, () => ask())),
    finishClaims(context, never),
  ]);
  const claimed = [
    ...inSql.filter((id) => id !== null),
    ...throughApi.filter((outcome) => outcome.claimed).map(({ workspaceId }) => workspaceId),
  ];
  assert.deepEqual(claimed.toSorted(), pool.ids.toSorted());
  await finishClaims(context, never);
  const builds = "workspace_builds b join provisioner_jobs j on j.id = b.job_id";
  assert.equal(await count(context, `${builds} where input->>'prebuilt_workspace_stage' = 'claim'`), 30);
  assert.equal(await count(context, "unfinished_claims"), 0);
});

it("a transaction that stays open after its claim holds up nobody else, and what it rolls back can be claimed again", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPrebuilds(context, 3);
  const [slow, quick] = [await givenControlPlane(t, context, pool), await givenControlPlane(t, context, pool)];
  await slow.client.query("begin");
  const held = await slow.claim();

  const other = await quick.claim();
  assert.ok(held !== null && other !== null && other !== held);
  assert.equal((await (await asking(context, pool))()).claimed, true);
  assert.equal(await quick.claim(), null, "what is held is not waited for");
  const { done } = await executeAction(context, await plannedPool(context), deleteOf([held]));
  assert.equal(done, 0, "nor deleted");
  await finishClaims(context, never);
  assert.equal(await count(context, "workspace_builds where workspace_id = $1", [held]), 1, "nor finished");
  assert.equal(await count(context, "workspace_builds where build_number = 2"), 2, "unlike the others");

  await slow.client.query("rollback");
  await finishClaims(context, never);
  const where = "workspaces where id = $1 and owner_id = $2 and agents_ready and latest_build_number = 1";
  assert.equal(await count(context, where, [held, PREBUILDS_SYSTEM_USER_ID]), 1, "it is back as it was");
  assert.equal(await count(context, "audit_logs where resource_id = $1", [held]), 0);
  assert.equal(await quick.claim(), held);
});

it("a claim that sees the database as it was before somebody else's claim fails, and takes nothing from anybody", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPrebuilds(context, 1);
  const [late, early] = [await givenControlPlane(t, context, pool), await givenControlPlane(t, context, pool)];
  await late.client.query("begin isolation level repeatable read; select from workspaces");
  const id = await early.claim();
  await assert.rejects(late.claim(), { code: "40001" });
  await late.client.query("rollback");
  assert.equal(await count(context, "workspaces where id = $1 and owner_id = $2", [id, early.userId]), 1);
});

describe("of a claim in SQL and a deletion of the same prebuild exactly one wins:", () => {
  it("the claim, when it has taken the prebuild first", async (t) => {
    const context = await givenContext(t);
    const pool = await givenPrebuilds(context, 1);
    const plane = await givenControlPlane(t, context, pool);
    const planned = await plannedPool(context);
    await plane.client.query("begin");
    await plane.claim();
    assert.equal((await executeAction(context, planned, deleteOf(pool.ids))).done, 0, "it does not wait");
    await plane.client.query("commit");
    assert.equal((await executeAction(context, planned, deleteOf(pool.ids))).done, 0, "and finds nothing later either");
    await finishClaims(context, never);
    const [history] = (await readHistories(context)).get(pool.templateId) ?? [];
    assert.deepEqual(history?.builds, ["start succeeded", "start pending"]);
  });

  it("the deletion, when it has taken the prebuild first", async (t) => {
    const context = await givenContext(t);
    const pool = await givenPrebuilds(context, 1);
    const plane = await givenControlPlane(t, context, pool);
    const planned = await plannedPool(context);
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const add: Context["queue"]["add"] = async (...given) => {
      reached.resolve();
      await released.promise;
      await context.queue.add(...given);
    };
    const removing = executeAction({ ...context, queue: { ...context.queue, add } }, planned, deleteOf(pool.ids));
    await Promise.race([reached.promise, removing]);
    assert.equal(await plane.claim(), null, "the claim does not wait for the deletion");
    released.resolve();
    assert.equal((await removing).done, 1);
    assert.equal(await plane.claim(), null);
  });

  it("each of many at once is one or the other, and no claimed one has a delete build", async (t) => {
    const context = await givenContext(t);
    const pool = await givenPrebuilds(context, 30);
    const planned = await plannedPool(context);
    const planes = await Promise.all(times(15, () => givenControlPlane(t, context, pool)));
    const [ids] = await Promise.all([
      Promise.all(planes.flatMap(({ claim }) => [claim(), claim()])),
      ...[0, 10, 20].map((from) => executeAction(context, planned, deleteOf(pool.ids.slice(from, from + 10)))),
    ]);
    const claimed = ids.filter((id) => id !== null);
    const deletes = "workspace_builds where transition = 'delete'";
    assert.equal(await count(context, `${deletes} and workspace_id = any($1)`, [claimed]), 0);
    assert.equal(claimed.length + (await count(context, deletes)), 30);
  });
});

describe("until the claim build is there, another build of the workspace is refused:", () => {
  const isRefusal = (error: unknown) =>
    error instanceof ProblemError && error.kind === "conflict" && /claim build is still to come/.test(error.message);

  it("whoever asks for one is told to try again in a moment", async (t) => {
    const context = await givenContext(t);
    const pool = await givenPrebuilds(context, 1);
    const plane = await givenControlPlane(t, context, pool);
    const workspaceId = (await plane.claim()) ?? "";
    for (const transition of ["start", "stop", "delete"] as const) {
      const build = { workspaceId, transition, initiatorId: plane.userId };
      await assert.rejects(queueBuild(context, build), isRefusal, transition);
    }
    assert.equal(await count(context, "workspace_builds"), 1);
  });

  it("also who waited for the claim to be committed", async (t) => {
    const context = await givenContext(t);
    const pool = await givenPrebuilds(context, 1);
    const plane = await givenControlPlane(t, context, pool);
    await plane.client.query("begin");
    const workspaceId = (await plane.claim()) ?? "";
    const removing = queueBuild(context, { workspaceId, transition: "delete", initiatorId: plane.userId });
    const waiting = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await waitFor("the deletion to wait", async () => (await count(context, waiting)) > 0 || undefined);
    await Promise.all([assert.rejects(removing, isRefusal), plane.client.query("commit")]);
  });
});
