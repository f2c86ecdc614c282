import type { Resource } from "../rbac/decide.ts";

/** A provisioner job as a thing that is protected: it is its organization's, and nobody owns it. */
export function provisionerJobResource({
  id,
  organizationId,
}: {
  readonly id?: string;
  readonly organizationId: string;
}): Resource {
  return { type: "provisioner_jobs", organizationId, ...(id === undefined ? {} : { id }) };
}
