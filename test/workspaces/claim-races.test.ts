import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import type { Context } from "../../src/context.ts";
import { isUniqueViolation, ProblemError } from "../../src/errors.ts";
import { createClaimer } from "../../src/prebuilds/claim.ts";
import { CLAIMED_JOBS, type Claim, claimPrebuilds } from "../../src/prebuilds/claim-store.ts";
import { executeAction } from "../../src/prebuilds/execute.ts";
import { planPools, runPass } from "../../src/prebuilds/reconcile.ts";
import { type BuildQueue, PRIORITY, WORK, type WorkKind } from "../../src/provisioner/queue.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { asking } from "../support/asking.ts";
import { count, givenContext, givenPool } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { readHistories } from "../support/histories.ts";
import { givenReadyPool } from "../support/ready-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const never = new AbortController().signal;

it("157b (ours) 200 claims at once on 100 ready prebuilds give exactly 100 distinct claims and 100 ordinary builds", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 100 });
  const ask = await asking(context, pool);
  const outcomes = await Promise.all(Array.from({ length: 200 }, () => ask()));
  const claimed = outcomes.filter((outcome) => outcome.claimed);
  assert.equal(claimed.length, 100);
  assert.equal(new Set(outcomes.map((outcome) => outcome.workspaceId)).size, 200);
  assert.deepEqual(new Set(outcomes.map((outcome) => outcome.missReason)), new Set([null, "pool_empty"]));
  assert.equal(await count(context, "workspaces where owner_id = $1", [PREBUILDS_SYSTEM_USER_ID]), 0);
  assert.equal(
    await count(
      context,
      "provisioner_jobs where completed_at is null and input->>'prebuilt_workspace_stage' = 'claim'",
    ),
    100,
  );
  assert.equal(
    await count(context, "provisioner_jobs where completed_at is null and input->>'prebuilt_workspace_stage' = 'none'"),
    100,
  );
});

for (const [ready, claims] of [
  [20, "20 distinct claims"],
  [5, "5 distinct claims and 15 ordinary builds"],
] as const) {
  it(`157 (ours) 20 claims at once on ${ready} ready prebuilds are ${claims}`, async (t) => {
    const context = await givenContext(t);
    const pool = await givenPool(context, { desired: ready });
    const prebuilds = await Promise.all(Array.from({ length: ready }, () => givenPrebuild(context, pool)));
    // Twenty replicas: none of the claims shares its transaction with another one.
    const ask = await Promise.all(
      Array.from({ length: 20 }, () => asking({ ...context, claimPrebuild: createClaimer(context) }, pool)),
    );
    const outcomes = await Promise.all(ask.map((one) => one()));
    const claimed = outcomes.filter((outcome) => outcome.claimed).map((outcome) => outcome.workspaceId);
    assert.deepEqual(claimed.toSorted(), prebuilds.map(({ id }) => id).toSorted());
    assert.equal(new Set(outcomes.map((outcome) => outcome.workspaceId)).size, 20);
    assert.deepEqual(
      outcomes.flatMap(({ missReason }) => missReason ?? []),
      Array.from({ length: 20 - ready }, () => "pool_empty"),
    );
    const { rows } = await context.pool.query("select count(distinct owner_id)::int as owners from workspaces");
    assert.deepEqual(rows, [{ owners: 20 }]);
  });
}

it("a name that the owner already uses is a conflict, and the prebuild stays in its pool", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 2 });
  const ask = await asking(context, pool);
  await ask({ name: "taken" });
  await assert.rejects(
    ask({ name: "Taken" }),
    (error: unknown) => error instanceof ProblemError && error.kind === "conflict",
  );
  assert.equal(await count(context, "workspaces where owner_id = $1 and agents_ready", [PREBUILDS_SYSTEM_USER_ID]), 1);
  assert.equal(await count(context, "workspace_builds where build_number = 2"), 1);
});

it("a failure after the claim leaves the prebuild where it was", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 1 });
  // The queue's part of the statement comes last, and fails.
  const addition = async (_kind: WorkKind, from: string) =>
    `insert into pgboss.job (name, data) select null, to_jsonb(subject_id) from (${from}) s`;
  const queue = { ...context.queue, addition };
  const broken = { ...context, queue, claimPrebuild: createClaimer({ pool: context.pool, queue }) };
  const ask = await asking(broken, pool);
  await assert.rejects(ask(), /violates not-null constraint/);
  const { rows } = await context.pool.query("select owner_id, latest_build_number, agents_ready from workspaces");
  assert.deepEqual(rows, [{ owner_id: PREBUILDS_SYSTEM_USER_ID, latest_build_number: 1, agents_ready: true }]);
});

