import type { FastifyRequest } from "fastify";
import type { Actor, AuditEntry } from "../audit/entry.ts";
import { insertAuditEntries } from "../audit/store.ts";
import type { Queryable } from "../db/connection.ts";
import { subjectOf } from "./authorize.ts";

/** Longer ones tell no more. */
const MAX_USER_AGENT = 256;

/** Who sends the request, as the audit log names them. */
export function actorOf(request: FastifyRequest): Actor {
  return {
    userId: subjectOf(request).userId,
    ip: request.ip,
    userAgent: request.headers["user-agent"]?.slice(0, MAX_USER_AGENT) ?? null,
    requestId: request.id,
  };
}

/** Writes what the request changes to the audit log, in the transaction of the change. */
export async function audit(
  request: FastifyRequest,
  db: Queryable,
  entries: AuditEntry | readonly AuditEntry[],
  now: Date,
): Promise<void> {
  await insertAuditEntries(db, actorOf(request), [entries].flat(), now);
  request.audited = true;
}

/** Says that the request has changed nothing, or that its entries were written together with the change. */
export function auditDone(request: FastifyRequest): void {
  request.audited = true;
}

/** Fails a request that changed something without an audit entry, so that no route can forget to write one. */
export function demandAudit(request: FastifyRequest, status: number): void {
  if (request.method === "GET" || request.method === "HEAD" || status >= 400 || request.audited) return;
  throw new Error(`${request.method} ${request.routeOptions.url} was answered without an audit entry`);
}
