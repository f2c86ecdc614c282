import { type Permission, permissionsBeyond, readPermissions, withoutRepetitions } from "../rbac/permission.ts";
import { systemRolePermissions } from "../rbac/system-roles.ts";

type OrganizationName = { readonly id: string; readonly name: string };

/** Stored system roles of one name that grant the same, of organizations with the same setting. */
export type StaleRoles = {
  readonly name: string;
  readonly sharingDisabled: boolean;
  /** The organizations have no such role; there are no permissions then. */
  readonly missing: boolean;
  readonly org: unknown;
  readonly member: unknown;
  readonly organizations: readonly OrganizationName[];
};

/** A system role of an organization that is to be written, and why. */
export type RoleToWrite = {
  readonly name: string;
  readonly organization: OrganizationName;
  readonly missing: boolean;
  /** What it will grant in the organization that it did not, and what it did and no longer will. */
  readonly org: PermissionChange;
  /** The same of what its members own there. */
  readonly member: PermissionChange;
};

/** Permissions in words. */
type PermissionChange = { readonly added: readonly string[]; readonly removed: readonly string[] };

/**
 * Decides which system roles are to be written: those that there are not, and those whose lists differ from what the
 * code says as sets (roles specification, 2.5 and 2.6). Lists in another order, or with repetitions, are left alone.
 */
export function rolesToWrite(stale: readonly StaleRoles[]): RoleToWrite[] {
  return stale.flatMap(({ name, sharingDisabled, missing, organizations, ...stored }) => {
    const expected = systemRolePermissions(name, sharingDisabled);
    const [org, member] = [readPermissions(stored.org), readPermissions(stored.member)];
    const change = { missing, org: changeOf(org, expected.org), member: changeOf(member, expected.member) };
    if (!missing && !isChange(change.org) && !isChange(change.member)) return [];
    return organizations.map((organization) => ({ name, organization, ...change }));
  });
}

function changeOf(before: readonly Permission[], after: readonly Permission[]): PermissionChange {
  return {
    added: permissionsBeyond(after, before).map(wordOf),
    removed: withoutRepetitions(permissionsBeyond(before, after)).map(wordOf),
  };
}

/** A permission as `type:action`, with a `-` before it when it denies. */
export function wordOf({ negate, resource_type: type, action }: Permission): string {
  if (type === "") return "something that is not a permission";
  return `${negate ? "-" : ""}${type}:${action}`;
}

/** Whether anything changes. */
export const isChange = ({ added, removed }: PermissionChange): boolean => added.length + removed.length > 0;
