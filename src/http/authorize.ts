import type { FastifyRequest, RouteOptions } from "fastify";
import { ProblemError } from "../errors.ts";
import { can, type Resource, type Subject } from "../rbac/decide.ts";
import { DORMANT_ACTIONS } from "../rbac/organization-member.ts";
import type { Action, ResourceType } from "../rbac/policy.ts";
import { type Visibility, visibleTo } from "../rbac/visibility.ts";

/** Describes a thing of some type that could be in a place. */
type Place = Parameters<typeof visibleTo>[1];
/** Decides whether a subject may do something to a resource. */
type Rule = (subject: Subject, action: Action, resource: Resource) => boolean;

/**
 * Who may call a route.
 * - `public`: everybody, without a token.
 * - `list`: who may read such things in some organization at least, or everywhere; the list shows those.
 * - otherwise: who may do `action` to the resource that `of` finds for the request. `of` runs before the body is read
 *   and gets the path as it was sent. An action that depends on the body is decided once that has been checked.
 */
export type Access =
  | "public"
  | {
      readonly list: Place;
      /** Things of the type are shared one by one: members of an organization where some may be shared are let in, too. */
      readonly isShared?: boolean;
    }
  | {
      readonly action: Action | ((request: FastifyRequest) => Action);
      readonly of: (request: FastifyRequest) => Resource | undefined | Promise<Resource | undefined>;
      /** What the action is in place of the one that is named, where that depends on what `of` has found. */
      readonly actionOn?: (target: Resource) => Action;
      /** Decides in place of `can`, where there is more than one way to be allowed. */
      readonly by?: Rule;
      /** The thing that a caller who is denied must be able to read to be told so, if not the resource itself. */
      readonly within?: (resource: Resource) => Resource;
      /** A caller who is denied is told that there is no such thing, even where they can read it. */
      readonly isHidden?: boolean;
    };

/** Whether the caller's rights are looked up anew: for everything that changes something, unless the route `believes`. */
export function needsFreshLook(request: FastifyRequest): boolean {
  return request.method !== "GET" && request.method !== "HEAD" && !request.routeOptions.config.believes;
}

/** Refuses a route that does not say who may call it, so that none can be left open by accident. */
export function demandAccess(route: RouteOptions): void {
  if (route.config?.access !== undefined) return;
  throw new Error(`the route ${String(route.method)} ${route.url} does not say who may call it: give it config.access`);
}

/** The answer for what is not there and for what the caller may not know to be there: the two look alike. */
export function notFound(what = "what you asked for"): ProblemError {
  return new ProblemError("not_found", `${what} does not exist, or you may not see it`);
}

/** The answer to who may see a thing and not do this to it: names the right that is missing. */
export function forbidden(action: Action, type: ResourceType): ProblemError {
  const isAsleep = type === "workspace_dormant" && !(DORMANT_ACTIONS as readonly Action[]).includes(action);
  const hint = isAsleep ? "; the workspace is dormant, so activate it first" : "";
  return new ProblemError("forbidden", `you are not allowed to do this: it needs the right ${type}:${action}${hint}`);
}

/**
 * What decides between "you may not" and "there is no such thing": the thing itself, or for what is only being made the
 * organization that it would be in. Everybody knows that a deployment has settings, users and lists.
 */
function containerOf(resource: Resource): Resource | undefined {
  if (resource.id !== undefined) return resource;
  const { organizationId } = resource;
  return organizationId === undefined ? undefined : { type: "organization", id: organizationId, organizationId };
}

/**
 * Refuses unless the subject may do this to the resource.
 * @throws ProblemError forbidden when the subject may know that the resource exists and its refusals are not hidden,
 *   otherwise not_found
 */
export function demand(
  subject: Subject,
  action: Action,
  resource: Resource,
  {
    by = can,
    within = containerOf,
    isHidden = false,
  }: {
    by?: Rule | undefined;
    within?: ((resource: Resource) => Resource | undefined) | undefined;
    isHidden?: boolean | undefined;
  } = {},
): void {
  if (by(subject, action, resource)) return;
  const known = within(resource);
  if (isHidden || (known !== undefined && !can(subject, "read", known))) throw notFound();
  throw forbidden(action, resource.type);
}

/** Decides on a request before its body is read; what depends on the body is left to `authorizeBody`. */
export async function authorize(
  request: FastifyRequest,
  authenticate: (request: FastifyRequest) => Promise<Subject>,
): Promise<void> {
  const access = request.routeOptions.config.access;
  if (access === "public") return;
  const subject = await authenticate(request);
  request.authorized = { subject, target: undefined };
  // A route without access cannot exist (see demandAccess); were there one, it would be closed.
  if (access === undefined) throw new ProblemError("forbidden", "nobody may call this route");
  if ("list" in access) {
    const { everything, organizationIds, ownIn, shared, ids } = visibleTo(subject, access.list);
    const places = organizationIds.length + ownIn.length + (access.isShared ? shared.groupsIn.length : 0);
    // A token that is limited to other things has no business with the list, empty as it would be.
    if (ids?.length !== 0 && (everything || places > 0)) return;
    throw forbidden("read", access.list({ ownerId: subject.userId }).type);
  }
  const target = await access.of(request);
  if (!target) throw notFound();
  if (typeof access.action === "string") demand(subject, access.actionOn?.(target) ?? access.action, target, access);
  else demand(subject, "read", target);
  request.authorized.target = target;
}

/** Decides on what depends on the body of a request, once that is known to be valid. */
export async function authorizeBody(request: FastifyRequest): Promise<void> {
  const access = request.routeOptions.config.access;
  if (typeof access !== "object" || "list" in access || typeof access.action === "string") return;
  demand(subjectOf(request), access.action(request), targetOf(request), access);
}

/** Who sent the request. */
export function subjectOf(request: FastifyRequest): Subject {
  if (!request.authorized) throw new Error("the route's access does not authenticate its caller");
  return request.authorized.subject;
}

/** The resource that the caller was found to be allowed to work on. */
export function targetOf(request: FastifyRequest): Resource {
  const target = request.authorized?.target;
  if (!target) throw new Error("the route's access does not name a resource");
  return target;
}

/** The id of the resource that the caller was found to be allowed to work on. */
export function targetIdOf(request: FastifyRequest): string {
  const { id } = targetOf(request);
  if (id === undefined) throw new Error("the route's resource has no id");
  return id;
}

/** Which things of a type the caller may read; a list shows those and no others. */
export function visibleToCaller(request: FastifyRequest, of: Place): Visibility {
  return visibleTo(subjectOf(request), of);
}

/** A part of the request's path, as it was sent. */
export function pathPart(request: FastifyRequest, name: string): string {
  const value = (request.params as Readonly<Record<string, string | undefined>>)[name];
  if (value === undefined) throw new Error(`the route's path has no part ${name}`);
  return value;
}
