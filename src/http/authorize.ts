import type { FastifyRequest, RouteOptions } from "fastify";
import { ProblemError } from "../errors.ts";
import { type Action, can, mayKnowOf, type Resource, type Scope, type Subject, scopeOf } from "../rbac/access.ts";

/**
 * Who may call a route.
 * - `public`: everybody, without a token.
 * - `signed-in`: who has a token; for lists, which show what `scopeOfCaller` allows.
 * - otherwise: who may do `action` to the resource that `of` finds for the request. `of` runs before the body is read
 *   and gets the path as it was sent. An action that depends on the body is decided once that has been checked.
 */
export type Access =
  | "public"
  | "signed-in"
  | {
      readonly action: Action | ((request: FastifyRequest) => Action);
      readonly of: (request: FastifyRequest) => Resource | undefined | Promise<Resource | undefined>;
    };

/** Refuses a route that does not say who may call it, so that none can be left open by accident. */
export function demandAccess(route: RouteOptions): void {
  if (route.config?.access !== undefined) return;
  throw new Error(`the route ${String(route.method)} ${route.url} does not say who may call it: give it config.access`);
}

function deny(subject: Subject, resource: Resource): never {
  if (mayKnowOf(subject, resource)) throw new ProblemError("forbidden", "you are not allowed to do this");
  throw notFound();
}

/** The answer for what is not there and for what the caller may not know to be there: the two look alike. */
export function notFound(what = "what you asked for"): ProblemError {
  return new ProblemError("not_found", `${what} does not exist, or you may not see it`);
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
  if (access === "signed-in") return;
  // A route without access cannot exist (see demandAccess); were there one, it would be closed.
  if (access === undefined) throw new ProblemError("forbidden", "nobody may call this route");
  const target = await access.of(request);
  if (!target) throw notFound();
  const action = typeof access.action === "string" ? access.action : "read";
  if (!can(subject, action, target)) deny(subject, target);
  request.authorized.target = target;
}

/** Decides on what depends on the body of a request, once that is known to be valid. */
export async function authorizeBody(request: FastifyRequest): Promise<void> {
  const access = request.routeOptions.config.access;
  if (typeof access !== "object" || typeof access.action === "string") return;
  const subject = subjectOf(request);
  const target = targetOf(request);
  if (!can(subject, access.action(request), target)) deny(subject, target);
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

/** What the caller sees of a list. */
export function scopeOfCaller(request: FastifyRequest): Scope {
  return scopeOf(subjectOf(request));
}

/** A part of the request's path, as it was sent. */
export function pathPart(request: FastifyRequest, name: string): string {
  const value = (request.params as Readonly<Record<string, string | undefined>>)[name];
  if (value === undefined) throw new Error(`the route's path has no part ${name}`);
  return value;
}
