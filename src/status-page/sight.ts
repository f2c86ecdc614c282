import type { PoolView } from "../prebuilds/status.ts";
import { can, type Subject } from "../rbac/decide.ts";
import { visibleTo } from "../rbac/visibility.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { templateResource } from "../templates/resource.ts";

/** What somebody may do about a pool that they see. */
export type PoolRights = {
  /** Pause, resume and reset it. */
  readonly steer: boolean;
  /** Read the logs of its prebuilds' builds. */
  readonly logs: boolean;
};

/** What somebody gets to see of the page. */
export type Sight = {
  sees(organizationId: string): boolean;
  on(pool: Pick<PoolView, "preset_id" | "organization_id">): PoolRights;
  /** What concerns all organizations: the passes, and requests that no preset was found for. */
  readonly deployment: boolean;
  /** Pause and resume all pools. */
  readonly steerAll: boolean;
};

/** What a subject gets to see: the same as the API would tell and let do. */
export function sightOf(subject: Subject): Sight {
  const { everything, organizationIds } = visibleTo(subject, templateResource);
  const seen = new Set(organizationIds);
  const settings = { type: "deployment_config" } as const;
  return {
    sees: (organizationId) => everything || seen.has(organizationId),
    on: ({ preset_id: id, organization_id: organizationId }) => ({
      steer: can(subject, "update", templateResource({ id, organizationId })),
      logs: can(subject, "read", { type: "workspace", organizationId, ownerId: PREBUILDS_SYSTEM_USER_ID }),
    }),
    deployment: can(subject, "read", settings),
    steerAll: can(subject, "update", settings),
  };
}
