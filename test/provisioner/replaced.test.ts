import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import type { Context } from "../../src/context.ts";
import { createMetrics } from "../../src/metrics.ts";
import type { BuildRequest, BuildResult } from "../../src/provisioner/driver.ts";
import { queueBuild } from "../../src/workspaces/builds.ts";
import { createWorkspace } from "../../src/workspaces/create.ts";
import { tellAll } from "../notifications/support.ts";
import { type GivenPool, givenContext, givenDriver, givenUser, givenWorker, settled } from "../support/given.ts";
import { givenReadyPool } from "../support/ready-pool.ts";

const TWO = { "docker_container.box": ["image"], "docker_volume.home": ["name", "driver"] };
const MAIN = [{ name: "main", ready: true }];

const replacing = async (): Promise<BuildResult> => ({ ok: true, state: null, agents: MAIN, replacements: TWO });

/** A site-wide template administrator. */
async function givenTemplateAdmin(context: Context): Promise<string> {
  const id = await givenUser(context);
  await context.pool.query("update users set rbac_roles = '{template-admin}' where id = $1", [id]);
  return id;
}

async function claimOne(context: Context, pool: GivenPool): Promise<{ workspaceId: string; ownerId: string }> {
  const ownerId = await givenUser(context);
  const { organizationId, templateId, presetId } = pool;
  const { workspaceId, claimed } = await createWorkspace(context, {
    organizationId,
    templateId,
    presetId,
    ownerId,
    initiatorId: ownerId,
    actor: COMMAND_LINE,
    name: "mine",
    parameters: [],
    automaticUpdates: "never",
    waitMs: 0,
  });
  assert.ok(claimed);
  return { workspaceId, ownerId };
}

/** A worker whose every build replaces two resources, and a pool of one prebuild. */
async function givenReplacingClaims(
  t: TestContext,
  {
    build = replacing,
    desired = 1,
    windowMs = 0,
  }: { build?: (request: BuildRequest) => Promise<BuildResult>; desired?: number; windowMs?: number } = {},
) {
  const context = await givenContext(t, { notifications: { windowMs } });
  const pool = await givenReadyPool(t, context, { desired });
  const worker = givenWorker(t, context, { driver: givenDriver({ build }) });
  /** All builds that are asked for have ended. */
  const built = async () => {
    worker.poke();
    await settled(context);
  };
  return { context, pool, built };
}

async function messages(context: Context) {
  await tellAll(context);
  const { rows } = await context.pool.query(
    `select m.user_id, d.event, d.occurrences, d.data
     from notification_messages m join notification_digests d on d.id = m.digest_id
     where m.channel = 'inbox' order by m.user_id`,
  );
  return rows;
}

/** The counter's lines as a scrape of a replica that has just started shows them. */
async function counted(context: Context): Promise<string[]> {
  const metrics = createMetrics(context);
  await metrics.refresh();
  const lines = (await metrics.text()).body.split("\n");
  return lines.filter((line) => line.startsWith("coderd_prebuilt_workspaces_resource_replacements_total"));
}

it("RPL-23: a claim that replaces two resources counts once, and tells each template administrator of both", async (t) => {
  const { context, pool, built } = await givenReplacingClaims(t);
  const admins = [await givenTemplateAdmin(context), await givenTemplateAdmin(context)].toSorted();
  assert.deepEqual(await counted(context), [], "absent until the first");
  const { workspaceId, ownerId } = await claimOne(context, pool);
  await built();

  const told = await messages(context);
  assert.deepEqual(
    told.map(({ user_id, event, occurrences }) => [user_id, event, occurrences]),
    admins.map((id) => [id, "resource_replaced", 1]),
  );
  for (const { data } of told) {
    const [claim] = data.claims;
    assert.deepEqual(claim.replacements, TWO);
    assert.deepEqual([claim.workspaceId, claim.claimantId, claim.buildNumber], [workspaceId, ownerId, 2]);
    assert.deepEqual([data.pool.presetId, data.pool.templateVersionId], [pool.presetId, pool.versionId]);
  }
  const once = await counted(context);
  assert.equal(once.length, 1);
  assert.match(once[0] ?? "", /preset_name="small",organization_name="default"\} 1$/);
  assert.deepEqual(await counted(context), once, "another replica, or one that was restarted, counts the same");
});

