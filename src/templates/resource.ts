import type { Resource } from "../rbac/decide.ts";

/** A template as a thing that is protected: whoever is a member of its organization may read and use it. */
export function templateResource({
  id,
  organizationId,
}: {
  readonly id?: string;
  readonly organizationId?: string;
}): Resource {
  return {
    type: "template",
    ...(id === undefined ? {} : { id }),
    ...(organizationId === undefined
      ? {}
      : { organizationId, groupAcl: { [organizationId]: ["read", "use"] } satisfies Resource["groupAcl"] }),
  };
}