it("158b (ours) of prebuilds that are claimed and deleted at once each is one or the other, and no claimed one has a delete build", async (t) => {
  const context = await givenContext(t);
  const pool = await givenReadyPool(t, context, { desired: 30 });
  const ask = await asking(context, pool);
  const [snapshot] = (await runPass(context, never)).pools;
  assert.ok(snapshot);
  const ids = snapshot.pool.running.map((prebuild) => prebuild.id);
  const [outcomes] = await Promise.all([
    Promise.all(Array.from({ length: 30 }, () => ask())),
    ...[0, 10, 20].map((from) =>
      executeAction(context, snapshot.pool, { kind: "delete", ids: ids.slice(from, from + 10), reason: "extraneous" }),
    ),
  ]);
  const claimed = outcomes.filter((outcome) => outcome.claimed).map((outcome) => outcome.workspaceId);
  const deletes = await count(context, "workspace_builds where transition = 'delete'");
  assert.equal(
    await count(context, "workspace_builds where transition = 'delete' and workspace_id = any($1)", [claimed]),
    0,
  );
  assert.equal(claimed.length + deletes, 30);
});

/** A queue whose additions wait: whoever adds has written everything else and holds its locks meanwhile. */
function holding(queue: BuildQueue) {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const add: BuildQueue["add"] = async (...given) => {
    reached.resolve();
    await released.promise;
    await queue.add(...given);
  };
  return { queue: { ...queue, add }, reached: reached.promise, release: released.resolve };
}

const GATE = 4_711;

/** A claimer whose statement stops once it has taken its prebuilds and before it adds to the queue, until it is let on. */
async function holdingClaimer(t: TestContext, { pool, queue }: Context) {
  const gate = await pool.connect();
  t.after(() => gate.release(true));
  await gate.query("select pg_advisory_lock($1)", [GATE]);
  const addition: BuildQueue["addition"] = (kind, from, priority) =>
    queue.addition(kind, `select * from (${from}) s where pg_advisory_xact_lock(${GATE}) is not null`, priority);
  return {
    claimPrebuild: createClaimer({ pool, queue: { ...queue, addition } }),
    reached: () =>
      waitFor("the claim to have taken its prebuild", async () => {
        const { rowCount } = await pool.query("select from pg_locks where objid = $1 and not granted", [GATE]);
        return rowCount === 1;
      }),
    release: () => gate.query("select pg_advisory_unlock($1)", [GATE]),
  };
}

describe("158 (ours) of a claim and a deletion of the same prebuild exactly one wins:", () => {
  async function givenRace(t: TestContext) {
    const context = await givenContext(t);
    const pool = await givenPool(context);
    const { id } = await givenPrebuild(context, pool);
    const [planned] = (await planPools(context)).pools;
    assert.ok(planned);
    const buildsOf = async () =>
      (await readHistories(context)).get(pool.templateId)?.find((history) => history.id === id)?.builds;
    return {
      context,
      held: holding(context.queue),
      buildsOf,
      claim: async (acting: Context) => (await asking(acting, pool))(),
      remove: (acting: Context) =>
        executeAction(acting, planned.pool, { kind: "delete", ids: [id], reason: "extraneous" }),
    };
  }

  it("the claim, when it has taken the prebuild first", async (t) => {
    const { context, claim, remove, buildsOf } = await givenRace(t);
    const held = await holdingClaimer(t, context);
    const claiming = claim({ ...context, claimPrebuild: held.claimPrebuild });
    await held.reached();
    assert.equal((await remove(context)).done, 0, "the deletion does not wait for the claim");
    await held.release();
    assert.equal((await claiming).claimed, true);
    assert.equal((await remove(context)).done, 0, "and finds nothing to delete later either");
    assert.deepEqual(await buildsOf(), ["start succeeded", "start pending"]);
  });

  it("the deletion, when it has taken the prebuild first", async (t) => {
    const { context, held, claim, remove, buildsOf } = await givenRace(t);
    const removing = remove({ ...context, queue: held.queue });
    await held.reached;
    const { claimed, missReason } = await claim(context);
    assert.deepEqual([claimed, missReason], [false, "pool_empty"], "the claim does not wait for the deletion");
    held.release();
    assert.equal((await removing).done, 1);
    assert.equal((await claim(context)).claimed, false);
    assert.deepEqual(await buildsOf(), ["start succeeded", "delete pending"]);
  });
});

