import assert from "node:assert/strict";
import { it } from "node:test";
import { readSnapshot } from "../../src/prebuilds/store.ts";
import { type GivenPool, givenContext, givenPool, givenUser } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { givenSuccessor } from "../support/given-presets.ts";

const NOW = new Date("2025-06-02T12:00:00Z");
const clock = { now: () => NOW };
const minutesAgo = (minutes: number): Date => new Date(NOW.getTime() - minutes * 60_000);

type Acting = Parameters<typeof givenPrebuild>[0];
type Built = readonly ["failed" | "succeeded" | "canceled" | "pending" | "running", minutesAgo: number];

/** What a pass knows of one pool's failures. */
async function failuresOf({ pool }: Acting, { presetId }: GivenPool, failureHardLimit = 0) {
  const settings = { backoffLookbackMs: 3_600_000, failureHardLimit };
  const { pools } = await readSnapshot(pool, NOW, settings);
  const found = pools.find(({ id }) => id === presetId);
  assert.ok(found, "the pool is read");
  return found;
}

async function givenBuilds(context: Acting, pool: GivenPool, builds: readonly Built[]): Promise<void> {
  for (const [status, minutes] of builds)
    await givenPrebuild(context, pool, { status, createdAt: minutesAgo(minutes) });
}

async function schedule({ pool }: Acting, { presetId }: GivenPool, instances: number): Promise<void> {
  await pool.query("update template_version_presets set scheduling_timezone = 'UTC' where id = $1", [presetId]);
  await pool.query(
    `insert into template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
     values ($1, '* * * * *', $2)`,
    [presetId, instances],
  );
}

type BackoffCase = {
  readonly says: string;
  readonly desired: number;
  readonly builds: readonly Built[];
  /** How many failures count, and how many minutes ago the last of them was asked for; null when none count. */
  readonly expected: readonly [numFailed: number, minutesAgo: number] | null;
};

/** Table TV-3 of the specification; numbers with a letter are cases of our own. */
const BACKOFF: readonly BackoffCase[] = [
  { says: "86 one failed build counts", desired: 1, builds: [["failed", 1]], expected: [1, 1] },
  {
    says: "86b builds that have not ended do not fail",
    desired: 1,
    builds: [
      ["pending", 1],
      ["running", 2],
    ],
    expected: null,
  },
  { says: "86c a canceled build does not fail", desired: 1, builds: [["canceled", 1]], expected: null },
  { says: "91 without builds there are no failures", desired: 1, builds: [], expected: null },
  {
    says: "92 successes are no failures",
    desired: 1,
    builds: [
      ["succeeded", 3],
      ["succeeded", 2],
      ["succeeded", 1],
    ],
    expected: null,
  },
  {
    says: "94 a failure older than as many builds as the pool has members counts no more",
    desired: 3,
    builds: [
      ["failed", 4],
      ["succeeded", 3],
      ["succeeded", 2],
      ["succeeded", 1],
    ],
    expected: null,
  },
  {
    says: "95 a failure among as many of the newest builds as the pool has members counts",
    desired: 3,
    builds: [
      ["failed", 3],
      ["succeeded", 2],
      ["succeeded", 1],
    ],
    expected: [1, 3],
  },
  {
    says: "95b an old failure counts with one that is new enough",
    desired: 1,
    builds: [
      ["failed", 9],
      ["succeeded", 8],
      ["failed", 7],
    ],
    expected: [2, 7],
  },
  {
    says: "97 all failures within the lookback count, and the newest says from when the pool waits",
    desired: 6,
    builds: [
      ["failed", 61],
      ["failed", 4],
      ["failed", 0],
      ["failed", 3],
      ["failed", 1],
      ["failed", 2],
    ],
    expected: [5, 0],
  },
  { says: "98 a failure before the lookback does not count", desired: 1, builds: [["failed", 61]], expected: null },
  { says: "98b nor does one at its very edge", desired: 1, builds: [["failed", 60]], expected: null },
  { says: "98c a pool that wants nothing waits for nothing", desired: 0, builds: [["failed", 1]], expected: null },
];

