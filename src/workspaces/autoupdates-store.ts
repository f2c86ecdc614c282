import type pg from "pg";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";

/** A workspace whose automatic updates were looked at, and perhaps changed. */
export type Autoupdates = {
  readonly id: string;
  readonly owner_id: string;
  readonly owner_name: string;
  readonly organization_id: string;
  readonly name: string;
  readonly before: "always" | "never";
};

/** Says whether a workspace, unless it is a prebuild, is updated when it is started; undefined when it is not there. */
export async function setAutoupdates(
  client: pg.PoolClient,
  workspaceId: string,
  automaticUpdates: "always" | "never",
  now: Date,
): Promise<Autoupdates | undefined> {
  await client.query("select from workspaces where id = $1 for no key update", [workspaceId]);
  const { rows } = await client.query<Autoupdates>(
    `select w.id, w.owner_id, u.username as owner_name, w.organization_id, w.name, w.automatic_updates as before
      from workspaces w join users u on u.id = w.owner_id
      where w.id = $1 and not w.deleted`,
    [workspaceId],
  );
  await client.query(
    `update workspaces set automatic_updates = $2, updated_at = $3
      where id = $1 and not deleted and owner_id <> $4 and automatic_updates <> $2`,
    [workspaceId, automaticUpdates, now, PREBUILDS_SYSTEM_USER_ID],
  );
  return rows[0];
}
