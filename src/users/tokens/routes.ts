import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../../context.ts";
import { BEGIN, withTransaction } from "../../db/connection.ts";
import { ProblemError } from "../../errors.ts";
import type { App } from "../../http/app.ts";
import { audit } from "../../http/audit.ts";
import { notFound, pathPart, subjectOf, targetIdOf, targetOf } from "../../http/authorize.ts";
import { pageQuery, TOTAL_HEADER } from "../../http/paging.ts";
import { findUserInPath } from "../../http/references.ts";
import type { Resource } from "../../rbac/decide.ts";
import { isWithin } from "../../rbac/scope.ts";
import { userParams } from "../fields.ts";
import { systemProblem } from "../guards.ts";
import { tokenResource, userResource } from "../resource.ts";
import { findUser } from "../store.ts";
import { createToken } from "./create.ts";
import { scopeOf, tokenBody } from "./fields.ts";
import { tokenIdOf } from "./format.ts";
import { deleteToken, describeToken, listTokens } from "./store.ts";
import { tokenEntry, tokenSchema, tokenView } from "./view.ts";

const TAGS = ["users"];

const tokenParams = userParams.extend({ id: z.string().describe("the first half of the token") });

/** All tokens of the user in the path. */
const tokensInPath = (context: Context) => async (request: FastifyRequest) => {
  const user = await findUserInPath(context, request);
  return user && tokenResource(user.id);
};

/** Who sees a user is told that its tokens are none of their business; to others there is no such user. */
const within = ({ ownerId }: Resource) => userResource(ownerId as string);

/** Adds the routes about the tokens of users. */
export function registerTokenRoutes(app: App, context: Context): void {
  const oneToken = async (request: FastifyRequest): Promise<Resource | undefined> => {
    const user = await findUserInPath(context, request);
    const token = user && (await describeToken(context.pool, user.id, pathPart(request, "id")));
    return token && tokenResource(token.userId, token.id);
  };

  registerCreate(app, context);

  app.get(
    "/users/:user/keys/tokens",
    {
      config: { access: { action: "read", of: tokensInPath(context), within } },
      schema: {
        operationId: "listTokens",
        summary: "The tokens of a user, the newest first, without their secrets",
        tags: TAGS,
        params: userParams,
        querystring: z.object(pageQuery),
        response: {
          200: z.array(tokenSchema).describe(`one page; how many there are in all is in ${TOTAL_HEADER}`),
        },
      },
    },
    async (request, reply) => {
      const page = await listTokens(context.pool, ownerOf(request), request.query);
      reply.header(TOTAL_HEADER, page.total);
      return page.tokens.map(tokenView);
    },
  );

  app.get(
    "/users/:user/keys/:id",
    {
      config: { access: { action: "read", of: oneToken } },
      schema: {
        operationId: "getToken",
        summary: "One token of a user, without its secret",
        tags: TAGS,
        params: tokenParams,
        response: { 200: tokenSchema },
      },
    },
    async (request) => {
      const token = await describeToken(context.pool, ownerOf(request), targetIdOf(request));
      if (!token) throw notFound();
      return tokenView(token);
    },
  );

  app.delete(
    "/users/:user/keys/:id",
    {
      config: { access: { action: "delete", of: oneToken } },
      schema: {
        operationId: "deleteToken",
        summary: "Revokes a token, which is refused everywhere within five seconds",
        tags: TAGS,
        params: tokenParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await withTransaction(context.pool, BEGIN.impatient, async (client) => {
        const owner = await findUser(client, ownerOf(request));
        const token = owner && (await deleteToken(client, owner.id, targetIdOf(request)));
        if (!token) throw notFound();
        await audit(request, client, tokenEntry("delete", token, owner.username), context.clock.now());
      });
      return reply.status(204).send(null);
    },
  );
}

function registerCreate(app: App, context: Context): void {
  app.post(
    "/users/:user/keys/tokens",
    {
      config: { access: { action: "create", of: tokensInPath(context), within } },
      schema: {
        operationId: "createToken",
        summary: "Makes a token; the answer is the only time that it can be read",
        description:
          "It reaches no further, and lives no longer, than the token that it is made with. A token that is revoked, or whose user is " +
          "suspended, is refused everywhere within five seconds.",
        tags: TAGS,
        params: userParams,
        body: tokenBody.nullish(),
        response: { 201: z.object({ key: z.string() }) },
      },
    },
    async (request, reply) => {
      const body = request.body ?? tokenBody.parse({});
      const subject = subjectOf(request);
      const now = context.clock.now();
      const { token_name: name, lifetime_seconds: lifetime } = body;
      const scope = scopeOf(body);
      const expiresAt = endOf(lifetime ? new Date(now.getTime() + lifetime * 1_000) : null, subject.expiresAt ?? null);
      const key = await withTransaction(context.pool, BEGIN.impatient, async (client) => {
        const user = await findUser(client, ownerOf(request));
        if (!user) throw notFound();
        const problem = systemProblem(user);
        if (problem) throw problem;
        if (!isWithin(scope, subject.scope)) throw reachesFurther();
        if (user.login_type === "none") throw nobodyCanActAs(user.username);
        const made = await createToken(client, { userId: user.id, name, expiresAt, scope });
        const entry = tokenEntry(
          "create",
          { id: tokenIdOf(made), userId: user.id, name, scope, expiresAt },
          user.username,
        );
        await audit(request, client, entry, now);
        return made;
      });
      reply.status(201).header("cache-control", "no-store");
      return { key };
    },
  );
}

/** A token that ends makes none that lives longer. */
function endOf(wanted: Date | null, own: Date | null): Date | null {
  return own !== null && (wanted === null || wanted > own) ? own : wanted;
}

function ownerOf(request: FastifyRequest): string {
  const { ownerId } = targetOf(request);
  if (ownerId === undefined) throw new Error("the route's resource has no owner");
  return ownerId;
}

function reachesFurther(): ProblemError {
  return new ProblemError(
    "forbidden",
    "a token cannot make one that reaches further than itself: give it scopes and an allow_list that are within yours",
  );
}

function nobodyCanActAs(username: string): ProblemError {
  return new ProblemError(
    "conflict",
    `nobody can act as ${username}, whose login type is none; set that to token to make tokens`,
  );
}
