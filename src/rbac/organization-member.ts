import { allow, deny, type Permission } from "./permission.ts";
import { ANY, RESOURCE_TYPES, type ResourceType } from "./policy.ts";

/** What can be done to a dormant workspace: it cannot be started, entered or shared. */
export const DORMANT_ACTIONS = [
  "read",
  "delete",
  "create",
  "update",
  "stop",
  "create_agent",
  "delete_agent",
  "update_agent",
] as const;

/** Every action on every type but these. */
export function everythingBut(...except: readonly ResourceType[]): Permission[] {
  return RESOURCE_TYPES.filter((type) => !except.includes(type)).flatMap((type) => allow(type, ANY));
}

const MEMBER = [
  ...everythingBut("workspace_dormant", "prebuilt_workspace", "user", "organization_member"),
  ...allow("workspace_dormant", ...DORMANT_ACTIONS),
  ...allow("organization_member", "read"),
];

const ORG = [
  ...allow("provisioner_daemon", "read"),
  ...allow("organization", "read"),
  ...allow("assign_org_role", "read"),
];
const SHARING_ON = [...ORG, ...allow("organization_member", "read"), ...allow("group", "read")];
const SHARING_OFF = [...ORG, ...deny("workspace", "share")];

/**
 * What every member of an organization may do there, as the levels `org` and `member` of a role (roles specification,
 * 2.4, variant A). It follows from the policy table, so a new type of thing is the member's own at once. While sharing
 * is on, members see one another and the groups, to share with them.
 */
export function orgMemberPermissions(workspaceSharingDisabled: boolean): {
  readonly org: readonly Permission[];
  readonly member: readonly Permission[];
} {
  return { org: workspaceSharingDisabled ? SHARING_OFF : SHARING_ON, member: MEMBER };
}
