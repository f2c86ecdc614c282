import type { Queryable } from "../db/connection.ts";
import { isVisible, visibilityValues } from "../db/visible.ts";
import type { Visibility } from "../rbac/visibility.ts";
import type { Actor, AuditEntry } from "./entry.ts";
import type { AuditFilter } from "./search.ts";
import type { AuditRow } from "./view.ts";

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
    [now, actor.userId, actor.ip, actor.userAgent, actor.requestId, JSON.stringify(entries, wellFormed)],
  );
}

/** PostgreSQL takes text with half a surrogate pair for the same with U+FFFD, but not so in JSON. */
function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.toWellFormed() : value;
}

/** The conditions of `valuesOf`. What is not asked for is null, and PostgreSQL plans the statement without it. */
const MATCHES = `${isVisible({ id: "a.id", organization: "a.organization_id" })}
  and ($6::text is null or a.resource_id = $6)
  and ($7::uuid[] is null or a.user_id = any ($7))
  and ($8::uuid[] is null or a.organization_id = any ($8))
  and ($9::text is null or a.resource_type = $9)
  and ($10::text is null or a.action = $10)
  and ($11::timestamptz is null or a.at >= $11)
  and ($12::timestamptz is null or a.at <= $12)
  and ($13::text[] is null or lower(a.resource_target) like all ($13))`;

/**
 * One page of the entries that may be seen, the newest first, and how many there are in all. The entries of one thing,
 * user or organization are found and counted by an index; what else is asked for is looked for among these, or among all.
 */
export async function listAuditEntries(
  db: Queryable,
  visible: Visibility,
  filter: AuditFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ entries: AuditRow[]; count: number }> {
  const values = await valuesOf(db, visible, filter);
  const last = values.length;
  const { rows: entries } = await db.query<AuditRow>(
    `with page as (
       select * from audit_logs a where ${MATCHES} order by a.id desc limit $${last + 1} offset $${last + 2})
     select page.id::float8 as id, page.at, page.user_id, u.username, page.organization_id,
       o.name as organization_name, page.ip, page.user_agent, page.request_id, page.action, page.resource_type,
       page.resource_id, page.resource_target, page.diff
     from page
     left join users u on u.id = page.user_id
     left join organizations o on o.id = page.organization_id
     order by page.id desc`,
    [...values, page.limit, page.offset],
  );
  // The last page says how many there are without counting them.
  const isLast = entries.length < page.limit && (entries.length > 0 || page.offset === 0);
  return { entries, count: isLast ? page.offset + entries.length : await countEntries(db, values) };
}

async function countEntries(db: Queryable, values: unknown[]): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::int as count from audit_logs a where ${MATCHES}`,
    values,
  );
  return rows[0]?.count ?? 0;
}

/** The values of the parameters of MATCHES, in order. */
async function valuesOf(db: Queryable, visible: Visibility, filter: AuditFilter): Promise<unknown[]> {
  const { username, organization, targets } = filter;
  return [
    ...visibilityValues(visible),
    filter.resource_id ?? null,
    username === undefined ? null : await userIds(db, username),
    organization === undefined ? null : await organizationIds(db, organization),
    filter.resource_type ?? null,
    filter.action ?? null,
    filter.from ?? null,
    filter.to ?? null,
    targets.length === 0 ? null : targets.map((target) => `%${target.toLowerCase().replaceAll(/[\\%_]/g, "\\$&")}%`),
  ];
}

/** All who have or had the name: what deleted users did stays theirs. */
async function userIds(db: Queryable, username: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>("select id from users where lower(username) = lower($1)", [username]);
  return rows.map(({ id }) => id);
}

/** All that have or had the name, or the one with the id. */
async function organizationIds(db: Queryable, reference: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select id from organizations
     where id::text = lower($1) or lower(name) = lower($1) or (lower($1) = 'default' and is_default)`,
    [reference],
  );
  return rows.map(({ id }) => id);
}
