import type { FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { findOrganization } from "../organizations/store.ts";
import { findJob } from "../provisioner/job-store.ts";
import { provisionerJobResource } from "../provisioner/resource.ts";
import type { Resource } from "../rbac/decide.ts";
import { templateResource } from "../templates/resource.ts";
import { findTemplate } from "../templates/store.ts";
import { userResource } from "../users/resource.ts";
import { findUser } from "../users/store.ts";
import { pathPart, subjectOf } from "./authorize.ts";

/** What a `{user}` in a path stands for: an id, a username or an email address, or `me`. */
export async function findUserInPath(
  context: Context,
  request: FastifyRequest,
): Promise<{ readonly id: string; readonly username: string } | undefined> {
  const reference = pathPart(request, "user");
  const { userId, username } = subjectOf(request);
  // The caller's own name needs no look-up, which is what claims nearly always have here.
  if (reference === "me" || reference.toLowerCase() === userId) return { id: userId, username };
  return findUser(context.pool, reference);
}

/** The user whom a path names, as what is protected. */
export async function userInPath(context: Context, request: FastifyRequest): Promise<Resource | undefined> {
  const user = await findUserInPath(context, request);
  return user && userResource(user.id);
}

/** The template whose id is in a path, as what is protected. */
export async function templateInPath(context: Context, request: FastifyRequest): Promise<Resource | undefined> {
  const found = await findTemplate(context.pool, pathPart(request, "id"));
  return found && templateResource({ id: found.id, organizationId: found.organization_id });
}

/** The provisioner job whose id and organization are in a path, as what is protected. */
export async function jobInPath(context: Context, request: FastifyRequest): Promise<Resource | undefined> {
  const organization = await findOrganizationInPath(context, request);
  const job = organization && (await findJob(context.pool, organization.id, pathPart(request, "id")));
  if (!job) return undefined;
  const owner = job.type === "template_version_import" ? { ownerId: job.initiator_id } : {};
  return provisionerJobResource({ id: job.id, organizationId: job.organization_id, ...owner });
}

/** What an `{organization}` in a path stands for: an id, a name or `default`. */
export async function findOrganizationInPath(
  context: Context,
  request: FastifyRequest,
): Promise<{ readonly id: string; readonly name: string } | undefined> {
  const reference = pathPart(request, "organization").toLowerCase();
  const { memberships } = subjectOf(request);
  const mine =
    (reference === "default" ? memberships.find(({ isDefault }) => isDefault) : undefined) ??
    memberships.find(({ id }) => id === reference);
  return mine ?? findOrganization(context.pool, reference);
}
