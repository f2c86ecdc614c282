import { orgMemberPermissions } from "./organization-member.ts";
import type { Permission } from "./permission.ts";

/** What every member of an organization is without being given it. */
export const MEMBER_ROLE = "organization-member";

/** The roles that each organization has in the database and that the daemon alone writes. */
export const SYSTEM_ROLES = [MEMBER_ROLE] as const;

/** Whether a role of the name, in any case, is the daemon's alone. */
export function isSystemRole(name: string): boolean {
  return SYSTEM_ROLES.some((one) => one === name.toLowerCase());
}

/** What a role grants, by level (roles specification, 2.2). */
export type RoleLevels = {
  readonly site: readonly Permission[];
  readonly org: readonly Permission[];
  readonly user: readonly Permission[];
  readonly member: readonly Permission[];
};

/**
 * What a system role grants in an organization, which depends on whether workspaces can be shared there.
 * @throws Error when there is no system role of the name
 */
export function systemRolePermissions(name: string, workspaceSharingDisabled: boolean): RoleLevels {
  switch (name) {
    case MEMBER_ROLE:
      return { site: [], user: [], ...orgMemberPermissions(workspaceSharingDisabled) };
    default:
      throw new Error(`there is no system role ${JSON.stringify(name)}`);
  }
}
