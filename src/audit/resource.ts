import type { Resource } from "../rbac/decide.ts";

/**
 * The audit log of an organization as a thing that is protected, or that of the whole deployment. Nobody owns any of it,
 * so that having done something does not let one read the log.
 */
export function auditResource({ organizationId }: { readonly organizationId?: string }): Resource {
  return organizationId === undefined ? { type: "audit_log" } : { type: "audit_log", organizationId };
}