it("recent failures are read from the history of a pool's builds", async (t) => {
  const context = await givenContext(t, { clock });
  for (const { says, desired, builds, expected } of BACKOFF) {
    await t.test(says, async () => {
      const pool = await givenPool(context, { desired });
      await givenBuilds(context, pool, builds);
      const { backoff } = await failuresOf(context, pool);
      assert.deepEqual(backoff, expected && { numFailed: expected[0], lastBuildAt: minutesAgo(expected[1]) });
    });
  }

  await t.test("88 failures of an old version are not those of the new one", async () => {
    const old = await givenPool(context, { desired: 1 });
    await givenBuilds(context, old, [["failed", 1]]);
    const pool = await givenSuccessor(context, old);
    await givenBuilds(context, pool, [
      ["failed", 3],
      ["failed", 2],
    ]);
    assert.equal((await failuresOf(context, old)).backoff, null);
    assert.deepEqual((await failuresOf(context, pool)).backoff, { numFailed: 2, lastBuildAt: minutesAgo(2) });
  });

  await t.test("89 failures of one template are not those of another", async () => {
    const pools = [await givenPool(context), await givenPool(context)];
    for (const pool of pools) await givenBuilds(context, pool, [["failed", 1]]);
    for (const pool of pools) assert.equal((await failuresOf(context, pool)).backoff?.numFailed, 1);
  });

  await t.test("96b (ours) the size that an open window gives says how many builds are looked at", async () => {
    const pool = await givenPool(context, { desired: 0 });
    await givenBuilds(context, pool, [
      ["failed", 3],
      ["succeeded", 2],
    ]);
    assert.equal((await failuresOf(context, pool)).backoff, null);
    await schedule(context, pool, 2);
    assert.equal((await failuresOf(context, pool)).backoff?.numFailed, 1);
  });

  await t.test("96c (ours) a failed prebuild that has been deleted still counts", async () => {
    const pool = await givenPool(context);
    await givenBuilds(context, pool, [["failed", 1]]);
    await context.pool.query("update workspaces set deleted = true where template_id = $1", [pool.templateId]);
    assert.equal((await failuresOf(context, pool)).backoff?.numFailed, 1);
  });

  await t.test("96d (ours) what happens to a prebuild after its first build does not count", async () => {
    const pool = await givenPool(context);
    for (const transition of ["stop", "delete"] as const) {
      await givenPrebuild(context, pool, { transition, status: "failed", createdAt: minutesAgo(1) });
    }
    assert.equal((await failuresOf(context, pool)).backoff, null);
  });

  await t.test("96e (ours) a reset forgets what failed before it", async () => {
    const pool = await givenPool(context, { desired: 3 });
    await givenBuilds(context, pool, [
      ["failed", 3],
      ["failed", 1],
    ]);
    const reset = "update template_version_presets set failures_reset_at = $2 where id = $1";
    await context.pool.query(reset, [pool.presetId, minutesAgo(2)]);
    assert.deepEqual((await failuresOf(context, pool)).backoff, { numFailed: 1, lastBuildAt: minutesAgo(1) });
    await context.pool.query(reset, [pool.presetId, NOW]);
    assert.equal((await failuresOf(context, pool)).backoff, null);
  });

  await t.test("96f what people build themselves does not count", async () => {
    const pool = await givenPool(context);
    const userId = await givenUser(context);
    await givenPrebuild(context, pool, { status: "failed", ownerId: userId, initiatorId: userId });
    assert.equal((await failuresOf(context, pool)).backoff, null);
  });
});

/**
 * Table TV-4 of the specification, the oldest build first: f failed, s succeeded, c canceled, p pending, S claimed after
 * a success, F failed and deleted. Letters in brackets were asked for at one moment.
 */
