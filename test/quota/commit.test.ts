import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createOrganization } from "../../src/organizations/store.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { commitCost } from "../../src/quota/commit.ts";
import { readQuota } from "../../src/quota/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { untilNobodyWaits, untilSomebodyWaits } from "../http/effects.ts";
import { countStatements } from "../http/server.ts";
import { count, givenContext, givenDriver, givenPool, givenUser, givenWorker, settled } from "../support/given.ts";
import { givenBuild } from "../support/given-prebuild.ts";
import { GROUP, givenGroup } from "../support/memberships.ts";
import { commitNew, costsOf, givenAllowance, givenCostly, holdQuota } from "./support.ts";

const never = new AbortController().signal;

async function given(t: Parameters<typeof givenContext>[0], allowance: number) {
  const context = await givenContext(t);
  const pool = await givenPool(context);
  const userId = await givenUser(context);
  if (allowance > 0) await givenAllowance(context, pool, allowance, [userId]);
  return { context, pool, userId, mine: { ownerId: userId, initiatorId: userId } };
}

describe("what somebody may spend", () => {
  it("is what all groups in the organization allow that they are in, Everyone included, and none elsewhere", async (t) => {
    const { context, pool, userId } = await given(t, 7);
    await givenAllowance(context, pool, 10, [userId]);
    await givenAllowance(context, pool, 1_000, [await givenUser(context)]);
    const other = await createOrganization(context.pool, { name: "other" });
    await givenAllowance(context, { organizationId: other.id }, 500, [userId]);
    await context.pool.query("update groups set quota_allowance = 3 where id = $1", [pool.organizationId]);
    const quota = await readQuota(context.pool, { ownerId: userId, organizationId: pool.organizationId });
    assert.deepEqual(quota, { budget: 20, consumed: 0 });
  });

  it("is used by their own workspaces there that are not deleted, whatever else there is", async (t) => {
    const { context, pool, userId, mine } = await given(t, 20);
    await givenCostly(context, pool, 5, mine);
    await givenCostly(context, pool, 6, { ...mine, transition: "stop" });
    await givenCostly(context, pool, 100, { ...mine, transition: "delete" });
    await givenCostly(context, pool, 200);
    const other = await createOrganization(context.pool, { name: "other" });
    await givenCostly(context, { ...pool, organizationId: other.id }, 400, mine);
    const quota = await readQuota(context.pool, { ownerId: userId, organizationId: pool.organizationId });
    assert.deepEqual(quota, { budget: 20, consumed: 11 });
  });

  it("adds up beyond what fits into one allowance", async (t) => {
    const { context, pool, userId } = await given(t, 2_147_483_647);
    await givenAllowance(context, pool, 2_147_483_647, [userId]);
    const { budget } = await readQuota(context.pool, { ownerId: userId, organizationId: pool.organizationId });
    assert.equal(budget, 4_294_967_294);
  });
});