it("a claim ends whoever holds the messages about its pool, and is told of afterwards", async (t) => {
  const { context, pool, built } = await givenReplacingClaims(t, { desired: 2, windowMs: 60_000 });
  await givenTemplateAdmin(context);
  await claimOne(context, pool);
  await built();
  assert.equal((await messages(context))[0]?.occurrences, 1);
  const holder = await context.pool.connect();
  try {
    await holder.query("begin; lock table notification_digests, notification_messages in access exclusive mode");
    await claimOne(context, pool);
    await built();
    assert.match((await counted(context))[0] ?? "", / 2$/);
    await holder.query("commit");
  } finally {
    holder.release();
  }
  assert.equal((await messages(context))[0]?.occurrences, 2);
});

it("characters that the database refuses are replaced in what a claim has replaced", async (t) => {
  const replacements = { "box\u0000": ["\ud800"] };
  const { context, pool, built } = await givenReplacingClaims(t, {
    build: async () => ({ ok: true, state: null, agents: MAIN, replacements }),
  });
  await givenTemplateAdmin(context);
  await claimOne(context, pool);
  await built();
  const { rows } = await context.pool.query(
    "select resource_replacements as stored from workspace_builds where resource_replacements is not null",
  );
  assert.deepEqual(rows, [{ stored: { "box\ufffd": ["\ufffd"] } }]);
  assert.equal((await messages(context)).length, 1);
});

it("a second claim of the pool that replaces something makes the counter two", async (t) => {
  const { context, pool, built } = await givenReplacingClaims(t, { desired: 2 });
  await claimOne(context, pool);
  await claimOne(context, pool);
  await built();
  assert.match((await counted(context))[0] ?? "", / 2$/);
});

it("a claim that replaces nothing counts nothing and tells nobody", async (t) => {
  const { context, pool, built } = await givenReplacingClaims(t, {
    build: async () => ({ ok: true, state: null, agents: MAIN, replacements: null }),
  });
  await givenTemplateAdmin(context);
  await claimOne(context, pool);
  await built();
  assert.deepEqual([await counted(context), await messages(context)], [[], []]);
});

it("RPL-25: a claim build that fails counts nothing and tells nobody", async (t) => {
  const failing = async () => ({ ok: false, state: null, error: "no" }) as const;
  const { context, pool, built } = await givenReplacingClaims(t, { build: failing });
  await givenTemplateAdmin(context);
  await claimOne(context, pool);
  await built();
  assert.deepEqual([await counted(context), await messages(context)], [[], []]);
});

it("a later start of a claimed workspace counts nothing, whatever it replaces", async (t) => {
  const only = async (request: BuildRequest): Promise<BuildResult> =>
    request.stage === "claim" ? { ok: true, state: null, agents: MAIN } : replacing();
  const { context, pool, built } = await givenReplacingClaims(t, { build: only });
  await givenTemplateAdmin(context);
  const { workspaceId, ownerId } = await claimOne(context, pool);
  await built();
  await queueBuild(context, { workspaceId, transition: "start", initiatorId: ownerId });
  await built();
  assert.deepEqual([await counted(context), await messages(context)], [[], []]);
});

it("RPL-26: a claimed workspace whose first build has no preset counts nothing, and its claim has succeeded", async (t) => {
  const { context, pool, built } = await givenReplacingClaims(t);
  await givenTemplateAdmin(context);
  await context.pool.query("update workspace_builds set template_version_preset_id = null where build_number = 1");
  const { workspaceId } = await claimOne(context, pool);
  await built();
  const { rows } = await context.pool.query("select latest_job_status from workspaces where id = $1", [workspaceId]);
  assert.deepEqual(rows, [{ latest_job_status: "succeeded" }]);
  assert.deepEqual([await counted(context), await messages(context)], [[], []]);
});
