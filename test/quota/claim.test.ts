import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProblemError } from "../../src/errors.ts";
import { createClaimer } from "../../src/prebuilds/claim.ts";
import { readQuota } from "../../src/quota/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { untilSomebodyWaits } from "../http/effects.ts";
import { asking } from "../support/asking.ts";
import { count, givenContext, givenDriver, givenPool, givenUser, givenWorker, settled } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { commitNew, costsOf, givenAllowance, givenCostly, holdQuota } from "./support.ts";

const times = <T>(length: number, make: (n: number) => T): T[] => Array.from({ length }, (_, n) => make(n));
const isRefusal = (error: unknown) =>
  error instanceof ProblemError && error.kind === "conflict" && /would cost \d+ a day/.test(error.message);

/** A pool with prebuilds of these costs, the oldest first, and somebody with an allowance who asks for workspaces. */
async function given(t: Parameters<typeof givenContext>[0], costs: readonly number[], allowance: number) {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: costs.length, ttlSeconds: 3_600 });
  const userId = await givenUser(context);
  if (allowance > 0) await givenAllowance(context, pool, allowance, [userId]);
  const ids: string[] = [];
  for (const [index, cost] of costs.entries()) {
    const createdAt = new Date(Date.now() - 60_000 + index);
    ids.push((await givenCostly(context, pool, cost, { createdAt })).id);
  }
  const ask = await asking(context, pool);
  const own = { ownerId: userId, initiatorId: userId };
  return {
    ...{ context, pool, userId, ids },
    ask: (more: Parameters<typeof ask>[0] = {}) => ask({ ...own, ...more }),
    quota: () => readQuota(context.pool, { ownerId: userId, organizationId: pool.organizationId }),
    inPool: () => count(context, "workspaces where owner_id = $1 and agents_ready", [PREBUILDS_SYSTEM_USER_ID]),
  };
}

