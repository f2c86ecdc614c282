import type { Queryable } from "../../src/db/connection.ts";

/** Gives a user an override as somebody does who writes SQL, and knows of nothing. */
export async function insertOverride(db: Queryable, userId: string, groupId: string, limit = "1"): Promise<void> {
  await db.query("insert into user_ai_budget_overrides (user_id, group_id, spend_limit_micros) values ($1, $2, $3)", [
    userId,
    groupId,
    limit,
  ]);
}

/** The group that a user's override counts for; undefined when there is none. */
export async function groupOfOverride(db: Queryable, userId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    "select group_id as id from user_ai_budget_overrides where user_id = $1",
    [userId],
  );
  return rows[0]?.id;
}

/** Overrides whose user is not in the group, which there should never be; who is deleted stays in their groups. */
export async function overridesWithoutMembership(db: Queryable): Promise<unknown[]> {
  const { rows } = await db.query(
    `select o.user_id, o.group_id from user_ai_budget_overrides o
     where not exists (select from group_members m where m.user_id = o.user_id and m.group_id = o.group_id)
       and not exists (
         select from organization_members m where m.user_id = o.user_id and m.organization_id = o.group_id)`,
  );
  return rows;
}
