import type { Queryable } from "../db/connection.ts";
import type { Actor, AuditEntry } from "./entry.ts";

/** Adds entries to the audit log; in the transaction of the changes, so that neither is there without the other. */
export async function insertAuditEntries(
  db: Queryable,
  actor: Actor,
  entries: readonly AuditEntry[],
  now: Date,
): Promise<void> {
  if (entries.length === 0) return;
  await db.query(
    `insert into audit_logs (at, user_id, ip, user_agent, request_id, action, resource_type, resource_id,
       resource_target, organization_id, diff)
     select $1, $2, $3, $4, $5, e.action, e.type, e.id, e.target, e."organizationId", e.diff
     from jsonb_to_recordset($6) as e (action text, type text, id text, target text, "organizationId" uuid, diff jsonb)`,
    [now, actor.userId, actor.ip, actor.userAgent, actor.requestId, JSON.stringify(entries)],
  );
}
