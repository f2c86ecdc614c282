import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { notFound, subjectOf, targetIdOf, targetOf, visibleToCaller } from "../http/authorize.ts";
import { flag, pageQuery } from "../http/paging.ts";
import { findUserInPath } from "../http/references.ts";
import type { Resource } from "../rbac/decide.ts";
import { userResource } from "./resource.ts";
import { findUser, listUsers } from "./store.ts";
import { createToken } from "./tokens/create.ts";
import { userSchema, userView } from "./view.ts";

/** No token lives longer, unless it is made to live for ever. */
const MAX_LIFETIME_SECONDS = 10 * 365 * 86_400;
const TAGS = ["users"];

const tokenBody = z.strictObject({
  token_name: z.string().max(64, { error: "at most 64 characters" }).default(""),
  lifetime_seconds: z
    .number({ error: "a number of seconds" })
    .int({ error: "a whole number of seconds" })
    .min(1, { error: "at least 1 second" })
    .max(MAX_LIFETIME_SECONDS, { error: `at most ${MAX_LIFETIME_SECONDS} seconds` })
    .nullish()
    .describe("absent: for ever"),
});

/** Adds the routes about users and their tokens. */
export function registerUserRoutes(app: App, context: Context): void {
  const inPath = async (request: FastifyRequest) => {
    const user = await findUserInPath(context, request);
    return user && userResource(user.id);
  };
  const tokenOf = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const user = await findUserInPath(context, request);
    return user && { type: "api_key", ownerId: user.id };
  };
  const params = z.object({ user: z.string().describe("an id, a username or `me`") });

  app.get(
    "/users",
    {
      // Who is a member of nothing has nobody to look at; one's own user is at /users/me.
      config: {
        access: {
          action: "read",
          of: (request) => ({ type: "organization_member", anyOrganization: true, ownerId: subjectOf(request).userId }),
        },
      },
      schema: {
        operationId: "listUsers",
        summary: "The users that the caller sees",
        tags: TAGS,
        querystring: z.object({ ...pageQuery, include_system: flag }),
        response: { 200: z.object({ users: z.array(userSchema), count: z.number() }) },
      },
    },
    async (request) => {
      const { limit, offset, include_system: includeSystem } = request.query;
      const page = await listUsers(
        context.pool,
        visibleToCaller(request, ({ ownerId }) => userResource(ownerId)),
        { limit, offset, includeSystem },
      );
      return { users: page.users.map(userView), count: page.count };
    },
  );

  app.get(
    "/users/:user",
    {
      config: { access: { action: "read", of: inPath } },
      schema: { operationId: "getUser", summary: "One user", tags: TAGS, params, response: { 200: userSchema } },
    },
    async (request) => {
      const user = await findUser(context.pool, targetIdOf(request));
      if (!user) throw notFound();
      return userView(user);
    },
  );

  app.post(
    "/users/:user/keys/tokens",
    {
      config: { access: { action: "create", of: tokenOf, within: ({ ownerId }) => userResource(ownerId as string) } },
      schema: {
        operationId: "createToken",
        summary: "Makes a token; the answer is the only time that it can be read",
        description: "A token that is revoked, or whose user is suspended, is refused everywhere within five seconds.",
        tags: TAGS,
        params,
        body: tokenBody.nullish(),
        response: { 201: z.object({ key: z.string() }) },
      },
    },
    async (request, reply) => {
      const { token_name: name, lifetime_seconds: lifetime } = tokenBody.parse(request.body ?? {});
      const expiresAt = lifetime ? new Date(context.clock.now().getTime() + lifetime * 1_000) : null;
      const userId = targetOf(request).ownerId as string;
      reply.status(201).header("cache-control", "no-store");
      return { key: await createToken(context.pool, { userId, name, expiresAt }) };
    },
  );
}
