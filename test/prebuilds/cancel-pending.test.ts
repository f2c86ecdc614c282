import assert from "node:assert/strict";
import { it } from "node:test";
import type { Context } from "../../src/context.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import type { JobStatus } from "../../src/vocabulary.ts";
import { type GivenPool, givenContext, givenPool, givenUser, givenVersion } from "../support/given.ts";
import { type GivenPrebuild, givenBuild, givenPrebuild } from "../support/given-prebuild.ts";
import { givenSuccessor } from "../support/given-presets.ts";
import { changeOf, givenBystanders, readHistories } from "../support/histories.ts";

const T = new Date("2025-06-02T12:00:00Z");
const NOW = new Date("2025-06-02T12:05:00Z");
const PASSES = 8;
const never = new AbortController().signal;
const CANCELED = "start canceled, delete succeeded, deleted";

type Case = {
  readonly says: string;
  /** Puts the build there; by default a first one of the prebuilds user that waits. */
  readonly given: (context: Context, pool: GivenPool, userId: string) => Promise<unknown>;
  readonly kept?: boolean;
  readonly change: string;
};

const waiting = { status: "pending", createdAt: T } as const;

const CASES: readonly Case[] = [
  {
    says: "139 a first start that waits although its version is not active is canceled, and its workspace is gone",
    given: (context, pool) => givenPrebuild(context, pool, waiting),
    change: CANCELED,
  },
  {
    says: "140 one of the active version is left alone",
    given: (context, pool) => givenPrebuild(context, pool, waiting),
    kept: true,
    change: "",
  },
  {
    says: "143 one of a person's workspace is left alone",
    given: (context, pool, userId) =>
      givenPrebuild(context, pool, { ...waiting, ownerId: userId, initiatorId: userId }),
    change: "",
  },
  {
    says: "143b one that a person began on a prebuild is left alone",
    given: (context, pool, userId) => givenPrebuild(context, pool, { ...waiting, initiatorId: userId }),
    change: "",
  },
  {
    says: "143c one that belongs to no pool is left alone",
    given: (context, pool) => givenPrebuild(context, pool, { ...waiting, presetId: null }),
    change: "",
  },
  {
    says: "144b a later start that waits is left alone",
    given: async (context, pool) => {
      const { id } = await givenPrebuild(context, pool, { transition: "stop", createdAt: T });
      await givenBuild(context, id, pool, { ...waiting, transition: "start" });
    },
    change: "",
  },
  {
    says: "144c later builds that wait are left alone beside a first one that is canceled",
    given: async (context, pool) => {
      for (const transition of ["start", "stop", "delete"] as const) {
        const { id } = await givenPrebuild(context, pool, { transition: "stop", createdAt: T });
        await givenBuild(context, id, pool, { ...waiting, transition });
      }
      await givenPrebuild(context, pool, waiting);
    },
    change: CANCELED,
  },
  {
    says: "SYS-22: a claim build that waits is left alone beside a first one that is canceled",
    given: async (context, pool, userId) => {
      const { id } = await givenPrebuild(context, pool, { createdAt: T });
      await context.pool.query("update workspaces set owner_id = $2, name = 'mine' where id = $1", [id, userId]);
      await givenBuild(context, id, pool, { ...waiting, transition: "start", initiatorId: userId });
      await givenPrebuild(context, pool, waiting);
    },
    change: CANCELED,
  },
  ...(["running", "canceling", "canceled"] as const satisfies readonly JobStatus[]).map((status) => ({
    says: `${status === "running" ? "145" : status === "canceled" ? "146" : "146b"} one that is ${status} is left alone`,
    given: (context: Context, pool: GivenPool) => givenPrebuild(context, pool, { status, createdAt: T, endedAt: T }),
    change: "",
  })),
  {
    says: "145b one that a worker has taken is left alone",
    given: async (context, pool) => {
      const { jobId } = await givenPrebuild(context, pool, waiting);
      await context.pool.query("update provisioner_jobs set worker_id = gen_random_uuid() where id = $1", [jobId]);
    },
    change: "",
  },
];

