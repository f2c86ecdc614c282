import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import type { App } from "../http/app.ts";
import { notFound, scopeOfCaller, targetIdOf, targetOf } from "../http/authorize.ts";
import { flag, pageQuery } from "../http/paging.ts";
import { findUserInPath } from "../http/references.ts";
import type { Resource, ResourceType } from "../rbac/access.ts";
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
  const owned = (type: ResourceType) => async (request: FastifyRequest) => {
    const user = await findUserInPath(context, request);
    return user && ({ type, id: user.id, ownerId: user.id } satisfies Resource);
  };
  const params = z.object({ user: z.string().describe("an id, a username or `me`") });

  app.get(
    "/users",
    {
      config: { access: "signed-in" },
      schema: {
        summary: "The users that the caller sees",
        tags: TAGS,
        querystring: z.object({ ...pageQuery, include_system: flag }),
        response: { 200: z.object({ users: z.array(userSchema), count: z.number() }) },
      },
    },
    async (request) => {
      const { limit, offset, include_system: includeSystem } = request.query;
      const page = await listUsers(context.pool, scopeOfCaller(request), { limit, offset, includeSystem });
      return { users: page.users.map(userView), count: page.count };
    },
  );

  app.get(
    "/users/:user",
    {
      config: { access: { action: "read", of: owned("user") } },
      schema: { summary: "One user", tags: TAGS, params, response: { 200: userSchema } },
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
      config: { access: { action: "create", of: owned("api_key") } },
      schema: {
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
