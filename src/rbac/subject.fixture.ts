import type { Role, Subject } from "./decide.ts";
import type { Permission } from "./permission.ts";
import { ANY, actionsOf, RESOURCE_TYPES } from "./policy.ts";
import { organizationRoles, type StoredRole, siteRoles } from "./roles.ts";
import { readScope, UNLIMITED } from "./scope.ts";
import { MEMBER_ROLE, systemRolePermissions } from "./system-roles.ts";

/** The subject of the tests, and somebody else. */
export const ME = "00000000-0000-4000-8000-000000000001";
export const SOMEONE = "00000000-0000-4000-8000-000000000002";
/** Organizations of which the subject is a member, and one of which it is not. */
export const ORG = "00000000-0000-4000-8000-00000000000a";
export const SECOND = "00000000-0000-4000-8000-00000000000b";
export const FOREIGN = "00000000-0000-4000-8000-00000000000c";

/** Reads permissions as the tables of the tests write them: `+workspace:read -workspace:share`. */
export function permissions(text: string): Permission[] {
  return [...text.matchAll(/([+-])([^\s:]+):(\S+)/g)].map(([, sign, resource_type = "", action = ""]) => ({
    negate: sign === "-",
    resource_type,
    action,
  }));
}

type Levels = { readonly site?: string; readonly user?: string; readonly org?: string; readonly member?: string };

/** A role that grants this, written like `permissions`; `org` and `member` in one organization. */
export function role({ site = "", user = "", org = "", member = "" }: Levels, organizationId = ORG): Role {
  return {
    name: "made for a test",
    site: permissions(site),
    user: permissions(user),
    within: { organizationId, org: permissions(org), member: permissions(member) },
  };
}

/** A member of two organizations with these roles alone. */
export function subjectWith(roles: readonly Role[], rest: Partial<Subject> = {}): Subject {
  return {
    userId: ME,
    username: "me",
    memberships: [ORG, SECOND].map((id) => ({ id, name: id, isDefault: id === ORG })),
    groupIds: [],
    scope: readScope(UNLIMITED),
    ...rest,
    roles,
  };
}

/** The system role of an organization where workspaces can be shared, as it is stored. */
export const STORED_MEMBER: StoredRole = {
  name: MEMBER_ROLE,
  isSystem: true,
  ...systemRolePermissions(MEMBER_ROLE, false),
};

/** What one of the built-in roles grants by itself, without what all members of an organization may do. */
export function builtIn(name: string, organizationId = ORG): Role[] {
  return [...siteRoles([name]), ...organizationRoles(organizationId, [name], [STORED_MEMBER])].filter(
    (one) => one.name === name,
  );
}

/** Pairs of type and action, from `file:create,read template:*`, in the order of the policy table. */
export function pairs(text: string): string[] {
  const wanted = text.split(/\s+/).flatMap((word) => {
    const [type = "", actions = ""] = word.split(":");
    return actions.split(",").map((action) => `${type}:${action}`);
  });
  return everyPair().filter(
    (pair) =>
      wanted.includes(pair) || wanted.includes(pair.replace(/:.*/, `:${ANY}`)) || wanted.includes(`${ANY}:${ANY}`),
  );
}

/** Every pair of a type and one of its actions, in the order of the policy table. */
export function everyPair(): string[] {
  return RESOURCE_TYPES.flatMap((type) => (actionsOf(type) ?? []).map((action) => `${type}:${action}`));
}
