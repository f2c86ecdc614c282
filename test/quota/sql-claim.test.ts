import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readQuota } from "../../src/quota/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { asking } from "../support/asking.ts";
import { givenControlPlane } from "../support/control-plane.ts";
import { count, givenContext, givenPool } from "../support/given.ts";
import { givenAllowance, givenCostly, holdQuota } from "./support.ts";

const times = <T>(length: number, make: (n: number) => T): T[] => Array.from({ length }, (_, n) => make(n));
const REFUSED = { code: "55000", message: /^the workspace would cost \d+ a day; of the budget of / };

/** A pool with prebuilds of these costs, the oldest first, and a control plane whose user has an allowance. */
async function given(t: Parameters<typeof givenContext>[0], costs: readonly number[], allowance: number) {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: costs.length, ttlSeconds: 3_600 });
  const plane = await givenControlPlane(t, context, pool);
  const { userId } = plane;
  if (allowance > 0) await givenAllowance(context, pool, allowance, [userId]);
  const ids: string[] = [];
  for (const [index, cost] of costs.entries()) {
    const createdAt = new Date(Date.now() - 60_000 + index);
    ids.push((await givenCostly(context, pool, cost, { createdAt })).id);
  }
  return {
    ...{ context, pool, plane, ids, userId },
    quota: () => readQuota(context.pool, { ownerId: userId, organizationId: pool.organizationId }),
    inPool: () => count(context, "workspaces where owner_id = $1 and agents_ready", [PREBUILDS_SYSTEM_USER_ID]),
  };
}

describe("a claim in SQL of a prebuild that has a cost", () => {
  it("charges it to its new owner from then on", async (t) => {
    const { plane, ids, quota } = await given(t, [8], 8);
    assert.equal(await plane.claim(), ids[0]);
    assert.deepEqual(await quota(), { budget: 8, consumed: 8 });
  });

  it("is refused with a sentence and a hint when the budget is not enough, and changes nothing", async (t) => {
    const { context, plane, inPool } = await given(t, [8], 7);
    await assert.rejects(plane.claim(), (error: Error & { code: string; hint: string }) => {
      assert.equal(error.code, "55000");
      assert.match(
        error.message,
        /^the workspace would cost 8 a day; of the budget of 7 that user-\w+ has in the organization default, 0 are in use$/,
      );
      assert.equal(
        error.hint,
        "Delete or stop a workspace, or raise the quota allowance of a group that the user is in.",
      );
      return true;
    });
    assert.equal(await inPool(), 1);
    assert.equal(await count(context, "unfinished_claims"), 0);
  });

  it("passes over what its owner cannot afford, and takes what costs nothing first", async (t) => {
    const { plane, ids } = await given(t, [8, 3, 0], 5);
    assert.deepEqual([await plane.claim(), await plane.claim()], [ids[2], ids[1]]);
    await assert.rejects(plane.claim(), REFUSED);
  });

  it("hands out expired prebuilds only when no fresh one can be afforded", async (t) => {
    const { context, plane, ids, pool } = await given(t, [4], 8);
    const old = await givenCostly(context, pool, 4, { createdAt: new Date(Date.now() - 7_200_000) });
    assert.deepEqual([await plane.claim(), await plane.claim()], [ids[0], old.id]);
    assert.equal(await plane.claim(), null);
  });

  it("sees what the same transaction has spent before, and gives it back with it", async (t) => {
    const { plane, ids, quota } = await given(t, [4, 4, 4], 8);
    await plane.client.query("begin");
    assert.deepEqual([await plane.claim(), await plane.claim()], [ids[0], ids[1]]);
    await assert.rejects(plane.claim(), REFUSED);
    await plane.client.query("rollback");
    assert.equal((await quota()).consumed, 0);
    assert.equal(await plane.claim(), ids[0]);
  });

  it("is refused in a transaction that does not see what others spend meanwhile", async (t) => {
    const { plane, ids } = await given(t, [4, 0], 8);
    await plane.client.query("begin isolation level repeatable read");
    assert.equal(await plane.claim(), ids[1], "what costs nothing is no matter of quota");
    await assert.rejects(plane.claim(), { code: "55000", message: /have a cost, which cannot be checked/ });
    await plane.client.query("rollback");
  });

  it("many times at once, in SQL and through the API, for one owner whose budget is enough for three comes to three", async (t) => {
    const { context, pool, plane, userId, inPool, quota } = await given(
      t,
      times(40, () => 10),
      35,
    );
    const planes = [plane, ...(await Promise.all(times(9, () => givenControlPlane(t, context, pool))))];
    const ask = await asking(context, pool);
    const answers = await Promise.allSettled<unknown>([
      ...planes.flatMap(({ claim }) => [claim({ userId }), claim({ userId })]),
      ...times(20, () => ask({ ownerId: userId, initiatorId: userId })),
    ]);
    const refused = answers.filter((answer) => answer.status === "rejected");
    assert.equal(answers.length - refused.length, 3);
    assert.ok(refused.every(({ reason }) => REFUSED.message.test(reason.message)));
    assert.equal(await inPool(), 37);
    assert.equal((await quota()).consumed, 30);
  });

  it("in a pool without costs looks at nobody's quota", async (t) => {
    const { context, pool, plane, ids, userId } = await given(t, [0], 0);
    const held = await holdQuota(context, userId, pool.organizationId);
    assert.deepEqual([await plane.claim(), await plane.claim()], [ids[0], null]);
    await held.letGo();
  });
});
