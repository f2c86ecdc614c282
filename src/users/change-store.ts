import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { takenProblem, USER_COLUMNS } from "./store.ts";
import type { UserRow } from "./view.ts";

/**
 * Reads a user that is to be changed, and all who are site owners, and keeps all of them as they are until the
 * transaction ends. Otherwise two owners could suspend each other at the same moment.
 */
export async function lockUserAndOwners(
  client: pg.PoolClient,
  id: string,
): Promise<{ user: UserRow | undefined; owners: UserRow[] }> {
  // In one order, so that two transactions never wait for each other. The lock is the strongest one because a
  // workspace that is being made for the user is to be counted before the user is deleted.
  const { rows } = await client.query<UserRow>(
    `select ${USER_COLUMNS} from users u where not u.deleted and (u.id = $1 or 'owner' = any (u.rbac_roles))
      order by u.id for update of u`,
    [id],
  );
  return {
    user: rows.find((row) => row.id === id),
    owners: rows.filter((row) => row.rbac_roles.includes("owner")),
  };
}

/**
 * Stores what can be changed about a user; tells whether it did. A system user and one that is deleted stay as they are.
 * @throws ProblemError when the username is taken.
 */
export async function storeUser(db: Queryable, user: UserRow, now: Date): Promise<boolean> {
  try {
    const { rowCount } = await db.query(
      `update users set username = $2, name = $3, status = $4, rbac_roles = $5::text[], login_type = $6, updated_at = $7
        where id = $1 and not is_system and not deleted`,
      [user.id, user.username, user.name, user.status, user.rbac_roles, user.login_type, now],
    );
    return rowCount === 1;
  } catch (error) {
    throw takenProblem(error, user) ?? error;
  }
}

/** Deletes a user, softly, together with its tokens; tells whether it did. A system user stays. */
export async function deleteUser(db: Queryable, id: string, now: Date): Promise<boolean> {
  const { rowCount } = await db.query(
    `with gone as (
        update users set deleted = true, updated_at = $2 where id = $1 and not is_system and not deleted returning id),
      tokens as (
        delete from api_keys where user_id in (select id from gone))
      select from gone`,
    [id, now],
  );
  return rowCount === 1;
}

/** How many workspaces a user has. */
export async function countWorkspaces(db: Queryable, ownerId: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    "select count(*)::int as count from workspaces where owner_id = $1 and not deleted",
    [ownerId],
  );
  return rows[0]?.count ?? 0;
}
