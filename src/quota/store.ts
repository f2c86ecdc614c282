import type pg from "pg";
import { prepared, type Queryable } from "../db/connection.ts";
import { SYSTEM_USER } from "../system-user.ts";
import type { Quota } from "./quota.ts";

/** Whose workspaces are counted together. */
export type QuotaOwner = { readonly ownerId: string; readonly organizationId: string };

/** The workspace that a build belongs to, as far as its cost is concerned. */
export type Charged = QuotaOwner & {
  readonly workspaceId: string;
  readonly owner: string;
  readonly organization: string;
  /** What the workspace costs a day so far. */
  readonly before: number;
};

const CHARGED = `
  select w.id as "workspaceId", w.owner_id as "ownerId", w.organization_id as "organizationId",
    u.username as owner, o.name as organization, w.daily_cost as before
  from workspace_builds b
  join workspaces w on w.id = b.workspace_id and w.latest_build_id = b.id and not w.deleted
  join users u on u.id = w.owner_id
  join organizations o on o.id = w.organization_id
  where b.id = $1`;

/** Finds the workspace that a build is the newest one of; undefined when there is a newer one, or it is deleted. */
export async function findCharged(db: Queryable, buildId: string): Promise<Charged | undefined> {
  const { rows } = await db.query<Charged>(prepared(CHARGED, [buildId]));
  return rows[0];
}

/** The job of the workspace's newest build has not ended. */
const UNDER_WAY = "w.latest_job_status in ('pending', 'running', 'canceling')";

/**
 * The same of a build that has not ended, and keeps it from ending, and the workspace from getting another owner, until
 * the transaction ends.
 */
export async function lockCharged(client: pg.PoolClient, buildId: string): Promise<Charged | undefined> {
  const { rows } = await client.query<Charged>(`${CHARGED} and ${UNDER_WAY} for no key update of w`, [buildId]);
  return rows[0];
}

/**
 * Makes sure that until the transaction ends nobody else decides what this owner can afford. What is read afterwards has
 * to be read in a statement of its own, which sees what the one before has written.
 */
export async function lockQuota(client: pg.PoolClient, { ownerId, organizationId }: QuotaOwner): Promise<void> {
  await client.query(
    "select pg_advisory_xact_lock(hashtextextended('quota:' || $1::uuid::text || ':' || $2::uuid::text, 0))",
    [ownerId, organizationId],
  );
}

/**
 * Adds up what somebody may spend, which is what all groups that they are in allow, Everyone included, and what their
 * workspaces cost. A sum over the entries of an index that holds workspaces with a cost only.
 */
export async function readQuota(db: Queryable, { ownerId, organizationId }: QuotaOwner): Promise<Quota> {
  const { rows } = await db.query<Quota>(
    prepared(
      `select
         (select coalesce(sum(g.quota_allowance), 0)::float8
          from group_members_expanded e join groups g on g.id = e.group_id
          where e.user_id = $1 and e.organization_id = $2) as budget,
         (select coalesce(sum(w.daily_cost), 0)::float8 from workspaces w
          where w.owner_id = $1 and w.organization_id = $2 and w.daily_cost > 0 and not w.deleted) as consumed`,
      [ownerId, organizationId],
    ),
  );
  return rows[0] ?? { budget: 0, consumed: 0 };
}

/** What the prebuilds of an organization cost a day, and may cost. */
export type QuotaSample = { readonly organizationName: string; readonly used: number; readonly budget: number };

/** The quota of the prebuilds in each organization where they cost something, or may. */
export async function readPrebuildQuotas(db: Queryable): Promise<QuotaSample[]> {
  const { rows } = await db.query<QuotaSample>(
    `select o.name as "organizationName", coalesce(u.cost, 0)::float8 as used, coalesce(b.allowance, 0)::float8 as budget
     from organizations o
     left join (
       select organization_id, sum(daily_cost) as cost from workspaces
       where owner_id = ${SYSTEM_USER} and daily_cost > 0 and not deleted group by organization_id
     ) u on u.organization_id = o.id
     left join (
       select e.organization_id, sum(g.quota_allowance) as allowance
       from group_members_expanded e join groups g on g.id = e.group_id
       where e.user_id = ${SYSTEM_USER} group by e.organization_id
     ) b on b.organization_id = o.id
     where u.cost > 0 or b.allowance > 0
     order by o.name`,
  );
  return rows;
}

/** Writes down what a build costs a day that makes its workspace dearer, which from now on costs that much, too. */
export async function raiseCost(
  client: pg.PoolClient,
  charged: { readonly buildId: string; readonly workspaceId: string; readonly cost: number },
): Promise<void> {
  await client.query(
    `with build as (update workspace_builds set daily_cost = $3 where id = $1)
     update workspaces set daily_cost = greatest(daily_cost, $3) where id = $2`,
    [charged.buildId, charged.workspaceId, charged.cost],
  );
}

/**
 * Writes down what a build costs a day that does not make its workspace dearer. The workspace costs what it did until
 * the build has succeeded.
 * @returns false when the build has ended or is not the newest one, or the workspace is deleted
 */
export async function writeLowerCost(db: Queryable, buildId: string, cost: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `update workspace_builds b set daily_cost = $2 from workspaces w
     where b.id = $1 and w.id = b.workspace_id and w.latest_build_id = b.id and not w.deleted and ${UNDER_WAY}
       and w.daily_cost >= $2`,
    [buildId, cost],
  );
  return rowCount === 1;
}

/** Lets a workspace cost no more than its newest build does, which has succeeded. */
export async function settleCost(
  client: pg.PoolClient,
  build: { readonly workspaceId: string; readonly buildId: string; readonly cost: number },
): Promise<void> {
  await client.query(
    "update workspaces set daily_cost = $3 where id = $1 and latest_build_id = $2 and daily_cost > $3",
    [build.workspaceId, build.buildId, build.cost],
  );
}
