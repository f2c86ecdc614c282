import { randomUUID } from "node:crypto";
import type { Context } from "../../src/context.ts";
import { commitCost } from "../../src/quota/commit.ts";
import type { GivenPool } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { givenGroup } from "../support/memberships.ts";

type Acting = Pick<Context, "pool" | "clock">;

/** Puts users into a new group of an organization that allows them this much. */
export async function givenAllowance(
  { pool }: Pick<Context, "pool">,
  { organizationId }: Pick<GivenPool, "organizationId">,
  quota_allowance: number,
  userIds: readonly string[],
): Promise<string> {
  const group = await givenGroup({ pool }, organizationId, { name: `group-${randomUUID()}`, quota_allowance });
  await pool.query("insert into group_members (group_id, user_id) select $1, unnest($2::uuid[])", [group, userIds]);
  return group;
}

/** A prebuild, or somebody's workspace, that costs this much a day already. */
export async function givenCostly(
  context: Acting,
  pool: GivenPool,
  cost: number,
  given: Parameters<typeof givenPrebuild>[2] = {},
): Promise<{ readonly id: string; readonly buildId: string }> {
  const { id, jobId } = await givenPrebuild(context, pool, given);
  await context.pool.query("update workspaces set daily_cost = $2 where id = $1", [id, cost]);
  const { rows } = await context.pool.query("select id from workspace_builds where job_id = $1", [jobId]);
  return { id, buildId: rows[0].id };
}

/** Commits the cost of somebody's new workspace; says why not, if it was refused. */
export async function commitNew(context: Acting, pool: GivenPool, ownerId: string, cost: number) {
  const { buildId } = await givenCostly(context, pool, 0, { ownerId, initiatorId: ownerId, status: "running" });
  return commitCost(context.pool, buildId, cost);
}

/** What is written of a workspace's cost: of itself, and of its newest build. */
export async function costsOf({ pool }: Pick<Context, "pool">, workspaceId: string): Promise<number[]> {
  const { rows } = await pool.query(
    `select w.daily_cost, b.daily_cost as of_build
     from workspaces w join workspace_builds b on b.id = w.latest_build_id where w.id = $1`,
    [workspaceId],
  );
  return [rows[0]?.daily_cost, rows[0]?.of_build];
}

/** Holds what a claim or a commit needs to spend somebody's quota, until it is let go. */
export async function holdQuota({ pool }: Pick<Context, "pool">, ownerId: string, organizationId: string) {
  const client = await pool.connect();
  await client.query("begin");
  await client.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`quota:${ownerId}:${organizationId}`]);
  return {
    letGo: async () => {
      await client.query("commit");
      client.release();
    },
  };
}
