import type { Queryable } from "../db/connection.ts";

/** The quiet hours that a user has chosen; empty when none, undefined when there is no such user. */
export async function readQuietHours(db: Queryable, userId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ quiet_hours_schedule: string }>(
    "select quiet_hours_schedule from users where id = $1 and not deleted",
    [userId],
  );
  return rows[0]?.quiet_hours_schedule;
}

/** Stores the quiet hours that a user has chosen; empty for none. A system user stays as it is. */
export async function storeQuietHours(db: Queryable, userId: string, schedule: string, now: Date): Promise<void> {
  await db.query(
    "update users set quiet_hours_schedule = $2, updated_at = $3 where id = $1 and not is_system and not deleted",
    [userId, schedule, now],
  );
}
