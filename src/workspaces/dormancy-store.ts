import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { SYSTEM_USER } from "../system-user.ts";

/** Ends a workspace's dormancy. It counts as used now, or it would become dormant again at once. */
export async function activate(
  client: pg.PoolClient,
  id: string,
  { nextStartAt, now }: { readonly nextStartAt: Date | null; readonly now: Date },
): Promise<void> {
  await client.query(
    `update workspaces set dormant_at = null, deleting_at = null, next_start_at = $2, updated_at = $3,
       last_used_at = greatest(last_used_at, $3)
     where id = $1 and not deleted and owner_id <> ${SYSTEM_USER}`,
    [id, nextStartAt, now],
  );
}

/**
 * Writes down that a workspace is used now and, where a deadline is given, prolongs the build that it was computed for
 * up to that. Whatever comes at once, neither ever goes back. Prebuilds are left alone, and so is a workspace that
 * somebody else has locked: that it is in use is soon said again, and to wait would keep a connection from others.
 * @returns false when nothing was written because the workspace is dormant
 */
export async function recordUse(
  db: Queryable,
  { workspaceId, buildId }: { readonly workspaceId: string; readonly buildId: string },
  { deadline, now }: { readonly deadline: Date | null; readonly now: Date },
): Promise<boolean> {
  // The build is found through the workspace, so that the workspace is locked first, as everywhere.
  const { rows } = await db.query<{ dormant: boolean }>(
    `with free as (
       select id, dormant_at is not null as dormant from workspaces
       where id = $1 and not deleted and owner_id <> ${SYSTEM_USER}
       for no key update skip locked
     ), used as (
       update workspaces w set last_used_at = greatest(w.last_used_at, $2)
       from free
       where w.id = free.id and not free.dormant
       returning w.latest_build_id
     ), prolonged as (
       update workspace_builds b set deadline = least($4, b.max_deadline), updated_at = $2
       from used
       where b.id = used.latest_build_id and b.id = $3
         and $4::timestamptz is not null and b.deadline < least($4, b.max_deadline)
     )
     select dormant from free`,
    [workspaceId, now, buildId, deadline],
  );
  return !rows[0]?.dormant;
}
