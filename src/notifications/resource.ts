import type { Resource } from "../rbac/decide.ts";

/** A message in a user's inbox as a thing that is protected; without an id, all of them. */
export function inboxResource(ownerId: string, id?: string): Resource {
  return { type: "inbox_notification", ownerId, ...(id === undefined ? {} : { id }) };
}
