import assert from "node:assert/strict";
import { it } from "node:test";
import type { Context } from "../../src/context.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import type { JobStatus, Transition } from "../../src/vocabulary.ts";
import { count, type GivenPool, givenContext, givenPool, givenUser, givenVersion } from "../support/given.ts";
import { givenBuild, givenPrebuild } from "../support/given-prebuild.ts";
import { givenSibling, givenSuccessor } from "../support/given-presets.ts";
import { changeOf, givenBystanders, readHistories } from "../support/histories.ts";

const T = new Date("2025-06-02T12:00:00Z");
const INTERVAL = 60_000;
const RETENTION = 3_600_000;
const PASSES = 8;
const never = new AbortController().signal;

const KEPT_POOL = "the pool is kept";
const OLD = "its version is not active";
const DELETED = "its template is deleted";
const DEPRECATED = "its template is deprecated";
const DROPPED_POOLS = [OLD, DELETED, `${OLD} and ${DELETED}`, DEPRECATED];

type Row = readonly [number: string, transition: Transition, status: JobStatus, outcomes: Outcomes];
/** What comes of a pool of one whose one prebuild stands like this: at once, after the interval, after the retention. */
type Outcomes = readonly [now: string, afterInterval?: string, afterRetention?: string];

/** The pool is kept. Numbers are those of table TV-5 of the specification; those with a letter are cases of our own. */
const KEPT: readonly Row[] = [
  ["112", "start", "succeeded", [""]],
  ["113", "start", "pending", [""]],
  ["113", "start", "running", [""]],
  ["116 (ours)", "start", "canceling", [""]],
  ["113b (ours)", "start", "failed", ["", "1 new", "1 new, delete pending"]],
  ["113c", "start", "canceled", ["1 new"]],
  ["116", "stop", "pending", ["1 new"]],
  ["116", "stop", "running", ["1 new"]],
  ["116", "stop", "canceling", ["1 new"]],
  ["119", "stop", "succeeded", ["1 new"]],
  ["119b", "stop", "failed", ["1 new"]],
  ["115", "stop", "canceled", ["1 new"]],
  ["116", "delete", "pending", ["1 new"]],
  ["116", "delete", "running", ["1 new"]],
  ["116", "delete", "canceling", ["1 new"]],
  ["119", "delete", "succeeded", ["1 new"]],
  ["119b (ours)", "delete", "failed", ["1 new", "1 new, delete pending"]],
  ["115", "delete", "canceled", ["1 new"]],
];

/** The pool is no longer kept. */
const DROPPED: readonly Row[] = [
  ["118", "start", "succeeded", ["delete pending"]],
  ["118b", "start", "pending", ["start canceled, delete succeeded, deleted"]],
  ["118b", "start", "running", [""]],
  ["118b", "start", "canceling", [""]],
  ["118c (ours)", "start", "failed", ["", "", "delete pending"]],
  ["118d", "start", "canceled", [""]],
  ["119c", "stop", "pending", [""]],
  ["119c", "stop", "running", [""]],
  ["119c", "stop", "canceling", [""]],
  ["119", "stop", "succeeded", [""]],
  ["119c", "stop", "failed", [""]],
  ["119c", "stop", "canceled", [""]],
  ["119d", "delete", "pending", [""]],
  ["119d", "delete", "running", [""]],
  ["119d", "delete", "canceling", [""]],
  ["119", "delete", "succeeded", [""]],
  ["119e (ours)", "delete", "failed", ["", "delete pending"]],
  ["119d", "delete", "canceled", [""]],
];

it("whatever state the one prebuild of a pool is in, eight passes do what one does", async (t) => {
  let now = T;
  const context = await givenContext(t, { clock: { now: () => now } });
  const untouched = await givenBystanders(context);
  const cases = [];
  for (const pool of [KEPT_POOL, ...DROPPED_POOLS]) {
    for (const [number, transition, status, outcomes] of pool === KEPT_POOL ? KEPT : DROPPED) {
      const { templateId, ...given } = await givenPool(context);
      await givenPrebuild(context, { templateId, ...given }, { transition, status });
      if (pool.includes(OLD)) await givenVersion(context, templateId);
      if (pool.includes(DELETED)) await updateTemplate(context, templateId, "deleted = true");
      if (pool.includes(DEPRECATED)) await updateTemplate(context, templateId, "deprecated = 'use another'");
      cases.push({ says: `${number} ${transition} ${status}, ${pool}`, templateId, outcomes });
    }
  }
  const before = await readHistories(context);
  const seen = new Map<string, Set<string>[]>();
  for (const milliseconds of [0, INTERVAL + 1, RETENTION]) {
    now = new Date(T.getTime() + milliseconds);
    for (const { templateId } of cases) seen.set(templateId, [...(seen.get(templateId) ?? []), new Set()]);
    for (let pass = 1; pass <= PASSES; pass += 1) {
      const { results, failures } = await runPass(context, never);
      assert.equal(failures, 0);
      const idle = results.filter(({ action, done }) => action.kind !== "backoff" && done === 0);
      assert.deepEqual(idle, [], "what is planned can be done");
      const after = await readHistories(context);
      for (const { templateId } of cases) {
        const change = changeOf(before.get(templateId) ?? [], after.get(templateId) ?? []);
        seen.get(templateId)?.at(-1)?.add(change);
      }
    }
  }
  for (const { says, templateId, outcomes } of cases) {
    const [first, second = first, third = second] = outcomes;
    const expected = [first, second, third].map((outcome) => [outcome]);
    await t.test(says, () =>
      assert.deepEqual(
        seen.get(templateId)?.map((changes) => [...changes]),
        expected,
      ),
    );
  }
  await untouched();
});

