import type { Queryable } from "../db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";

/**
 * Settles the lifecycle of a workspace when a build has ended: a prebuild has none, so every field is unset; a
 * workspace with a ttl that has been started gets the deadline that the ttl gives it from now.
 */
export async function settleLifecycle(
  client: Queryable,
  build: { workspaceId: string; buildId: string; succeeded: boolean; now: Date },
): Promise<void> {
  await client.query(
    `update workspaces set autostart_schedule = null, next_start_at = null, ttl = null, dormant_at = null,
       deleting_at = null
     where id = $1 and owner_id = $2
       and num_nonnulls(autostart_schedule, next_start_at, ttl, dormant_at, deleting_at) > 0`,
    [build.workspaceId, PREBUILDS_SYSTEM_USER_ID],
  );
  await client.query(
    `update workspace_builds b
     set max_deadline = null,
         deadline = case when w.owner_id <> $3 and b.transition = 'start' and $5 and w.ttl > 0
           then $4::timestamptz + make_interval(secs => w.ttl / 1e9) end
     from workspaces w
     where b.id = $2 and w.id = $1 and b.workspace_id = w.id
       and (w.owner_id = $3 or $5)`,
    [build.workspaceId, build.buildId, PREBUILDS_SYSTEM_USER_ID, build.now, build.succeeded],
  );
}
