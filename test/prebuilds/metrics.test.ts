import assert from "node:assert/strict";
import { it } from "node:test";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import type { Context } from "../../src/context.ts";
import { createMetrics, type Metrics } from "../../src/metrics.ts";
import { findPreset, resetPool } from "../../src/prebuilds/control-store.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { SETTINGS_KEY } from "../../src/prebuilds/settings.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { createWorkspace } from "../../src/workspaces/create.ts";
import {
  type GivenPool,
  givenContext,
  givenDriver,
  givenPool,
  givenUser,
  givenWorker,
  settled,
} from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { givenSuccessor } from "../support/given-presets.ts";
import { givenReadyPool } from "../support/ready-pool.ts";

const never = new AbortController().signal;

/** The pools' samples without their labels, for tests that have one pool. */
async function samples(metrics: Metrics): Promise<Record<string, number>> {
  const { body } = await metrics.text();
  const lines = body.matchAll(/^coderd_prebuilt_workspaces_(\w+?)(?:\{[^}]*\})? (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name ?? "", Number(value)]));
}

async function claimOne(context: Context, pool: { organizationId: string; templateId: string; presetId: string }) {
  const ownerId = await givenUser(context);
  const { organizationId, templateId, presetId } = pool;
  const input = { organizationId, templateId, presetId, ownerId, initiatorId: ownerId, name: "mine" };
  return createWorkspace(context, {
    ...input,
    actor: COMMAND_LINE,
    parameters: [],
    automaticUpdates: "never",
    waitMs: 0,
  });
}

it("gauges say what the pools are and counters what they ever did, claims included", async (t) => {
  const now = new Date("2025-06-02T12:00:00Z");
  const context = await givenContext(t, { clock: { now: () => now } });
  const pool = await givenReadyPool(t, context, { desired: 3 });
  await claimOne(context, pool);
  const metrics = createMetrics(context);
  await metrics.refresh();
  assert.deepEqual(await samples(metrics), {
    desired: 3,
    running: 2,
    eligible: 2,
    created_total: 3,
    failed_total: 0,
    claimed_total: 1,
    reconciliation_paused: 0,
    metrics_last_updated: now.getTime() / 1_000,
  });
});

it("a prebuild whose first build failed counts as failed", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 1 });
  await runPass(context, never);
  givenWorker(t, context, { driver: givenDriver({ build: async () => ({ ok: false, state: null, error: "no" }) }) });
  await settled(context);
  const metrics = createMetrics(context);
  await metrics.refresh();
  const { created_total, failed_total, running } = await samples(metrics);
  assert.deepEqual([created_total, failed_total, running], [1, 1, 0]);
});

it("before the first refresh the time of the values is 0, and a failed refresh keeps values and time", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2 });
  const metrics = createMetrics(context);
  assert.deepEqual(await samples(metrics), { reconciliation_paused: 0, metrics_last_updated: 0 });
  await metrics.refresh();
  const before = await samples(metrics);
  await context.pool.query("alter table workspaces rename to elsewhere");
  await assert.rejects(metrics.refresh());
  assert.deepEqual(await samples(metrics), before);
});

it("a scrape does not touch the database", async (t) => {
  const context = await givenContext(t);
  await givenPool(context, { desired: 2 });
  const metrics = createMetrics(context);
  await metrics.refresh();
  let used = 0;
  context.pool.on("acquire", () => {
    used += 1;
  });
  await metrics.text();
  assert.equal(used, 0);
  await metrics.refresh();
  assert.ok(used > 0, "a refresh does");
});

type Series = Readonly<Record<string, number>>;

/** The samples of one template's pools by their names, next to those of other templates. */
async function seriesOf({ pool }: Context, metrics: Metrics, { templateId }: GivenPool): Promise<Series> {
  const { rows } = await pool.query<{ name: string }>("select name from templates where id = $1", [templateId]);
  const { body } = await metrics.text();
  const lines = [...body.matchAll(/^coderd_prebuilt_workspaces_(\w+)\{(.*)\} (\S+)$/gm)];
  const own = lines.filter(([, , labels]) => labels?.split(",").includes(`template_name="${rows[0]?.name}"`));
  return Object.fromEntries(own.map(([, name, , value]) => [name ?? "", Number(value)]));
}

const gauges = (running: number, eligible: number): Series => ({ desired: 1, running, eligible });
const counters = (created_total: number, claimed_total: number, failed_total: number): Series => ({
  ...{ created_total, claimed_total, failed_total },
});

type Row = {
  readonly says: string;
  readonly initiator: "system" | "human";
  readonly owner: "system" | "human";
  readonly build: Pick<NonNullable<Parameters<typeof givenPrebuild>[2]>, "transition" | "status" | "ready">;
  readonly expected: Series;
};

