import type { Resource } from "../rbac/decide.ts";

/** A provisioner job as a thing that is protected: it is its organization's, and nobody's own unless it is an import. */
export function provisionerJobResource(job: {
  readonly id?: string;
  readonly organizationId: string;
  /** Who has pushed the source of an import. */
  readonly ownerId?: string;
}): Resource {
  return { type: "provisioner_jobs", ...job };
}
