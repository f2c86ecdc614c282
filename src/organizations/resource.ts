import { can, type Resource, type Subject } from "../rbac/decide.ts";

/** An organization as a thing that is protected. */
export function organizationResource(id: string | undefined): Resource {
  return id === undefined ? { type: "organization" } : { type: "organization", id, organizationId: id };
}

/** What members are: each is its own owner, so that everybody may read what an organization says of them. */
type MemberPlace = { readonly organizationId?: string; readonly ownerId: string };

/** A member of an organization as a thing that is protected. */
export function memberResource({ organizationId, ownerId }: MemberPlace): Resource {
  return { type: "organization_member", id: ownerId, ownerId, ...inOrganization(organizationId) };
}

/** Somebody's being in a group, of which there is more to see than in the group itself. */
export function groupMemberResource({ organizationId, ownerId }: MemberPlace): Resource {
  return { type: "group_member", id: ownerId, ownerId, ...inOrganization(organizationId) };
}

/** The giving and taking of roles in an organization. It is nobody's own: members would own the right to promote themselves. */
export function roleAssignment(organizationId: string): Resource {
  return { type: "assign_org_role", organizationId };
}

/** A group as a thing that is protected: who is in it may read it, whatever roles say. */
export function groupResource({
  id,
  organizationId,
}: {
  readonly id?: string;
  readonly organizationId?: string;
}): Resource {
  return {
    type: "group",
    ...inOrganization(organizationId),
    ...(id === undefined ? {} : { id, groupAcl: { [id]: ["read"] } satisfies Resource["groupAcl"] }),
  };
}

/** The ids of the groups that a subject may read for being in them; there may be some of other organizations among them. */
export function ownGroups(subject: Subject, organizationId: string): string[] {
  return [organizationId, ...subject.groupIds].filter((id) =>
    can(subject, "read", groupResource({ id, organizationId })),
  );
}

const inOrganization = (organizationId: string | undefined) => (organizationId === undefined ? {} : { organizationId });
