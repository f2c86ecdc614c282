import { can, type Resource, type Subject } from "../rbac/decide.ts";
import type { Action, ActionOn } from "../rbac/policy.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { type AccessRoles, accessList } from "./access.ts";

/** Whom a workspace belongs to and whom it is shared with, which is what decides who may do what with it. */
export type WorkspaceOwnership = {
  readonly id: string;
  readonly owner_id: string;
  readonly organization_id: string;
  readonly dormant: boolean;
  readonly user_acl: AccessRoles;
  readonly group_acl: AccessRoles;
};

/** A workspace as a thing that is protected; one that is dormant is a thing of another type. */
export function workspaceResource(workspace: WorkspaceOwnership): Resource {
  const type = workspace.dormant ? "workspace_dormant" : "workspace";
  return {
    type,
    id: workspace.id,
    organizationId: workspace.organization_id,
    ownerId: workspace.owner_id,
    userAcl: accessList(workspace.user_acl, type),
    groupAcl: accessList(workspace.group_acl, type),
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

/**
 * Whether the subject may start, stop or delete a workspace, or `update` it by canceling a build of it. It must be able
 * to read the workspace, and to delete one it must be able to change it, too.
 */
export function mayBuild(subject: Subject, action: Action, workspace: Resource): boolean {
  const needed: readonly Action[] = action === "delete" ? ["update", "delete"] : [action];
  return can(subject, "read", workspace) && needed.every((one) => mayOnWorkspace(subject, one, workspace));
}

/** What a build needs of its template beside the rights on the workspace. */
export function templateRights(asked: {
  readonly orphan?: boolean | undefined;
  readonly state?: unknown;
  readonly versionId?: string | undefined;
  /** The version is another one than the active one, which the template requires. */
  readonly leavesRule?: boolean | undefined;
}): readonly ActionOn<"template">[] {
  // The first two leave behind what only who looks after the template can find and clear away.
  const goesAround = asked.orphan === true || asked.state !== undefined || asked.leavesRule === true;
  return [...(goesAround ? ["update" as const] : []), ...(asked.versionId === undefined ? [] : ["use" as const])];
}
