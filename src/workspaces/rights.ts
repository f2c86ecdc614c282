import { can, type Resource, type Subject } from "../rbac/decide.ts";
import type { Action, ActionOn } from "../rbac/policy.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";

/** Whom a workspace belongs to, which is what decides who may do what with it. */
export type WorkspaceOwnership = {
  readonly id: string;
  readonly owner_id: string;
  readonly organization_id: string;
  readonly dormant: boolean;
};

/** A workspace as a thing that is protected; one that is dormant is a thing of another type. */
export function workspaceResource({ id, owner_id, organization_id, dormant }: WorkspaceOwnership): Resource {
  return {
    type: dormant ? "workspace_dormant" : "workspace",
    id,
    organizationId: organization_id,
    ownerId: owner_id,
  };
}

/**
 * Whether the subject may do this to a workspace (roles specification, 4): a prebuild may be changed and deleted also by
 * who may do so with prebuilds only. Nothing but its owner makes it one, so that right ends with the claim.
 */
export function mayOnWorkspace(subject: Subject, action: Action, workspace: Resource): boolean {
  if (can(subject, action, workspace)) return true;
  const isPrebuild = workspace.ownerId === PREBUILDS_SYSTEM_USER_ID;
  if (!isPrebuild || (action !== "update" && action !== "delete")) return false;
  return can(subject, action, { ...workspace, type: "prebuilt_workspace" });
}

/** Whether the subject may have a workspace built; who deletes one must be able to read and change it, too. */
export function mayBuild(subject: Subject, transition: Action, workspace: Resource): boolean {
  const needed: readonly Action[] = transition === "delete" ? ["update", "delete"] : [transition];
  return can(subject, "read", workspace) && needed.every((action) => mayOnWorkspace(subject, action, workspace));
}

/** Whether the subject may cancel a workspace's build, which is a change of a workspace that it can read. */
export function mayCancel(subject: Subject, change: Action, workspace: Resource): boolean {
  return can(subject, "read", workspace) && mayOnWorkspace(subject, change, workspace);
}

/** What a build needs of its template beside the rights on the workspace. */
export function templateRights(asked: {
  readonly orphan?: boolean | undefined;
  readonly state?: unknown;
  readonly versionId?: string | undefined;
}): readonly ActionOn<"template">[] {
  // Both leave behind what only who looks after the template can find and clear away.
  const goesAround = asked.orphan === true || asked.state !== undefined;
  return [...(goesAround ? ["update" as const] : []), ...(asked.versionId === undefined ? [] : ["use" as const])];
}
