import type { Resource } from "../rbac/decide.ts";

/** A user as a thing that is protected; users are their own owners. */
export function userResource(id: string): Resource {
  return { type: "user", id, ownerId: id };
}