describe("a claim of a prebuild that has a cost", () => {
  it("charges it to its new owner from then on", async (t) => {
    const { context, ask, ids, quota, pool } = await given(t, [8], 10);
    const { claimed, workspaceId } = await ask();
    assert.deepEqual([claimed, workspaceId], [true, ids[0]]);
    assert.deepEqual(await quota(), { budget: 10, consumed: 8 });
    const before = { ownerId: PREBUILDS_SYSTEM_USER_ID, organizationId: pool.organizationId };
    assert.equal((await readQuota(context.pool, before)).consumed, 0);
  });

  it("is refused before anything has changed when the budget is not enough, and works with the same key when it is", async (t) => {
    const { context, ask, ids, inPool, pool, userId } = await given(t, [8], 7);
    const request = { key: "key", hash: Buffer.from("hash") };
    const entries = await count(context, "audit_logs");
    await assert.rejects(ask({ request }), (error: Error) => {
      assert.match(
        error.message,
        /^the workspace would cost 8 a day; of the budget of 7 that the owner has in the organization default, 0 are in use: /,
      );
      return isRefusal(error);
    });
    assert.equal(await inPool(), 1, "it is still in its pool");
    assert.equal(await count(context, "workspaces"), 1, "and nothing was built instead");
    assert.equal(await count(context, "workspace_builds"), 1);
    assert.equal(await count(context, "audit_logs"), entries);
    await givenAllowance(context, pool, 1, [userId]);
    const { workspaceId, repeated } = await ask({ request });
    assert.deepEqual([workspaceId, repeated], [ids[0], false]);
    assert.deepEqual(await ask({ request }), { workspaceId, claimed: true, missReason: null, repeated: true });
  });

  it("is refused at once to who would wait for a prebuild", async (t) => {
    const { ask } = await given(t, [8], 7);
    await assert.rejects(ask({ waitMs: 5_000 }), isRefusal);
  });

  it("passes over what its owner cannot afford", async (t) => {
    const { ask, ids } = await given(t, [8, 3, 4], 5);
    assert.equal((await ask()).workspaceId, ids[1]);
    await assert.rejects(ask(), isRefusal);
  });

  it("takes what costs nothing, also for an owner who is over the budget", async (t) => {
    const { context, ask, ids, pool, userId, quota } = await given(t, [8, 0], 5);
    await givenCostly(context, pool, 90, { ownerId: userId, initiatorId: userId });
    assert.equal((await ask()).workspaceId, ids[1]);
    assert.deepEqual(await quota(), { budget: 5, consumed: 90 });
  });

  it("hands out expired prebuilds only when no fresh one can be afforded", async (t) => {
    const { context, ask, ids, pool } = await given(t, [4], 8);
    const old = await givenCostly(context, pool, 4, { createdAt: new Date(Date.now() - 7_200_000) });
    assert.deepEqual([(await ask()).workspaceId, (await ask()).workspaceId], [ids[0], old.id]);
  });

  it("of a name that is taken is a conflict of names, whether fresh or expired prebuilds are left", async (t) => {
    const { ask, context, pool } = await given(t, [4], 100);
    await givenCostly(context, pool, 4);
    await ask({ name: "mine" });
    await assert.rejects(ask({ name: "Mine" }), /already has a workspace named Mine/);
    await context.pool.query("update workspaces set created_at = now() - interval '1 day'");
    await assert.rejects(ask({ name: "Mine" }), /already has a workspace named Mine/);
  });

  it("100 times at once for one owner whose budget is enough for three comes to three", async (t) => {
    const { ask, inPool, quota } = await given(
      t,
      times(100, () => 10),
      35,
    );
    const answers = await Promise.allSettled(times(100, () => ask()));
    const refused = answers.filter((answer) => answer.status === "rejected");
    assert.equal(answers.length - refused.length, 3);
    assert.ok(refused.every(({ reason }) => isRefusal(reason)));
    assert.equal(await inPool(), 97);
    assert.deepEqual(await quota(), { budget: 35, consumed: 30 });
  });

  it("by 20 owners at once on five prebuilds comes to five distinct ones, and 15 ordinary builds", async (t) => {
    const { context, pool, ids } = await given(
      t,
      times(5, () => 10),
      0,
    );
    const users = await Promise.all(times(20, () => givenUser(context)));
    await givenAllowance(context, pool, 10, users);
    const outcomes = await Promise.all(
      users.map(async (ownerId) => {
        // Of a replica of its own.
        const ask = await asking({ ...context, claimPrebuild: createClaimer(context) }, pool);
        return ask({ ownerId, initiatorId: ownerId });
      }),
    );
    const claimed = outcomes.flatMap((outcome) => (outcome.claimed ? [outcome.workspaceId] : []));
    assert.deepEqual(claimed.toSorted(), ids.toSorted());
    assert.deepEqual(new Set(outcomes.map(({ missReason }) => missReason)), new Set([null, "pool_empty"]));
  });

  it("sees what is spent while it waits for whoever spends it", async (t) => {
    const { context, pool, ask, userId, inPool } = await given(t, [8], 10);
    const held = await holdQuota(context, userId, pool.organizationId);
    const answer = ask();
    answer.catch(() => {}); // it is looked at below
    await untilSomebodyWaits(context);
    await givenCostly(context, pool, 3, { ownerId: userId, initiatorId: userId });
    await held.letGo();
    await assert.rejects(answer, isRefusal);
    assert.equal(await inPool(), 1);
  });

  for (const [before, after] of [
    [10, 7],
    [7, 10],
  ] as const) {
    it(`counts an allowance that becomes ${after} while it waits, not the ${before} before`, async (t) => {
      const { context, pool, ask, userId, inPool } = await given(t, [8], before);
      const held = await holdQuota(context, userId, pool.organizationId);
      const answer = Promise.allSettled([ask()]);
      await untilSomebodyWaits(context);
      await context.pool.query("update groups set quota_allowance = $1 where quota_allowance > 0", [after]);
      await held.letGo();
      const [outcome] = await answer;
      assert.equal(outcome.status, after < 8 ? "rejected" : "fulfilled");
      assert.equal(await inPool(), after < 8 ? 1 : 0);
    });
  }

  it("is what those who wait get when it becomes ready, as long as they can afford it", async (t) => {
    const { context, pool, ask, inPool } = await given(t, [], 8);
    const answers = times(2, () => ask({ waitMs: 30_000 }));
    const outcomes = Promise.allSettled(answers);
    const becomesReady = async () => {
      // Not before its cost is known.
      const { id } = await givenCostly(context, pool, 8, { ready: false });
      await context.pool.query(
        "update workspace_agents set lifecycle_state = 'ready' where lifecycle_state = 'starting'",
      );
      return id;
    };
    const id = await becomesReady();
    assert.equal((await Promise.any(answers)).workspaceId, id);
    await becomesReady();
    const refused = (await outcomes).filter((outcome) => outcome.status === "rejected");
    assert.deepEqual(
      refused.map(({ reason }) => isRefusal(reason)),
      [true],
    );
    assert.equal(await inPool(), 1);
  });

  it("and builds of the same owner, many at once, come to what the budget is enough for", async (t) => {
    const { context, pool, userId, ask, inPool, quota } = await given(
      t,
      times(20, () => 10),
      35,
    );
    const [claims, builds] = await Promise.all([
      Promise.allSettled(times(20, () => ask())),
      Promise.all(times(20, () => commitNew(context, pool, userId, 10))),
    ]);
    const claimed = claims.filter(({ status }) => status === "fulfilled").length;
    assert.equal(claimed + builds.filter((refused) => refused === undefined).length, 3);
    assert.equal(await inPool(), 20 - claimed);
    assert.equal((await quota()).consumed, 30);
  });
});

it("a claim in a pool without costs looks at nobody's quota", async (t) => {
  const { context, pool, ask, userId } = await given(t, [0], 0);
  await givenPrebuild(context, pool, { ready: false });
  const held = await holdQuota(context, userId, pool.organizationId);
  assert.ok((await ask()).claimed);
  assert.equal((await ask()).missReason, "not_ready");
  await held.letGo();
});

for (const [cost, says, outcome] of [
  [8, "as dear as its prebuild was is permitted, also when the allowance has been taken away since", "succeeded"],
  [9, "dearer than its prebuild was is checked against the claimant", "failed"],
] as const) {
  it(`a claim build ${says}`, async (t) => {
    const { context, ask } = await given(t, [8], 8);
    const { workspaceId } = await ask();
    await context.pool.query("update groups set quota_allowance = 0");
    const succeeds = givenDriver();
    const driver = givenDriver({
      async build(request, acting) {
        const error = await acting.commitCost(cost);
        return error === undefined ? succeeds.build(request, acting) : { ok: false, state: null, error };
      },
    });
    givenWorker(t, context, { driver });
    await settled(context);
    const built = "workspaces where id = $1 and latest_build_number = 2 and latest_job_status = $2";
    assert.equal(await count(context, built, [workspaceId, outcome]), 1);
    assert.deepEqual(await costsOf(context, workspaceId), [8, outcome === "succeeded" ? 8 : 0]);
  });
}