async function updateTemplate({ pool }: Pick<Context, "pool">, templateId: string, set: string): Promise<void> {
  await pool.query(`update templates set ${set} where id = $1`, [templateId]);
}

/** What eight passes do to the pools' templates, which must be what the first of them does. */
async function changesOf(context: Context, pools: readonly GivenPool[]): Promise<string[]> {
  const before = await readHistories(context);
  const untouched = await givenBystanders(context);
  const seen: string[][] = [];
  for (let pass = 1; pass <= PASSES; pass += 1) {
    await runPass(context, never);
    const after = await readHistories(context);
    seen.push(pools.map(({ templateId }) => changeOf(before.get(templateId) ?? [], after.get(templateId) ?? [])));
  }
  for (const changes of seen) assert.deepEqual(changes, seen[0]);
  await untouched();
  return seen[0] ?? [];
}

it("121 templates without presets, and presets without a size, get nothing", async (t) => {
  const context = await givenContext(t);
  const bare = await givenPool(context);
  await context.pool.query("delete from template_version_presets where id = $1", [bare.presetId]);
  const sizeless = await givenPool(context, { desired: null });
  assert.deepEqual(await changesOf(context, [bare, sizeless]), ["", ""]);
});

it("122 of two pools of one version, the one whose starts are under way gets nothing, the empty one all it wants", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 4 });
  for (let index = 0; index < 4; index += 1) await givenPrebuild(context, pool, { status: "running" });
  const other = await givenSibling(context, pool, { name: "large", desired: 10 });
  assert.deepEqual(await changesOf(context, [pool]), ["10 new"]);
  assert.equal(await count(context, "workspaces where preset_id = $1", [other.presetId]), 10);
});

it("123b (ours) a build that a person began on a prebuild counts like any other", async (t) => {
  const context = await givenContext(t);
  const pools = [await givenPool(context), await givenPool(context)];
  const initiatorId = await givenUser(context);
  for (const [index, pool] of pools.entries()) {
    const { id } = await givenPrebuild(context, pool, { transition: "stop" });
    if (index === 0) await givenBuild(context, id, pool, { transition: "start", status: "running", initiatorId });
  }
  assert.deepEqual(await changesOf(context, pools), ["", "1 new"]);
});

it("124 what runs of an old version goes although nothing can be built of the new one", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { parameters: { size: "small" } });
  await givenPrebuild(context, pool);
  const { versionId, presetId } = await givenSuccessor(context, pool);
  await context.pool.query(
    "insert into template_version_parameters (template_version_id, name) values ($1, 'region')",
    [versionId],
  );
  assert.deepEqual(await changesOf(context, [pool]), ["delete pending"]);
  const { rows } = await context.pool.query(
    "select prebuild_status, prebuild_status_detail from template_version_presets where id = $1",
    [presetId],
  );
  assert.equal(rows[0]?.prebuild_status, "validation_failed");
  assert.match(rows[0]?.prebuild_status_detail, /region/);
});

it("131 expired prebuilds go and are replaced, and the oldest of those above the target go", async (t) => {
  const context = await givenContext(t, { clock: { now: () => T } });
  const secondsAgo = (seconds: number) => new Date(T.getTime() - seconds * 1_000);
  const ROWS: readonly [running: number, desired: number, expired: number, change: string][] = [
    [2, 2, 0, ""],
    [2, 2, 1, "1 new, delete pending"],
    [2, 2, 2, "2 new, delete pending, delete pending"],
    [4, 2, 2, "delete pending, delete pending"],
    [4, 2, 1, "delete pending, delete pending"],
  ];
  const pools: GivenPool[] = [];
  for (const [running, desired, expired] of ROWS) {
    const pool = await givenPool(context, { desired, ttlSeconds: 3_600 });
    pools.push(pool);
    for (let index = 0; index < running; index += 1) {
      await givenPrebuild(context, pool, { createdAt: secondsAgo((index < expired ? 5_000 : 1_000) - index) });
    }
  }
  const changes = await changesOf(context, pools);
  const histories = await readHistories(context);
  for (const [index, [running, desired, expired, change]] of ROWS.entries()) {
    await t.test(`131 ${running} running, ${desired} desired, ${expired} expired`, () => {
      assert.equal(changes[index], change);
      const left = (histories.get(pools[index]?.templateId ?? "") ?? []).map(({ builds }) => builds.length === 1);
      assert.deepEqual(
        left,
        left.toSorted((a, b) => Number(a) - Number(b)),
        "the oldest have gone",
      );
    });
  }
});