describe("committing the cost of a build", () => {
  it("writes it down where the budget permits it, and else changes nothing and says why", async (t) => {
    const { context, pool, userId, mine } = await given(t, 20);
    await givenCostly(context, pool, 15, mine);
    const { id, buildId } = await givenCostly(context, pool, 0, { ...mine, status: "running" });
    const refused = (await commitCost(context.pool, buildId, 6)) ?? "";
    assert.match(
      refused,
      /^the workspace would cost 6 a day; of the budget of 20 that user-\w+ has in the organization default, 15 are in use: /,
    );
    assert.deepEqual(await costsOf(context, id), [0, 0]);
    assert.equal(await commitCost(context.pool, buildId, 5), undefined);
    assert.deepEqual(await costsOf(context, id), [5, 5]);
    const { consumed } = await readQuota(context.pool, { ownerId: userId, organizationId: pool.organizationId });
    assert.equal(consumed, 20);
  });

  it("is permitted over the budget as long as the workspace gets no dearer", async (t) => {
    const { context, pool, mine } = await given(t, 10);
    await givenCostly(context, pool, 90, mine);
    const { id, buildId } = await givenCostly(context, pool, 7, { ...mine, status: "running" });
    assert.match((await commitCost(context.pool, buildId, 8)) ?? "", /cost 8 a day/);
    for (const cost of [7, 6, 0]) {
      assert.equal(await commitCost(context.pool, buildId, cost), undefined);
      assert.deepEqual(await costsOf(context, id), [7, cost]);
    }
  });

  it("gives back what a deleted workspace cost", async (t) => {
    const { context, pool, userId, mine } = await given(t, 10);
    const { id } = await givenCostly(context, pool, 10, mine);
    assert.match((await commitNew(context, pool, userId, 10)) ?? "", /10 are in use/);
    await context.pool.query("update workspaces set deleted = true where id = $1", [id]);
    assert.equal(await commitNew(context, pool, userId, 10), undefined);
  });

  it("counts a build once that another worker begins again", async (t) => {
    const { context, pool, mine } = await given(t, 10);
    const { id, buildId } = await givenCostly(context, pool, 0, { ...mine, status: "running" });
    for (const _attempt of [1, 2]) assert.equal(await commitCost(context.pool, buildId, 10), undefined);
    assert.deepEqual(await costsOf(context, id), [10, 10]);
  });

  it("refuses a build that has ended, one after which the workspace has had another one, and one of a deleted workspace", async (t) => {
    const { context, pool, mine } = await given(t, 10);
    const { id, buildId } = await givenCostly(context, pool, 4, mine);
    await givenBuild(context, id, pool, { ...mine, transition: "stop", status: "running" });
    for (const cost of [0, 4, 5]) {
      assert.match((await commitCost(context.pool, buildId, cost)) ?? "", /has had another build since/);
    }
    const ended = await givenCostly(context, pool, 4, mine);
    for (const cost of [0, 4, 5]) {
      assert.match((await commitCost(context.pool, ended.buildId, cost)) ?? "", /^the build has ended/);
    }
    const gone = await givenCostly(context, pool, 4, { ...mine, transition: "delete" });
    assert.match((await commitCost(context.pool, gone.buildId, 4)) ?? "", /is deleted/);
    assert.deepEqual(await costsOf(context, id), [4, 0]);
  });

  it("of what never cost anything is one look, and waits for nobody", async (t) => {
    const { context, pool, userId, mine } = await given(t, 0);
    const { buildId } = await givenCostly(context, pool, 0, { ...mine, status: "running" });
    const held = await holdQuota(context, userId, pool.organizationId);
    const statements = countStatements(context.pool);
    assert.equal(await commitCost(context.pool, buildId, 0), undefined);
    // The queue has statements of its own now and then.
    assert.equal(statements.filter((text) => text.includes("workspace")).length, 1);
    await held.letGo();
  });

  it("that makes the workspace no dearer waits for nobody", async (t) => {
    const { context, pool, userId, mine } = await given(t, 0);
    const { buildId } = await givenCostly(context, pool, 7, { ...mine, status: "running" });
    const held = await holdQuota(context, userId, pool.organizationId);
    for (const cost of [7, 3]) assert.equal(await commitCost(context.pool, buildId, cost), undefined);
    await held.letGo();
  });

  it("looks again when somebody holds the owner's quota, with no transaction open meanwhile", async (t) => {
    const { context, pool, userId, mine } = await given(t, 5);
    const { id, buildId } = await givenCostly(context, pool, 0, { ...mine, status: "running" });
    const held = await holdQuota(context, userId, pool.organizationId);
    const answer = commitCost(context.pool, buildId, 5, { pauseMs: 10 });
    for (const _attempt of [1, 2]) {
      await untilSomebodyWaits(context);
      await untilNobodyWaits(context);
    }
    await held.letGo();
    assert.equal(await answer, undefined);
    assert.deepEqual(await costsOf(context, id), [5, 5]);
  });

  it("is refused with what holds it up when that goes on for too long", async (t) => {
    const { context, pool, userId, mine } = await given(t, 5);
    const { id, buildId } = await givenCostly(context, pool, 0, { ...mine, status: "running" });
    const held = await holdQuota(context, userId, pool.organizationId);
    const answer = await commitCost(context.pool, buildId, 5, { pauseMs: 1, patienceMs: 600 });
    await held.letGo();
    assert.match(
      answer ?? "",
      /^a transaction that is still open, such as a claim in SQL, kept the quota of user-\w+ in the organization default locked for too long: end it /,
    );
    assert.deepEqual(await costsOf(context, id), [0, 0]);
  });

  it("is given up with its build", async (t) => {
    const { context, pool, userId, mine } = await given(t, 5);
    const { id, buildId } = await givenCostly(context, pool, 0, { ...mine, status: "running" });
    const held = await holdQuota(context, userId, pool.organizationId);
    const stop = new AbortController();
    const answer = commitCost(context.pool, buildId, 5, { signal: stop.signal, pauseMs: 3_600_000 });
    await untilSomebodyWaits(context);
    stop.abort("canceled");
    assert.match((await answer) ?? "", /^the build was given up while it waited/);
    await held.letGo();
    assert.deepEqual(await costsOf(context, id), [0, 0]);
  });

  it("of 100 workspaces of one owner at once, whose budget is enough for three, is permitted to three", async (t) => {
    const { context, pool, userId } = await given(t, 30);
    const answers = await Promise.all(Array.from({ length: 100 }, () => commitNew(context, pool, userId, 10)));
    assert.equal(answers.filter((answer) => answer === undefined).length, 3);
    assert.equal(await count(context, "workspaces where daily_cost = 10 and owner_id = $1", [userId]), 3);
  });

  it("of a workspace that becomes dearer counts it once", async (t) => {
    const { context, pool, mine } = await given(t, 10);
    const { id, buildId } = await givenCostly(context, pool, 4, { ...mine, status: "running" });
    assert.equal(await commitCost(context.pool, buildId, 10), undefined);
    assert.deepEqual(await costsOf(context, id), [10, 10]);
    assert.match((await commitCost(context.pool, buildId, 11)) ?? "", /, 0 are in use/);
  });

  it("charges who owns the workspace when it is decided, not who did before, and waits for that owner's quota", async (t) => {
    const { context, pool, userId, mine } = await given(t, 5);
    const { id, buildId } = await givenCostly(context, pool, 0, { status: "running" });
    await givenAllowance(context, pool, 1_000, [PREBUILDS_SYSTEM_USER_ID]);
    const before = await holdQuota(context, PREBUILDS_SYSTEM_USER_ID, pool.organizationId);
    const after = await holdQuota(context, userId, pool.organizationId);
    const answer = commitCost(context.pool, buildId, 5);
    await untilSomebodyWaits(context);
    await context.pool.query("update workspaces set owner_id = $2 where id = $1", [id, userId]);
    await before.letGo();
    await untilSomebodyWaits(context);
    await givenCostly(context, pool, 3, mine);
    await after.letGo();
    assert.match((await answer) ?? "", /cost 5 a day; of the budget of 5 that user-.*, 3 are in use/);
    assert.equal(await commitCost(context.pool, buildId, 2), undefined);
  });
});

it("the prebuilds user needs an allowance like everybody else, and its builds fail with that sentence until it has one", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 2 });
  const group = await givenGroup(context, pool.organizationId, { name: GROUP });
  const succeeds = givenDriver();
  const driver = givenDriver({
    async build(request, acting) {
      const refused = await acting.commitCost(10);
      return refused === undefined ? succeeds.build(request, acting) : { ok: false, state: null, error: refused };
    },
  });
  await runPass(context, never);
  givenWorker(t, context, { driver });
  await settled(context);
  const { rows } = await context.pool.query("select error from provisioner_jobs");
  assert.equal(rows.length, 2);
  for (const { error } of rows) {
    assert.match(
      error,
      /^the workspace would cost 10 a day; of the budget of 0 that prebuilds has in the organization/,
    );
  }
  await context.pool.query("update groups set quota_allowance = 10 where id = $1", [group]);
  await context.pool.query("update template_version_presets set failures_reset_at = now()");
  await runPass(context, never);
  await settled(context);
  assert.equal(await count(context, "workspaces where agents_ready and daily_cost = 10"), 1, "there is room for one");
});