it("of all builds, exactly those that can be canceled without loss are, and eight passes do what one does", async (t) => {
  const context = await givenContext(t, { clock: { now: () => NOW } });
  const untouched = await givenBystanders(context);
  const userId = await givenUser(context);
  const pools: GivenPool[] = [];
  for (const { given, kept } of CASES) {
    const pool = await givenPool(context);
    await given(context, pool, userId);
    if (!kept) await givenVersion(context, pool.templateId);
    pools.push(pool);
  }
  const before = await readHistories(context);
  const seen: string[][] = [];
  for (let pass = 1; pass <= PASSES; pass += 1) {
    assert.equal((await runPass(context, never)).failures, 0);
    const after = await readHistories(context);
    seen.push(pools.map(({ templateId }) => changeOf(before.get(templateId) ?? [], after.get(templateId) ?? [])));
  }
  for (const [index, { says, change }] of CASES.entries()) {
    await t.test(says, () => assert.deepEqual([...new Set(seen.map((changes) => changes[index]))], [change]));
  }
  await untouched();
});

it("139 the cancellation and the deletion are of one moment, and no worker has to do anything for them", async (t) => {
  const context = await givenContext(t, { clock: { now: () => NOW } });
  const pool = await givenPool(context);
  await givenPrebuild(context, pool, waiting);
  await givenVersion(context, pool.templateId);
  await runPass(context, never);
  const { rows } = await context.pool.query(
    `select b.transition, j.canceled_at, j.completed_at, j.worker_id, w.latest_transition, w.latest_job_status, w.deleted
     from workspaces w join workspace_builds b on b.workspace_id = w.id join provisioner_jobs j on j.id = b.job_id
     order by b.build_number`,
  );
  const workspace = { worker_id: null, latest_transition: "delete", latest_job_status: "succeeded", deleted: true };
  assert.deepEqual(rows, [
    { transition: "start", canceled_at: NOW, completed_at: NOW, ...workspace },
    { transition: "delete", canceled_at: null, completed_at: NOW, ...workspace },
  ]);
});

it("142 what waits in another template, or in the new version, is left alone", async (t) => {
  const context = await givenContext(t, { clock: { now: () => NOW } });
  const old = await givenPool(context);
  const other = await givenPool(context);
  for (const pool of [old, other]) await givenPrebuild(context, pool, waiting);
  const next = await givenSuccessor(context, old);
  await givenPrebuild(context, next, waiting);
  const before = await readHistories(context);
  await runPass(context, never);
  const after = await readHistories(context);
  const changes = [old, other].map(({ templateId }) =>
    changeOf(before.get(templateId) ?? [], after.get(templateId) ?? []),
  );
  assert.deepEqual(changes, [CANCELED, ""]);
});

it("148 over several versions of two templates, all that waits for old ones is canceled and all that runs of them goes", async (t) => {
  const context = await givenContext(t, { clock: { now: () => NOW } });
  const untouched = await givenBystanders(context);
  const made: (GivenPrebuild & { readonly change: string })[] = [];
  async function members(pool: GivenPool, running: number, pending: number, kept = false): Promise<void> {
    for (let index = 0; index < running + pending; index += 1) {
      const status = index < running ? "succeeded" : "pending";
      const change = status === "succeeded" ? "delete pending" : CANCELED;
      made.push({ ...(await givenPrebuild(context, pool, { status, createdAt: T })), change: kept ? "" : change });
    }
  }
  const a1 = await givenPool(context, { desired: 2 });
  await members(a1, 2, 3);
  await members(await givenSuccessor(context, a1), 1, 1, true);
  const b1 = await givenPool(context, { desired: 2 });
  await members(b1, 1, 2);
  const b2 = await givenSuccessor(context, b1);
  await members(b2, 0, 2);
  await members(await givenSuccessor(context, b2), 1, 1, true);

  const historyOf = (all: Awaited<ReturnType<typeof readHistories>>, id: string) =>
    [...all.values()].flat().filter((history) => history.id === id);
  const before = await readHistories(context);
  for (let pass = 1; pass <= PASSES; pass += 1) {
    await runPass(context, never);
    const after = await readHistories(context);
    for (const { id, change } of made) assert.equal(changeOf(historyOf(before, id), historyOf(after, id)), change);
    assert.equal([...after.values()].flat().length, [...before.values()].flat().length, "nothing new is made");
  }
  await untouched();
});
