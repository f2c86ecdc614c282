import type { Resource } from "../rbac/decide.ts";

/** A user as a thing that is protected; users are their own owners. */
export function userResource(id: string): Resource {
  return { type: "user", id, ownerId: id };
}

/**
 * The giving and taking of a user's site roles. It is nobody's own: everybody would own the right to promote themselves.
 * @param userId absent for a user who is being made
 */
export function siteRoleAssignment(userId?: string): Resource {
  return userId === undefined ? { type: "assign_role" } : { type: "assign_role", id: userId };
}

/** A token as a thing that is protected; it has no id while it is being made. */
export function tokenResource(ownerId: string, id?: string): Resource {
  return { type: "api_key", ownerId, ...(id === undefined ? {} : { id }) };
}