it("claims that share a transaction each keep to their own pool, name, parameters and age limit", async (t) => {
  const context = await givenContext(t);
  const [first, second] = [
    await givenReadyPool(t, context, { desired: 3 }),
    await givenReadyPool(t, context, { desired: 3 }),
  ];
  const [askFirst, askSecond] = [await asking(context, first), await asking(context, second)];
  const parameters = (value: string) => [{ name: "region", value }];
  const outcomes = await Promise.allSettled([
    askFirst({ name: "a", parameters: parameters("eu") }),
    askSecond({ name: "b", parameters: parameters("us"), ttlMs: 60_000 }),
    askFirst({ name: "a" }),
    askFirst({ name: "c", parameters: parameters("asia") }),
  ]);
  const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  assert.equal(refused.length, 1, "two claims for one name are one workspace and one conflict");
  assert.ok(refused[0] instanceof ProblemError && refused[0].kind === "conflict");
  const { rows } = await context.pool.query(
    `select w.name, w.template_id = $1 as first, w.ttl, p.value as region
     from workspaces w left join workspace_build_parameters p on p.workspace_build_id = w.latest_build_id
     where w.owner_id <> $2 and w.name in ('b', 'c') order by w.name`,
    [first.templateId, PREBUILDS_SYSTEM_USER_ID],
  );
  assert.deepEqual(rows, [
    { name: "b", first: false, ttl: "60000000000", region: "us" },
    { name: "c", first: true, ttl: null, region: "asia" },
  ]);
  assert.equal(await count(context, "workspaces where owner_id <> $1", [PREBUILDS_SYSTEM_USER_ID]), 3);
});

it("of claims that go together, one that then fails for itself leaves the others what they have got", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 2 });
  const [fresh, old] = [await givenPrebuild(context, pool), await givenPrebuild(context, pool)];
  await context.pool.query("update workspaces set created_at = now() - interval '1 day' where id = $1", [old.id]);
  const other = await givenPool(context, { desired: null });
  const ask = await asking(context, other);
  const { workspaceId } = await ask({ name: "taken", presetId: undefined });
  const { rows } = await context.pool.query("select owner_id from workspaces where id = $1", [workspaceId]);
  const ownerId = rows[0].owner_id;
  const claimOf = (name: string) => claimFor(pool, ownerId, { name });
  const queued = await context.queue.addition(WORK.build, CLAIMED_JOBS, PRIORITY.person);
  // The first takes the only fresh prebuild; the second goes on to the old one, under a name that is taken.
  const [first, second] = await claimPrebuilds(context.pool, [claimOf("mine"), claimOf("taken")], queued);
  assert.ok(first && "workspaceId" in first && first.workspaceId === fresh.id);
  assert.ok(second instanceof Error && isUniqueViolation(second, "workspaces_owner_id_name_unique"));
  const [third] = await claimPrebuilds(context.pool, [claimOf("free")], queued);
  assert.ok(third && "workspaceId" in third && third.workspaceId === old.id, "the old one is still there");
});

it("of claims that go together, each gives its claim build its own trace, or none", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 3 });
  for (let left = 3; left > 0; left -= 1) await givenPrebuild(context, pool);
  const ask = await asking(context, await givenPool(context, { desired: null }));
  const { workspaceId } = await ask({ presetId: undefined });
  const { rows: owners } = await context.pool.query("select owner_id from workspaces where id = $1", [workspaceId]);
  const traces = { first: "00-first", none: null, last: "00-last" };
  const claims = Object.entries(traces).map(([name, traceParent]) =>
    claimFor(pool, owners[0].owner_id, { name, traceParent }),
  );
  const queued = await context.queue.addition(WORK.build, CLAIMED_JOBS, PRIORITY.person);
  await claimPrebuilds(context.pool, claims, queued);
  const { rows } = await context.pool.query(
    `select w.name, j.trace_parent from workspaces w join workspace_builds b on b.id = w.latest_build_id
     join provisioner_jobs j on j.id = b.job_id where w.name = any ($1)`,
    [Object.keys(traces)],
  );
  assert.deepEqual(Object.fromEntries(rows.map((row) => [row.name, row.trace_parent])), traces);
});

/** A claim of a prebuild that is not older than an hour, if there is one. */
function claimFor(
  { presetId }: { readonly presetId: string },
  ownerId: string,
  given: Pick<Claim, "name" | "traceParent">,
): Claim {
  return {
    presetId,
    oldestFresh: new Date(Date.now() - 3_600_000),
    ownerId,
    initiatorId: ownerId,
    autostartSchedule: null,
    nextStartAt: null,
    ttl: null,
    automaticUpdates: "never",
    parameters: [],
    now: new Date(),
    actor: COMMAND_LINE,
    request: null,
    ...given,
  };
}