/** Table TV-9 of the specification; numbers with a letter are cases of our own. */
const ROWS: readonly Row[] = [
  {
    says: "178 a prebuild that is ready is created, runs and can be claimed",
    initiator: "system",
    owner: "system",
    build: { ready: true },
    expected: { ...gauges(1, 1), ...counters(1, 0, 0) },
  },
  {
    says: "178b one whose agent is not ready cannot be claimed",
    initiator: "system",
    owner: "system",
    build: { ready: false },
    expected: { ...gauges(1, 0), ...counters(1, 0, 0) },
  },
  {
    says: "178c one that was handed over is no longer in the pool",
    initiator: "system",
    owner: "human",
    build: { ready: true },
    expected: { ...gauges(0, 0), ...counters(1, 1, 0) },
  },
  {
    says: "179 one whose first build failed has failed",
    initiator: "system",
    owner: "system",
    build: { status: "failed" },
    expected: { ...gauges(0, 0), ...counters(1, 0, 1) },
  },
  {
    says: "179 one whose first build failed has failed, also when it belongs to a person",
    initiator: "system",
    owner: "human",
    build: { status: "failed" },
    expected: { ...gauges(0, 0), ...counters(1, 1, 1) },
  },
  ...(["stop", "delete"] as const).map(
    (transition): Row => ({
      says: `179b (ours) one whose ${transition} failed has not: a prebuild's first build is a start`,
      initiator: "system",
      owner: "system",
      build: { transition, status: "failed" },
      expected: { ...gauges(0, 0), ...counters(1, 0, 0) },
    }),
  ),
  {
    says: "181 what a person has had built from the start counts nowhere",
    initiator: "human",
    owner: "human",
    build: { ready: true },
    expected: gauges(0, 0),
  },
];

it("each prebuild counts as what it is and was, in the series of its own pool", async (t) => {
  const context = await givenContext(t);
  const idOf = { system: PREBUILDS_SYSTEM_USER_ID, human: await givenUser(context) };
  const metrics = createMetrics(context);
  const untouched = await givenPool(context);
  for (const { says, initiator, owner, build, expected } of ROWS) {
    await t.test(says, async () => {
      const pool = await givenPool(context);
      await givenPrebuild(context, pool, { ...build, initiatorId: idOf[initiator], ownerId: idOf[owner] });
      await metrics.refresh();
      assert.deepEqual(await seriesOf(context, metrics, pool), expected);
      assert.deepEqual(await seriesOf(context, metrics, untouched), gauges(0, 0));
    });
  }
});

it("182 the series of a template end with it, and those of others go on", async (t) => {
  const context = await givenContext(t);
  const metrics = createMetrics(context);
  const [kept, deleted] = [await givenPool(context), await givenPool(context)];
  for (const pool of [kept, deleted]) {
    await givenPrebuild(context, pool);
    await givenPrebuild(context, pool, { status: "failed" });
  }
  await metrics.refresh();
  const before = { ...gauges(1, 1), ...counters(2, 0, 1) };
  for (const pool of [kept, deleted]) assert.deepEqual(await seriesOf(context, metrics, pool), before);
  await context.pool.query("update templates set deleted = true where id = $1", [deleted.templateId]);
  await metrics.refresh();
  assert.deepEqual(await seriesOf(context, metrics, deleted), {});
  assert.deepEqual(await seriesOf(context, metrics, kept), before);
});

it("184 the gauge says whether all pools are paused, whatever is stored", async (t) => {
  const context = await givenContext(t);
  await givenPool(context);
  const metrics = createMetrics(context);
  const pausedAfter = async (settings: string | undefined) => {
    await context.pool.query(
      `insert into site_configs (key, value, updated_at) select $1, $2, now() where $2::text is not null
       on conflict (key) do update set value = excluded.value`,
      [SETTINGS_KEY, settings],
    );
    await runPass(context, never);
    await metrics.refresh();
    return (await samples(metrics))["reconciliation_paused"];
  };
  assert.equal(await pausedAfter(undefined), 0);
  assert.equal(await pausedAfter("{}"), 0);
  assert.equal(await pausedAfter('{"reconciliation_paused":true}'), 1);
  assert.equal(await pausedAfter('{"reconciliation_paused":false}'), 0);
});

it("184b a pool that stops creating has a series that says why, for as long as that is so", async (t) => {
  const context = await givenContext(t, { poolSettings: { failureHardLimit: 1 } });
  const [limited, refused] = [await givenPool(context), await givenPool(context)];
  await givenPrebuild(context, limited, { status: "failed" });
  const missing = "insert into template_version_parameters (template_version_id, name) values ($1, 'region')";
  await context.pool.query(missing, [refused.versionId]);
  const metrics = createMetrics(context);
  const reasons = async () => {
    await runPass(context, never);
    await metrics.refresh();
    const pools = await Promise.all([limited, refused].map((pool) => seriesOf(context, metrics, pool)));
    return pools.map(({ preset_hard_limited, preset_validation_failed }) => [
      preset_hard_limited,
      preset_validation_failed,
    ]);
  };
  assert.deepEqual(await reasons(), [
    [1, undefined],
    [undefined, 1],
  ]);

  const preset = await findPreset(context.pool, limited.presetId);
  assert.ok(preset);
  await resetPool(context.pool, preset, context.clock.now());
  await givenSuccessor(context, refused);
  assert.deepEqual(await reasons(), [
    [undefined, undefined],
    [undefined, undefined],
  ]);
});
