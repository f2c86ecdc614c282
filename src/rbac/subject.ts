import type { Membership, Subject } from "./decide.ts";
import { organizationRoles, siteRoles } from "./roles.ts";
import { readScope, type WrittenScope } from "./scope.ts";

/** What the database says of who acts. */
export type StoredSubject = {
  readonly userId: string;
  readonly username: string;
  readonly siteRoles: readonly string[];
  readonly memberships: readonly (Membership & { readonly roles: readonly string[] })[];
  readonly groupIds: readonly string[];
  readonly scope: WrittenScope;
  readonly expiresAt?: Date | null;
};

/** Looks up what the names of roles grant. */
export function subjectFrom({ siteRoles: names, memberships, scope, ...rest }: StoredSubject): Subject {
  return {
    ...rest,
    roles: [...siteRoles(names), ...memberships.flatMap(({ id, roles }) => organizationRoles(id, roles))],
    memberships: memberships.map(({ id, name, isDefault }) => ({ id, name, isDefault })),
    scope: readScope(scope),
  };
}
