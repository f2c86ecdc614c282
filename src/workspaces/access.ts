import { DORMANT_ACTIONS } from "../rbac/organization-member.ts";
import type { ActionOn } from "../rbac/policy.ts";

/** What somebody with whom a workspace is shared may do with it. */
export const SHARED_ROLES = ["use", "admin"] as const;
export type SharedRole = (typeof SHARED_ROLES)[number];

/** Whom a workspace is shared with: the role of each by the id of the user or group. */
export type AccessRoles = Readonly<Record<string, SharedRole>>;

type Actions = readonly ActionOn<"workspace">[];

const USE: Actions = ["read", "start", "stop", "ssh", "application_connect"];
const GRANTED: Readonly<Record<SharedRole, Actions>> = {
  use: USE,
  // Neither create nor delete: those stay with the owner.
  admin: [...USE, "update", "share", "create_agent", "delete_agent", "update_agent"],
};
const whileDormant = (actions: Actions): Actions =>
  actions.filter((action) => (DORMANT_ACTIONS as Actions).includes(action));
const BY_TYPE = {
  workspace: GRANTED,
  workspace_dormant: { use: whileDormant(GRANTED.use), admin: whileDormant(GRANTED.admin) },
};

/**
 * What each of those with whom a workspace is shared may do with it, by their ids; with a dormant one only what can be
 * done to those at all. A role that is not known, because another version wrote it, gives nothing, and neither does what is no text.
 */
export function accessList(roles: AccessRoles, type: keyof typeof BY_TYPE): Readonly<Record<string, Actions>> {
  const granted = BY_TYPE[type];
  return Object.fromEntries(
    Object.entries(roles).map(([id, role]) => [id, SHARED_ROLES.includes(role) ? granted[role] : []]),
  );
}
