import type { Queryable } from "../db/connection.ts";
import type { MissReason } from "../prebuilds/claim-store.ts";

/** What an earlier request with the same key of the same user got. */
export type AnsweredRequest = {
  readonly requestHash: Buffer;
  readonly workspaceId: string;
  /** Why none was claimed; null when one was. */
  readonly missReason: MissReason | null;
};

/** Finds what an earlier request with the same key got. */
export async function findRequest(db: Queryable, userId: string, key: string): Promise<AnsweredRequest | undefined> {
  const { rows } = await db.query<AnsweredRequest>(
    `select request_hash as "requestHash", workspace_id as "workspaceId", miss_reason as "missReason"
     from workspace_requests where user_id = $1 and idempotency_key = $2`,
    [userId, key],
  );
  return rows[0];
}

/** Forgets the requests from before a time, whose keys may then be used anew; returns how many. */
export async function forgetRequests(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query("delete from workspace_requests where created_at < $1", [before]);
  return rowCount ?? 0;
}
