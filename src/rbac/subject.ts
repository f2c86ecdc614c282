import type { Membership, Subject } from "./decide.ts";
import { organizationRoles, type StoredRole, siteRoles } from "./roles.ts";
import { readScope, type WrittenScope } from "./scope.ts";

/** What the database says of who acts. */
export type StoredSubject = {
  readonly userId: string;
  readonly username: string;
  readonly siteRoles: readonly string[];
  readonly memberships: readonly (Membership & {
    /** The names of the roles given to the member. */
    readonly roles: readonly string[];
    /** What is stored of the roles that the member has there. */
    readonly stored: readonly StoredRole[];
  })[];
  readonly groupIds: readonly string[];
  readonly scope: WrittenScope;
  readonly expiresAt?: Date | null;
};

/**
 * Looks up what the names of roles grant.
 * @param workspaceSharingDisabled the switch of the whole deployment
 */
export function subjectFrom(
  { siteRoles: names, memberships, scope, ...rest }: StoredSubject,
  workspaceSharingDisabled: boolean,
): Subject {
  return {
    ...rest,
    roles: [
      ...siteRoles(names, workspaceSharingDisabled),
      ...memberships.flatMap(({ id, roles, stored }) => organizationRoles(id, roles, stored)),
    ],
    memberships: memberships.map(({ id, name, isDefault }) => ({ id, name, isDefault })),
    scope: readScope(scope),
    workspaceSharingDisabled,
  };
}
