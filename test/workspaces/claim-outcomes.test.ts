import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Context } from "../../src/context.ts";
import { createOrganization, ensureDefaultOrganization } from "../../src/organizations/store.ts";
import type { Claim } from "../../src/prebuilds/claim-store.ts";
import { planPools } from "../../src/prebuilds/reconcile.ts";
import { WORK } from "../../src/provisioner/queue.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { asking } from "../support/asking.ts";
import { type GivenPool, givenContext, givenVersion } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { givenSibling } from "../support/given-presets.ts";

// Table TV-6 of the specification. Its number 152, a claim that the license does not allow, has no counterpart here:
// everything is always allowed, and a claim comes to a prebuild or to none.

const T = new Date("2025-06-02T12:00:00Z");
const clock = { now: () => T };

const ORGANIZATIONS = {
  "the default organization": ensureDefaultOrganization,
  "another organization": (pool: Context["pool"]) => createOrganization(pool, { name: "another" }),
};

/** Two pools of one in one version, each with a prebuild that runs; the first of them is what people ask for. */
async function givenPools(context: Context, organization: keyof typeof ORGANIZATIONS, ready: boolean) {
  const { id: organizationId } = await ORGANIZATIONS[organization](context.pool);
  const { rows } = await context.pool.query<{ id: string }>(
    "insert into templates (organization_id, name, provisioner, created_by) values ($1, 'devbox', 'command', $2) returning id",
    [organizationId, PREBUILDS_SYSTEM_USER_ID],
  );
  const templateId = rows[0]?.id ?? "";
  const version = { organizationId, templateId, versionId: await givenVersion(context, templateId), presetId: "" };
  const pools = [
    await givenSibling(context, version, { name: "small", desired: 1 }),
    await givenSibling(context, version, { name: "large", desired: 1 }),
  ] as const;
  for (const pool of pools) await givenPrebuild(context, pool, { ready });
  return pools;
}

/** How many prebuilds run in each pool. */
async function runningIn(context: Context): Promise<number[]> {
  return (await planPools(context)).pools.map(({ plan }) => plan.state.actual);
}

/** What a workspace's newest build says, next to whose the workspace is. */
async function newestBuildOf({ pool }: Context, workspaceId: string) {
  const { rows } = await pool.query(
    `select b.build_number, b.transition, b.reason, b.template_version_preset_id as preset_id, j.job_status,
       w.owner_id, b.initiator_id, j.initiator_id as job_initiator_id, j.input->>'prebuilt_workspace_stage' as stage
     from workspaces w join workspace_builds b on b.id = w.latest_build_id join provisioner_jobs j on j.id = b.job_id
     where w.id = $1`,
    [workspaceId],
  );
  return rows[0];
}

/** What `newestBuildOf` says of a workspace that a user has had built anew. */
const ordinaryBuild = (userId: string, { presetId }: GivenPool) => ({
  ...{ build_number: 1, transition: "start", reason: "initiator", job_status: "pending", stage: "none" },
  ...{ owner_id: userId, initiator_id: userId, job_initiator_id: userId, preset_id: presetId },
});

/** A context that keeps what claims are asked for. */
function watched(context: Context): { context: Context; claims: Claim[] } {
  const claims: Claim[] = [];
  const claimPrebuild: Context["claimPrebuild"] = (claim, signal) => {
    claims.push(claim);
    return context.claimPrebuild(claim, signal);
  };
  return { context: { ...context, claimPrebuild }, claims };
}

/** Asks for a workspace as a new user; says what came of it. */
async function ask(context: Context, pool: GivenPool) {
  const outcome = await (await asking(context, pool))({ name: "mine" });
  const { rows } = await context.pool.query("select * from workspaces where id = $1", [outcome.workspaceId]);
  return { ...outcome, workspace: rows[0], userId: String(rows[0]?.owner_id) };
}

for (const organization of Object.keys(ORGANIZATIONS) as (keyof typeof ORGANIZATIONS)[]) {
  describe(`in ${organization}`, () => {
    it("149 while no agent is ready a request is one attempt to claim and then an ordinary build of the caller's", async (t) => {
      const { context, claims } = watched(await givenContext(t));
      const [pool] = await givenPools(context, organization, false);
      const { workspaceId, claimed, missReason, userId } = await ask(context, pool);
      assert.deepEqual([claimed, missReason, claims.length], [false, "not_ready", 1]);
      assert.deepEqual(await runningIn(context), [1, 1]);
      assert.deepEqual(await newestBuildOf(context, workspaceId), ordinaryBuild(userId, pool));
    });

    it("151 a claim that comes to nothing is an ordinary build of the caller's, and the pools keep what they have", async (t) => {
      const context = await givenContext(t);
      const [pool] = await givenPools(context, organization, true);
      const unlucky = { ...context, claimPrebuild: async () => undefined };
      const { workspaceId, claimed, missReason, userId } = await ask(unlucky, pool);
      assert.deepEqual([claimed, missReason], [false, "pool_empty"]);
      assert.deepEqual(await runningIn(context), [1, 1]);
      assert.deepEqual(await newestBuildOf(context, workspaceId), ordinaryBuild(userId, pool));
    });

    it("154 a claim gives the prebuild the caller, the name and the time, and no lifecycle that nobody asked for", async (t) => {
      const { context, claims } = watched(await givenContext(t, { clock }));
      const [pool] = await givenPools(context, organization, true);
      const { claimed, userId, workspace } = await ask(context, pool);
      assert.ok(claimed);
      assert.equal(claims.length, 1);
      const given = { ownerId: userId, initiatorId: userId, name: "mine", presetId: pool.presetId, now: T };
      const nothing = { autostartSchedule: null, nextStartAt: null, ttl: null, oldestFresh: null, parameters: [] };
      assert.partialDeepStrictEqual(claims[0], { ...given, ...nothing, automaticUpdates: "never" });
      const taken = { name: "mine", updated_at: T, last_used_at: T, preset_id: pool.presetId };
      const unset = { autostart_schedule: null, next_start_at: null, ttl: null, dormant_at: null, deleting_at: null };
      assert.partialDeepStrictEqual(workspace, { ...taken, ...unset, automatic_updates: "never" });
      assert.deepEqual((await runningIn(context)).toSorted(), [0, 1], "the other pool keeps its prebuild");
    });

    it("155 a claim queues one build of the caller's, whose job says that it is a claim", async (t) => {
      const context = await givenContext(t);
      const [pool] = await givenPools(context, organization, true);
      const { workspaceId, userId, workspace } = await ask(context, pool);
      const claim = { ...ordinaryBuild(userId, pool), build_number: 2, stage: "claim" };
      assert.deepEqual(await newestBuildOf(context, workspaceId), claim);
      const { rows } = await context.pool.query("select id, input from provisioner_jobs where job_status = 'pending'");
      const input = { workspace_build_id: workspace.latest_build_id, prebuilt_workspace_stage: "claim" };
      assert.deepEqual(rows, [{ id: rows[0]?.id, input }]);
      assert.deepEqual(await context.queue.missing(context.pool, WORK.build, [rows[0]?.id]), [], "a worker finds it");
    });
  });
}
