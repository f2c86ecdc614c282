import type { Resource } from "../rbac/decide.ts";

/** An organization as a thing that is protected. */
export function organizationResource(id: string | undefined): Resource {
  return id === undefined ? { type: "organization" } : { type: "organization", id, organizationId: id };
}
