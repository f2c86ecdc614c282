import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { notFound, subjectOf, targetOf } from "../http/authorize.ts";
import { idParams, pageQuery, TOTAL_HEADER } from "../http/paging.ts";
import { findOrganizationInPath, jobInPath } from "../http/references.ts";
import type { Resource } from "../rbac/decide.ts";
import { findUser } from "../users/store.ts";
import type { JobStatus } from "../vocabulary.ts";
import { findJob, listJobs } from "./job-store.ts";
import { JOB_STATUSES, provisionerJobSchema, provisionerJobView } from "./job-view.ts";
import { provisionerJobResource } from "./resource.ts";
import { mayOnJob } from "./rights.ts";

const TAGS = ["provisioner jobs"];
const organizationParams = z.object({ organization: z.string().describe("an id, a name or `default`") });

const STATUSES = `one or several of ${JOB_STATUSES.join(", ")}, separated by commas`;
const isStatus = (word: string): word is JobStatus => JOB_STATUSES.some((status) => status === word);
const statuses = z
  .string({ error: STATUSES })
  .refine((given) => given.split(",").every(isStatus), { error: STATUSES })
  .transform((given) => given.split(",").filter(isStatus));

/** Adds the routes that list provisioner jobs; what can be done to a build's job is done to the build. */
export function registerProvisionerRoutes(app: App, context: Context): void {
  const { pool } = context;

  const ofOrganization = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const organization = await findOrganizationInPath(context, request);
    return organization && provisionerJobResource({ organizationId: organization.id });
  };

  app.get(
    "/organizations/:organization/provisionerjobs",
    {
      config: { access: { action: "read", of: ofOrganization } },
      schema: {
        operationId: "listProvisionerJobs",
        summary: "The provisioner jobs of an organization, the newest first",
        tags: TAGS,
        params: organizationParams,
        querystring: z.object({
          ...pageQuery,
          status: statuses.optional().describe(STATUSES),
          initiator: z
            .string()
            .min(1, { error: "an id, a username or `me`" })
            .optional()
            .describe("who asked for the build: an id, a username or `me`; `prebuilds` stands for the pools"),
        }),
        response: {
          200: z.array(provisionerJobSchema).describe(`One page; the header ${TOTAL_HEADER} says how many there are`),
        },
      },
    },
    async (request, reply) => {
      const { limit, offset, status, initiator } = request.query;
      const initiatorId = initiator === undefined ? undefined : await findInitiator(request, initiator);
      const found =
        initiatorId === null
          ? { jobs: [], count: 0 }
          : await listJobs(pool, organizationIdOf(request), { statuses: status, initiatorId }, { limit, offset });
      reply.header(TOTAL_HEADER, found.count);
      return found.jobs.map(provisionerJobView);
    },
  );

  app.get(
    "/organizations/:organization/provisionerjobs/:id",
    {
      config: { access: { action: "read", of: (request) => jobInPath(context, request), by: mayOnJob } },
      schema: {
        operationId: "getProvisionerJob",
        summary: "One provisioner job",
        tags: TAGS,
        params: organizationParams.extend(idParams.shape),
        response: { 200: provisionerJobSchema },
      },
    },
    async (request) => {
      const row = await findJob(pool, organizationIdOf(request), request.params.id);
      if (!row) throw notFound();
      return provisionerJobView(row);
    },
  );

  /** Null when there is no such user, who then has asked for nothing. */
  async function findInitiator(request: FastifyRequest, reference: string): Promise<string | null> {
    if (reference === "me") return subjectOf(request).userId;
    return (await findUser(pool, reference))?.id ?? null;
  }
}

function organizationIdOf(request: FastifyRequest): string {
  const { organizationId } = targetOf(request);
  if (organizationId === undefined) throw new Error("the route's resource has no organization");
  return organizationId;
}
