import type pg from "pg";
import type { Queryable } from "../db/connection.ts";

const IS_DISABLED = "select workspace_sharing_disabled as disabled from organizations where id = $1 and not deleted";

/** Whether workspaces cannot be shared in an organization; undefined when it has been deleted. */
export async function readSharing(db: Queryable, organizationId: string): Promise<boolean | undefined> {
  const { rows } = await db.query<{ disabled: boolean }>(IS_DISABLED, [organizationId]);
  return rows[0]?.disabled;
}

/** The same, and keeps it so until the transaction ends. */
export async function holdSharing(client: pg.PoolClient, organizationId: string): Promise<boolean | undefined> {
  const { rows } = await client.query<{ disabled: boolean }>(`${IS_DISABLED} for share`, [organizationId]);
  return rows[0]?.disabled;
}

/** Says whether workspaces cannot be shared in an organization. */
export async function storeSharing(client: pg.PoolClient, id: string, disabled: boolean, now: Date): Promise<void> {
  await client.query("update organizations set workspace_sharing_disabled = $2, updated_at = $3 where id = $1", [
    id,
    disabled,
    now,
  ]);
}
