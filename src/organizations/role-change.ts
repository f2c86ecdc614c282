import type { Validation } from "../errors.ts";
import { notAssignable } from "../rbac/assignable.ts";
import { can, type Subject } from "../rbac/decide.ts";
import { ORGANIZATION_ROLES, type OrganizationRoleName } from "../rbac/roles.ts";
import { MEMBER_ROLE } from "../rbac/system-roles.ts";
import type { AssignableRoleView } from "./member-view.ts";
import { roleAssignment } from "./resource.ts";

const DISPLAY_NAMES: Readonly<Record<OrganizationRoleName, string>> = {
  "organization-admin": "Organization Admin",
  "organization-auditor": "Organization Auditor",
  "organization-user-admin": "Organization User Admin",
  "organization-template-admin": "Organization Template Admin",
  "organization-workspace-creation-ban": "Organization Workspace Creation Ban",
};

/** Roles as they are stored: each once, in order, and without the one that every member has. */
export function storedRoles(names: readonly string[]): string[] {
  return [...new Set(names)].filter((name) => name !== MEMBER_ROLE).sort();
}

/** Which of the roles to be given there are not, each with its place in the list. */
export function unknownRoles(names: readonly string[]): Validation[] {
  const known: readonly string[] = [MEMBER_ROLE, ...ORGANIZATION_ROLES];
  const detail = `there is no such role; there are ${ORGANIZATION_ROLES.join(", ")}`;
  return names.flatMap((name, place) => (known.includes(name) ? [] : [{ field: `roles.${place}`, detail }]));
}

/** The roles that a member gets and loses. */
type RoleChange = { readonly added: readonly string[]; readonly removed: readonly string[] };

/** What changes from some roles to others. */
export function roleChange(before: readonly string[], after: readonly string[]): RoleChange {
  return {
    added: after.filter((name) => !before.includes(name)),
    removed: before.filter((name) => !after.includes(name)),
  };
}

/**
 * Why the subject may not give and take these roles in the organization, in a sentence; undefined when it may. Nobody
 * gives more than the roles that its own ones let it give, and to change nothing needs the right to give, too.
 */
export function roleChangeProblem(
  subject: Subject,
  organizationId: string,
  { added, removed }: RoleChange,
): string | undefined {
  const gives = added.length > 0 || removed.length === 0 ? (["assign"] as const) : [];
  const takes = removed.length > 0 ? (["unassign"] as const) : [];
  const missing = [...gives, ...takes].find((action) => !can(subject, action, roleAssignment(organizationId)));
  if (missing !== undefined) return `you are not allowed to do this: it needs the right assign_org_role:${missing}`;
  const beyond = notAssignable(subject, [...added, ...removed], organizationId);
  return beyond.length === 0 ? undefined : `your own roles do not let you give or take ${beyond.join(", ")}`;
}

/** The roles that members of an organization can be given, and which of them the subject may give. */
export function assignableRoles(subject: Subject, organizationId: string): AssignableRoleView[] {
  return ORGANIZATION_ROLES.map((name) => ({
    name,
    display_name: DISPLAY_NAMES[name],
    organization_id: organizationId,
    built_in: true,
    assignable: roleChangeProblem(subject, organizationId, { added: [name], removed: [name] }) === undefined,
  }));
}
