import { type AuditEntry, difference } from "../audit/entry.ts";
import type { UserRow } from "./view.ts";

/** What the audit log says of a user that is made, changed or deleted: null is where there is none. */
export function userEntry(before: UserRow, after: UserRow | null): AuditEntry;
export function userEntry(before: null, after: UserRow): AuditEntry;
export function userEntry(before: UserRow | null, after: UserRow | null): AuditEntry {
  const { id, username } = (after ?? before) as UserRow;
  return {
    action: before === null ? "create" : after === null ? "delete" : "write",
    type: "user",
    id,
    target: username,
    organizationId: null,
    diff: difference(before && fieldsOf(before), after && fieldsOf(after)),
  };
}

function fieldsOf({ username, email, name, status, login_type, rbac_roles }: UserRow) {
  return { username, email, name, status, login_type, roles: rbac_roles };
}
