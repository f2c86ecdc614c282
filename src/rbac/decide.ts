import type { Permission } from "./permission.ts";
import { type Action, ANY, actionsOf, type ResourceType } from "./policy.ts";

/**
 * What a role grants, level by level (roles specification, 2.2). `site` is anything in the deployment; `user` is what
 * belongs to the subject and to no organization; `org` is anything in the role's organization, whoever owns it, and
 * `member` what the subject owns there.
 */
export type Role = {
  readonly name: string;
  readonly site: readonly Permission[];
  readonly user: readonly Permission[];
  /** Present when the role is held in one organization. It counts only while the subject is a member there. */
  readonly within?: {
    readonly organizationId: string;
    readonly org: readonly Permission[];
    readonly member: readonly Permission[];
  };
};

/** What a token may be used for at most: a role of its own, and the things that it may be used on. */
export type TokenScope = {
  readonly role: Role;
  /** Pairs of type and id, where `*` stands for all; nothing else can be worked on. */
  readonly allowList: readonly { readonly type: string; readonly id: string }[];
};

/** The organizations a subject is a member of, with what is needed to find them by name. */
export type Membership = {
  readonly id: string;
  readonly name: string;
  readonly isDefault: boolean;
};

/** Who acts: one user through one token, with everything that decides what it may do. */
export type Subject = {
  readonly userId: string;
  readonly username: string;
  readonly roles: readonly Role[];
  readonly memberships: readonly Membership[];
  /** The groups that things may be shared with; the Everyone group of an organization has the organization's id. */
  readonly groupIds: readonly string[];
  readonly scope: TokenScope;
  /** Whether nobody may share workspaces in the whole deployment; what was shared before is not any more. */
  readonly workspaceSharingDisabled?: boolean;
  /** When its token ends; null or absent: never. */
  readonly expiresAt?: Date | null;
};

/** Who may do what to one thing beside what roles say: actions by the id of a user or a group. */
type AccessList = Readonly<Record<string, readonly Action[]>>;

/** A thing that is protected; `id` is absent while it is being created. */
export type Resource = {
  readonly type: ResourceType;
  readonly id?: string;
  readonly organizationId?: string;
  readonly ownerId?: string;
  /** Asks whether it may be done in any organization at all; there is no `organizationId` then. */
  readonly anyOrganization?: boolean;
  readonly userAcl?: AccessList;
  /** Counts only for members of the thing's organization. */
  readonly groupAcl?: AccessList;
};

/** What one level says: allowed, denied, or nothing. */
type Vote = 1 | 0 | -1;

/** What one level of several roles says of an action: a denial by any of them wins. */
function vote(
  roles: readonly Role[],
  level: (role: Role) => readonly Permission[] | undefined,
  type: ResourceType,
  action: Action,
): Vote {
  let result: Vote = 0;
  for (const role of roles) {
    for (const permission of level(role) ?? []) {
      if (permission.resource_type !== type && permission.resource_type !== ANY) continue;
      if (permission.action !== action && permission.action !== ANY) continue;
      if (permission.negate) return -1;
      result = 1;
    }
  }
  return result;
}

/** Roles by where they grant anything; somebody may be a member, and have roles, in thousands of organizations. */
type RoleIndex = {
  readonly site: readonly Role[];
  readonly user: readonly Role[];
  readonly within: ReadonlyMap<string | undefined, readonly Role[]>;
};

const roleIndexes = new WeakMap<object, RoleIndex>();

/** Finds once for each holder of roles which of them can have a say. */
function indexOf(holder: object, roles: readonly Role[]): RoleIndex {
  const found = roleIndexes.get(holder);
  if (found) return found;
  const index: RoleIndex = {
    site: roles.filter(({ site }) => site.length > 0),
    user: roles.filter(({ user }) => user.length > 0),
    within: Map.groupBy(roles, ({ within }) => within?.organizationId),
  };
  roleIndexes.set(holder, index);
  return index;
}

const membershipIndexes = new WeakMap<readonly Membership[], ReadonlySet<string>>();

function isMemberOf({ memberships }: Subject, organizationId: string): boolean {
  const found = membershipIndexes.get(memberships) ?? new Set(memberships.map(({ id }) => id));
  membershipIndexes.set(memberships, found);
  return found.has(organizationId);
}

/**
 * Whether the subject may do this to the resource (roles specification, 2.11): by its roles or by the resource's access
 * lists, and in either case only as far as the token goes. Whatever nothing allows is denied, and so is what cannot be
 * done to things of the type at all.
 */
export function can(subject: Subject, action: Action, resource: Resource): boolean {
  return (
    actionsOf(resource.type)?.includes(action) === true &&
    (rolesAllow(indexOf(subject.roles, subject.roles), subject, action, resource) ||
      listsAllow(subject, action, resource)) &&
    rolesAllow(indexOf(subject.scope.role, [subject.scope.role]), subject, action, resource) &&
    subject.scope.allowList.some(
      ({ type, id }) => (type === ANY || type === resource.type) && (id === ANY || id === resource.id),
    )
  );
}

/** A lower level never overrules a denial above it; an allowance above overrules a denial below. */
function rolesAllow(
  roles: RoleIndex,
  subject: Subject,
  action: Action,
  { type, organizationId, ownerId, anyOrganization = false }: Resource,
): boolean {
  const site = vote(roles.site, (role) => role.site, type, action);
  if (site !== 0) return site === 1;
  const isOwner = ownerId === subject.userId;
  if (organizationId === undefined && !anyOrganization) {
    return isOwner && vote(roles.user, (role) => role.user, type, action) === 1;
  }
  const voteIn = (id: string, level: "org" | "member") =>
    vote(roles.within.get(id) ?? [], ({ within }) => within?.[level], type, action);
  // The best vote of the organizations that are asked about; a subject that is in none of them is allowed nothing.
  const best = (level: "org" | "member") => {
    if (!anyOrganization)
      return organizationId && isMemberOf(subject, organizationId) ? voteIn(organizationId, level) : -1;
    return subject.memberships.reduce((most, { id }) => Math.max(most, voteIn(id, level)), -1);
  };
  const org = best("org");
  return org === 0 ? isOwner && best("member") === 1 : org === 1;
}

/** Things that are shared are shared whatever roles deny; groups count for members of the thing's organization only. */
function listsAllow(subject: Subject, action: Action, resource: Resource): boolean {
  const isWorkspace = resource.type === "workspace" || resource.type === "workspace_dormant";
  if (isWorkspace && subject.workspaceSharingDisabled) return false;
  if (resource.userAcl?.[subject.userId]?.includes(action)) return true;
  const { groupAcl, organizationId } = resource;
  if (!groupAcl || organizationId === undefined) return false;
  if (!isMemberOf(subject, organizationId)) return false;
  return [organizationId, ...subject.groupIds].some((id) => groupAcl[id]?.includes(action));
}
