import { type Permission, permissionsBeyond, readPermissions, withoutRepetitions } from "../rbac/permission.ts";

type OrganizationName = { readonly id: string; readonly name: string };

/** Lists of permissions as stored. */
type StoredLists = { readonly org: unknown; readonly member: unknown };

/** Stored system roles of one name that grant the same, of organizations where they are to grant the same. */
export type StaleRoles = {
  readonly name: string;
  readonly organizations: readonly OrganizationName[];
  /** The organizations have no such role; nothing is stored then. */
  readonly missing: boolean;
  readonly stored: StoredLists;
  readonly expected: StoredLists;
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
 * Decides which system roles are to be written: those that there are not, and those whose lists differ from what they
 * are to be as sets (roles specification, 2.5 and 2.6). Lists in another order, or with repetitions, are left alone.
 */
export function rolesToWrite(stale: readonly StaleRoles[]): RoleToWrite[] {
  return stale.flatMap(({ name, missing, organizations, stored, expected }) => {
    const org = changeOf(readPermissions(stored.org), readPermissions(expected.org));
    const member = changeOf(readPermissions(stored.member), readPermissions(expected.member));
    if (!missing && !isChange(org) && !isChange(member)) return [];
    return organizations.map((organization) => ({ name, organization, missing, org, member }));
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
