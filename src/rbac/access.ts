/** The organizations a subject is a member of, with what is needed to find them by name. */
export type Membership = {
  readonly id: string;
  readonly name: string;
  readonly isDefault: boolean;
  readonly roles: readonly string[];
};

/** Who acts: one user, with everything that decides what it may do. */
export type Subject = {
  readonly userId: string;
  readonly username: string;
  readonly siteRoles: readonly string[];
  readonly memberships: readonly Membership[];
};

/** The kinds of things that can be protected. */
export type ResourceType = "workspace" | "template" | "organization" | "user" | "api_key" | "deployment_config";

/** What can be done to a resource. */
export type Action = "create" | "read" | "update" | "delete" | "start" | "stop";

/** A thing that is protected; `id` is absent while it is being created. */
export type Resource = {
  readonly type: ResourceType;
  readonly id?: string;
  readonly organizationId?: string;
  readonly ownerId?: string;
};

/** Which rows of a list a subject gets to see. */
export type Scope = {
  readonly everything: boolean;
  readonly userId: string;
  readonly organizationIds: readonly string[];
};

/** Whether the subject may do this to the resource. Whatever no rule allows is denied. */
export function can(subject: Subject, action: Action, resource: Resource): boolean {
  if (subject.siteRoles.includes("owner")) return true;
  const isMember = subject.memberships.some((membership) => membership.id === resource.organizationId);
  switch (resource.type) {
    case "workspace":
      return isMember && resource.ownerId === subject.userId;
    case "template":
    case "organization":
      return isMember && action === "read";
    case "user":
      return action === "read" && resource.ownerId === subject.userId;
    case "api_key":
      return resource.ownerId === subject.userId;
    case "deployment_config":
      return false;
    default:
      return resource.type satisfies never;
  }
}

/** Whether denying an action may admit that the resource exists: only to who may read it, or where all know of it. */
export function mayKnowOf(subject: Subject, resource: Resource): boolean {
  return resource.type === "deployment_config" || can(subject, "read", resource);
}

/** What the subject sees of lists; the statements that read a list demand one. */
export function scopeOf(subject: Subject): Scope {
  return {
    everything: subject.siteRoles.includes("owner"),
    userId: subject.userId,
    organizationIds: subject.memberships.map((membership) => membership.id),
  };
}
