import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { databaseErrorOf } from "../errors.ts";
import type { GroupBudgetRow, OverrideRow } from "./view.ts";

/** A group as far as its budget is concerned. */
export type BudgetGroup = {
  readonly id: string;
  readonly name: string;
  readonly organizationId: string;
  /** The organization's name. */
  readonly organization: string;
};

/** An override with the group that it counts for. */
export type OverrideWithGroup = OverrideRow & { readonly group: BudgetGroup };

// As JSON, whose numbers are exact up to what the columns are checked for.
const GROUP_COLUMNS = "group_id, to_json(spend_limit_micros) as spend_limit_micros, created_at, updated_at";
const OVERRIDE_COLUMNS = `user_id, ${GROUP_COLUMNS}`;
const BUDGET_GROUP = `
  select g.id, g.name, g.organization_id as "organizationId", o.name as organization
  from groups g join organizations o on o.id = g.organization_id and not o.deleted
  where g.id = $1`;

/** Finds the budget of a group. */
export async function findGroupBudget(db: Queryable, groupId: string): Promise<GroupBudgetRow | undefined> {
  const { rows } = await db.query<GroupBudgetRow>(`select ${GROUP_COLUMNS} from group_ai_budgets where group_id = $1`, [
    groupId,
  ]);
  return rows[0];
}

/** Finds a group whose budget is to be changed, and keeps others from changing it; undefined when it is gone. */
export async function lockBudgetGroup(client: pg.PoolClient, groupId: string): Promise<BudgetGroup | undefined> {
  const { rows } = await client.query<BudgetGroup>(`${BUDGET_GROUP} for no key update of g`, [groupId]);
  return rows[0];
}

/** Sets the budget of a group, which may have had another one. */
export async function putGroupBudget(
  client: pg.PoolClient,
  budget: { readonly groupId: string; readonly limitMicros: number },
  now: Date,
): Promise<GroupBudgetRow> {
  const { rows } = await client.query<GroupBudgetRow>(
    `insert into group_ai_budgets (group_id, spend_limit_micros, created_at, updated_at) values ($1, $2, $3, $3)
     on conflict (group_id) do update set spend_limit_micros = excluded.spend_limit_micros, updated_at = $3
     returning ${GROUP_COLUMNS}`,
    [budget.groupId, budget.limitMicros, now],
  );
  return rows[0] as GroupBudgetRow;
}

/** Takes a group's budget away; returns what it was, undefined when there was none. */
export async function deleteGroupBudget(client: pg.PoolClient, groupId: string): Promise<GroupBudgetRow | undefined> {
  const { rows } = await client.query<GroupBudgetRow>(
    `delete from group_ai_budgets where group_id = $1 returning ${GROUP_COLUMNS}`,
    [groupId],
  );
  return rows[0];
}

/** Finds the budget that is a user's own. */
export async function findOverride(db: Queryable, userId: string): Promise<OverrideRow | undefined> {
  const { rows } = await db.query<OverrideRow>(
    `select ${OVERRIDE_COLUMNS} from user_ai_budget_overrides where user_id = $1`,
    [userId],
  );
  return rows[0];
}

/**
 * Keeps others from changing a user's override until the transaction ends, and the user from being deleted; undefined
 * when they have been. Before anything else is locked, which is the order of the trigger that checks the membership.
 */
export async function lockBudgetUser(
  client: pg.PoolClient,
  userId: string,
): Promise<{ readonly username: string; readonly is_system: boolean } | undefined> {
  const { rows } = await client.query<{ username: string; is_system: boolean }>(
    "select username, is_system from users where id = $1 and not deleted for no key update",
    [userId],
  );
  return rows[0];
}

/** The override of a user whom `lockBudgetUser` has locked, and its group. Who ends a membership may still end it. */
export async function findOverrideWithGroup(
  client: pg.PoolClient,
  userId: string,
): Promise<OverrideWithGroup | undefined> {
  const { rows } = await client.query<OverrideWithGroup>(
    `select b.user_id, b.group_id, to_json(b.spend_limit_micros) as spend_limit_micros, b.created_at, b.updated_at,
       json_build_object('id', g.id, 'name', g.name, 'organizationId', g.organization_id, 'organization', o.name) as "group"
     from user_ai_budget_overrides b
     join groups g on g.id = b.group_id
     join organizations o on o.id = g.organization_id
     where b.user_id = $1`,
    [userId],
  );
  return rows[0];
}

/** Finds a group by its id. */
export async function findBudgetGroup(db: Queryable, groupId: string): Promise<BudgetGroup | undefined> {
  const { rows } = await db.query<BudgetGroup>(BUDGET_GROUP, [groupId]);
  return rows[0];
}

/** Who is to have an override, how much, and for which group it counts. */
export type Override = { readonly userId: string; readonly groupId: string; readonly limitMicros: number };

/**
 * Gives a user an override, in place of the one they may have had.
 * @returns undefined when the user is not in the group
 */
export async function putOverride(
  client: pg.PoolClient,
  { userId, groupId, limitMicros }: Override,
  now: Date,
): Promise<OverrideRow | undefined> {
  try {
    const { rows } = await client.query<OverrideRow>(
      `insert into user_ai_budget_overrides (user_id, group_id, spend_limit_micros, created_at, updated_at)
       values ($1, $2, $3, $4, $4)
       on conflict (user_id) do update
         set group_id = excluded.group_id, spend_limit_micros = excluded.spend_limit_micros, updated_at = $4
       returning ${OVERRIDE_COLUMNS}`,
      [userId, groupId, limitMicros, now],
    );
    return rows[0];
  } catch (error) {
    if (isNotInGroup(error)) return undefined;
    throw error;
  }
}

/** What the trigger on the overrides says, in the words of a check that it stands for (budgets specification, 3.2). */
function isNotInGroup(error: unknown): boolean {
  const cause = databaseErrorOf(error);
  return cause?.code === "23514" && cause.constraint === "user_ai_budget_overrides_must_be_group_member";
}

/** Takes a user's override away; false when it is gone already. */
export async function deleteOverride(client: pg.PoolClient, userId: string): Promise<boolean> {
  const { rowCount } = await client.query("delete from user_ai_budget_overrides where user_id = $1", [userId]);
  return rowCount === 1;
}
