import type { Validation } from "../errors.ts";
import { notAssignable } from "../rbac/assignable.ts";
import { can, type Subject } from "../rbac/decide.ts";
import { ORGANIZATION_ROLES } from "../rbac/roles.ts";
import { MEMBER_ROLE } from "../rbac/system-roles.ts";
import { roleAssignment } from "./resource.ts";
import { type AssignableRoleView, builtInRoleView, type CustomRoleRow, customRoleView } from "./role-view.ts";

const BUILT_IN: ReadonlySet<string> = new Set([MEMBER_ROLE, ...ORGANIZATION_ROLES]);

/**
 * The names as roles that there are have them: names are the same in any case. One that is none of theirs comes back in
 * lower case.
 * @param others the names of roles that are not built in
 */
export function roleNames(given: readonly string[], others: readonly string[]): string[] {
  const known = [...BUILT_IN, ...others];
  return given.map((name) => {
    const lower = name.toLowerCase();
    return known.find((one) => one.toLowerCase() === lower) ?? lower;
  });
}

/** Roles as they are stored: each once, in order, and without the one that every member has. */
export function storedRoles(names: readonly string[]): string[] {
  return [...new Set(names)].filter((name) => name !== MEMBER_ROLE).sort();
}

/**
 * Whether there is a role of the name in an organization.
 * @param custom the names of those that people have made for it
 */
export function isRole(name: string, custom: readonly string[]): boolean {
  return BUILT_IN.has(name) || custom.includes(name);
}

/**
 * Which of the roles to be given there are not, each with its place in the list.
 * @param custom the names of roles that people have made for the organization
 */
export function unknownRoles(
  names: readonly string[],
  custom: readonly string[],
  fieldOf = (place: number) => `roles.${place}`,
): Validation[] {
  const detail = `there is no such role; there are ${ORGANIZATION_ROLES.join(", ")} and those made for the organization`;
  return names.flatMap((name, place) => (isRole(name, custom) ? [] : [{ field: fieldOf(place), detail }]));
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
 * gives more than the roles that its own ones let it give, and to change nothing needs the right to give, too. What is
 * no role any more grants nothing, so it is taken by whoever may take roles.
 * @param custom the names of roles that people have made for the organization
 */
export function roleChangeProblem(
  subject: Subject,
  organizationId: string,
  { added, removed }: RoleChange,
  custom: readonly string[],
): string | undefined {
  const gives = added.length > 0 || removed.length === 0 ? (["assign"] as const) : [];
  const takes = removed.length > 0 ? (["unassign"] as const) : [];
  const missing = [...gives, ...takes].find((action) => !can(subject, action, roleAssignment(organizationId)));
  if (missing !== undefined) return `you are not allowed to do this: it needs the right assign_org_role:${missing}`;
  const taken = removed.filter((name) => isRole(name, custom));
  const beyond = notAssignable(subject, [...added, ...taken], organizationId, custom);
  return beyond.length === 0 ? undefined : `your own roles do not let you give or take ${beyond.join(", ")}`;
}

/** The roles that members of an organization can be given, and which of them the subject may give. */
export function assignableRoles(
  subject: Subject,
  organizationId: string,
  custom: readonly CustomRoleRow[],
): AssignableRoleView[] {
  const isAssignable = (name: string) => isAssignableRole(subject, organizationId, name);
  return [
    ...ORGANIZATION_ROLES.map((name) => builtInRoleView(name, organizationId, isAssignable(name))),
    ...custom.map((row) => customRoleView(row, isAssignable(row.name))),
  ];
}

/** Whether the subject may give and take a role that there is. */
export function isAssignableRole(subject: Subject, organizationId: string, name: string): boolean {
  return roleChangeProblem(subject, organizationId, { added: [name], removed: [name] }, [name]) === undefined;
}