const LIMIT: readonly [number: string, builds: string, limit: number, limited: boolean][] = [
  ["99b", "", 1, false],
  ["99b", "s", 1, false],
  ["100", "f", 1, true],
  ["101", "ff", 1, true],
  ["101b", "f", 2, false],
  ["103", "ssf", 1, true],
  ["104", "ffs", 1, false],
  ["104b", "sff", 2, true],
  ["104b", "fsf", 2, false],
  ["106", "ffsff", 3, false],
  ["106b", "ffsfff", 3, true],
  ["107", "fffff", 0, false],
  ["108b (ours) a claimed success is a success:", "fSf", 2, false],
  ["108b (ours) a claimed success is a success:", "fSfSf", 3, false],
  ["108c (ours) deleted failures count:", "FF", 2, true],
  ["108d (ours) canceled builds neither fail nor succeed:", "fcf", 2, true],
  ["108d (ours) canceled builds neither fail nor succeed:", "ffc", 2, true],
  ["108d (ours) canceled builds neither fail nor succeed:", "ccc", 2, false],
  ["108e builds that have not ended neither fail nor succeed:", "fpfp", 2, true],
  ["108f (ours) a success asked for at the same moment ends the row:", "(fsf)", 2, false],
  ["108f (ours) a success asked for at the same moment ends the row:", "(ffs)f", 3, false],
  ["108f (ours) a success asked for at the same moment ends the row:", "(fs)ff", 2, true],
];

const STATUS = { f: "failed", F: "failed", s: "succeeded", S: "succeeded", c: "canceled", p: "pending" } as const;

it("a pool has reached the failure limit when as many of its newest builds have failed", async (t) => {
  const context = await givenContext(t, { clock });
  const userId = await givenUser(context);

  async function build(pool: GivenPool, builds: string): Promise<void> {
    let [minute, together] = [100_000, false];
    for (const letter of builds) {
      if (letter === "(" || letter === ")") together = letter === "(";
      if (!together) minute -= 1;
      if (!(letter in STATUS)) continue;
      const status = STATUS[letter as keyof typeof STATUS];
      const { id } = await givenPrebuild(context, pool, { status, createdAt: minutesAgo(minute) });
      if (letter === "S") await context.pool.query("update workspaces set owner_id = $2 where id = $1", [id, userId]);
      if (letter === "F") await context.pool.query("update workspaces set deleted = true where id = $1", [id]);
    }
  }

  for (const [number, builds, limit, limited] of LIMIT) {
    await t.test(`${number} ${builds || "no builds"} is ${limited ? "" : "not "}at a limit of ${limit}`, async () => {
      const pool = await givenPool(context);
      await build(pool, builds);
      const { hardLimited, status } = await failuresOf(context, pool, limit);
      assert.equal(hardLimited, limited);
      assert.equal(status, limited ? "hard_limited" : "healthy", "status and gate are one thing");
    });
  }

  await t.test("109 failures of an old version do not limit anything", async () => {
    const old = await givenPool(context);
    await build(old, "f");
    const pool = await givenSuccessor(context, old);
    await build(pool, "ff");
    assert.equal((await failuresOf(context, old, 1)).hardLimited, false);
    assert.equal((await failuresOf(context, pool, 1)).hardLimited, true);
  });

  await t.test("110 each of three templates reaches the limit by itself", async () => {
    const pools = [await givenPool(context), await givenPool(context), await givenPool(context)];
    for (const [index, pool] of pools.entries()) await build(pool, "f".repeat(index + 2));
    for (const pool of pools) assert.equal((await failuresOf(context, pool, 2)).hardLimited, true);
  });

  await t.test("110b (ours) a reset lets the pool go on until as many builds have failed again", async () => {
    const pool = await givenPool(context);
    await build(pool, "fff");
    await context.pool.query("update template_version_presets set failures_reset_at = $2 where id = $1", [
      pool.presetId,
      minutesAgo(10),
    ]);
    assert.equal((await failuresOf(context, pool, 2)).hardLimited, false);
    await givenBuilds(context, pool, [["failed", 9]]);
    assert.equal((await failuresOf(context, pool, 2)).hardLimited, false);
    await givenBuilds(context, pool, [["failed", 8]]);
    assert.equal((await failuresOf(context, pool, 2)).hardLimited, true);
  });
});
