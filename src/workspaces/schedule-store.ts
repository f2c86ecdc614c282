import type pg from "pg";
import { type LifecycleFacts, readLifecycle } from "../lifecycle/facts-store.ts";
import { SYSTEM_USER } from "../system-user.ts";
import { type LockedWorkspace, lockWorkspace } from "./builds-store.ts";

const NS_PER_MS = 1_000_000;

/** A workspace whose lifecycle is about to be changed; its row is locked until the transaction ends. */
export type WorkspaceToChange = { readonly workspace: LockedWorkspace; readonly facts: LifecycleFacts };

/** Locks a workspace, a prebuild or deleted one too, and reads its lifecycle as it is then. */
export async function lockLifecycle(client: pg.PoolClient, id: string): Promise<WorkspaceToChange | undefined> {
  const workspace = await lockWorkspace(client, id);
  const facts = workspace && (await readLifecycle(client, id));
  return facts && { workspace, facts };
}

/** Sets when a workspace starts by itself; null takes that away. A prebuild stays as it is. */
export async function setAutostart(
  client: pg.PoolClient,
  id: string,
  { schedule, nextStartAt, now }: { readonly schedule: string | null; readonly nextStartAt: Date | null; now: Date },
): Promise<void> {
  await client.query(
    `update workspaces set autostart_schedule = $2, next_start_at = $3, updated_at = $4
     where id = $1 and not deleted and owner_id <> ${SYSTEM_USER}`,
    [id, schedule, nextStartAt, now],
  );
}

/** Sets for how many milliseconds a workspace runs once it is started; null means for ever. A prebuild stays as it is. */
export async function setTtl(
  client: pg.PoolClient,
  id: string,
  { ttlMs, now }: { readonly ttlMs: number | null; readonly now: Date },
): Promise<void> {
  await client.query(
    `update workspaces set ttl = $2, updated_at = $3
     where id = $1 and not deleted and owner_id <> ${SYSTEM_USER}`,
    [id, ttlMs === null ? null : ttlMs * NS_PER_MS, now],
  );
}

/** Sets the deadline of a workspace's latest build, which is this one. A prebuild's stays as it is. */
export async function setDeadline(
  client: pg.PoolClient,
  { workspaceId, buildId }: Pick<LifecycleFacts, "workspaceId" | "buildId">,
  { deadline, now }: { readonly deadline: Date | null; readonly now: Date },
): Promise<void> {
  await client.query(
    `update workspace_builds b set deadline = $3, updated_at = $4
     from workspaces w
     where b.id = $2 and w.id = $1 and w.latest_build_id = b.id and not w.deleted and w.owner_id <> ${SYSTEM_USER}`,
    [workspaceId, buildId, deadline, now],
  );
}
