import type pg from "pg";
import { emptyAccess } from "../workspaces/acl-store.ts";

/** How much there still is in an organization that must be gone before it can go. */
export type Dependants = { readonly workspaces: number; readonly templates: number };

/** Counts what is in the way of deleting an organization; prebuilds are workspaces, too. */
export async function countDependants(client: pg.PoolClient, id: string): Promise<Dependants> {
  const { rows } = await client.query<Dependants>(
    `select (select count(*)::int from workspaces where organization_id = $1 and not deleted) as workspaces,
        (select count(*)::int from templates where organization_id = $1 and not deleted) as templates`,
    [id],
  );
  return rows[0] as Dependants;
}

/**
 * Deletes an organization: it is no longer found, nobody is a member of it or of its groups any more, and it has no
 * roles. The row stays, because deleted workspaces and templates refer to it.
 */
export async function deleteOrganization(client: pg.PoolClient, id: string, now: Date): Promise<void> {
  // In this order, which is that of all who end memberships or delete groups: who is being added to a group, or has a
  // workspace shared with them, is held as a member until that is done. The lists are emptied in one go before the
  // members are deleted, which takes those out of them only: workspaces are locked once, by id.
  await client.query("select from organization_members where organization_id = $1 order by user_id for update", [id]);
  await emptyAccess(client, id, now);
  await client.query("delete from organization_members where organization_id = $1", [id]);
  await client.query(
    "delete from group_members gm using groups g where g.id = gm.group_id and g.organization_id = $1",
    [id],
  );
  await client.query("delete from custom_roles where organization_id = $1", [id]);
  await client.query("update organizations set deleted = true, updated_at = $2 where id = $1", [id, now]);
}
