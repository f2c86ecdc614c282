import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Context } from "../context.ts";
import { ProblemError } from "../errors.ts";
import type { App, Health } from "../http/app.ts";
import { pathPart, subjectOf } from "../http/authorize.ts";
import { answerTo } from "../http/errors.ts";
import { refuseNullBytes } from "../http/null-bytes.ts";
import { idParams } from "../http/paging.ts";
import type { Subject } from "../rbac/decide.ts";
import { templateResource } from "../templates/resource.ts";
import { listLogLines } from "../workspaces/log-store.ts";
import { findOwnershipByBuild } from "../workspaces/ownership-store.ts";
import { workspaceResource } from "../workspaces/rights.ts";
import { registerAssets } from "./assets.ts";
import { type Addresses, problemPage, signInPage } from "./document.ts";
import { registerEventRoutes } from "./event-routes.ts";
import { createFeed, type Feed } from "./feed.ts";
import { statusPage } from "./page.ts";
import { demandSameOrigin, endSession, isScript, sessionOf } from "./session.ts";
import { registerSessionRoutes } from "./session-routes.ts";
import { messageOf, registerSteeringRoutes, STEERED } from "./steering-routes.ts";
import { viewOf } from "./view.ts";

/** What the page needs of the server that it is part of. */
export type PageSources = {
  readonly health: () => Health;
  /** Tells of changes of the pools, with events `change`; without it they are seen a few seconds later. */
  readonly poolsChanged?: EventTarget;
};

/**
 * Referrers go to the page itself only. `no-referrer` would make browsers hide from us, too, where a form was sent from,
 * and over plain HTTP nothing else says so.
 */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
};
const LONGEST_FORM = 4_096;
/** The most lines of a log that one page shows. */
const LOG_LINES = 10_000;

/** What addresses of the page may say; nonsense in them means nothing. */
const pageQuery = z.object({
  q: z.string().max(200).catch(""),
  troubled: z.string().optional().catch(undefined),
  did: z.enum(STEERED).optional().catch(undefined),
  pool: z.guid().optional().catch(undefined),
});

/** Adds the status page at `/`, its files, and what its forms and its script ask for. */
export async function registerStatusPage(
  app: App,
  context: Context,
  { health, poolsChanged, identify }: PageSources & { readonly identify: (token: string) => Promise<Subject> },
): Promise<void> {
  const feed = createFeed(context);
  app.addHook("onClose", () => feed[Symbol.asyncDispose]());
  poolsChanged?.addEventListener("change", () => feed.changed());
  app.addHook("onSend", async (_request, reply) => {
    reply.headers(HEADERS);
  });
  const addresses = await registerAssets(app);

  // biome-ignore lint/nursery/noMisusedPromises: plugins may be async; the rule sees the overload for callbacks only
  await app.register(async (pages: App) => {
    pages.addContentTypeParser(
      "application/x-www-form-urlencoded",
      { parseAs: "string", bodyLimit: LONGEST_FORM },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    pages.setErrorHandler((error, request, reply) => sendProblem(addresses, error, request, reply));
    pages.addHook("onRequest", async (request, reply) => {
      reply.header("cache-control", "no-store");
      const { ready } = health();
      if (!ready.ok) {
        reply.header("connection", "close");
        throw new ProblemError("unavailable", "the daemon is not ready", { detail: ready.problems.join("; ") });
      }
      refuseNullBytes({ ...(request.params as object), ...(request.query as object) });
      if (request.method === "POST") demandSameOrigin(request);
      await request.authorize();
    });
    registerPage(pages, context, feed, addresses);
    registerBuildLog(pages, context);
    registerSessionRoutes(pages, identify);
    registerSteeringRoutes(pages, context, feed);
    registerEventRoutes(pages, context, feed);
  });
}

function registerPage(app: App, context: Context, feed: Feed, addresses: Addresses): void {
  app.get(
    "/",
    { config: { access: { list: templateResource }, session: true }, schema: { querystring: pageQuery } },
    async (request, reply) => {
      const { q: text, troubled, did, pool: id } = request.query;
      const reading = await feed.latest();
      const view = viewOf(reading, subjectOf(request), context.poolSettings);
      const pool = view.pools.find(({ pool }) => pool.preset_id === id)?.pool;
      const message = did && messageOf(did, pool);
      const since = `${feed.id}.${reading.number}`;
      const filter = { text, troubled: troubled !== undefined };
      return reply.type("text/html; charset=utf-8").send(statusPage(addresses, view, filter, { since, message }));
    },
  );
}

/** The log of a build as text, for who follows a link from the page. */
function registerBuildLog(app: App, { pool }: Context): void {
  app.get(
    "/builds/:id/log",
    {
      config: {
        access: {
          action: "read",
          of: async (request) => {
            const workspace = await findOwnershipByBuild(pool, pathPart(request, "id"));
            return workspace && workspaceResource(workspace);
          },
        },
        session: true,
      },
      schema: { params: idParams },
    },
    async (request, reply) => {
      // The end of it, for that is where a failed build says what was wrong.
      const newest = { before: Number.MAX_SAFE_INTEGER, limit: LOG_LINES };
      const lines = await listLogLines(pool, { kind: "build", id: request.params.id }, newest);
      const text = lines.map(
        ({ created_at, log_level, stage, output }) => `${created_at} ${log_level} ${stage}: ${output}\n`,
      );
      if (lines.length === LOG_LINES) text.unshift(`The newest ${LOG_LINES} lines; earlier ones are left out.\n`);
      return reply.type("text/plain; charset=utf-8").send(text.join("") || "The log is empty.\n");
    },
  );
}

/** What is wrong, as a page; who is not signed in gets the form for that. */
function sendProblem(addresses: Addresses, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { status, body } = answerTo(error, request.id);
  if (status >= 500 && status !== 503) request.log.error({ err: error, status }, "request failed");
  reply.status(status);
  if (status === 401 && sessionOf(request.headers) !== undefined) endSession(request, reply);
  if (isScript(request)) {
    reply.type("text/plain; charset=utf-8").send(body.message);
    return;
  }
  reply.type("text/html; charset=utf-8");
  if (status === 401) {
    const isFirst = request.method === "GET" && sessionOf(request.headers) === undefined;
    reply.status(isFirst && request.routeOptions.url === "/" ? 200 : 401);
    reply.send(signInPage(addresses, isFirst ? undefined : body.message));
    return;
  }
  const again = status === 503 && request.method === "GET";
  reply.send(problemPage(addresses, { message: body.message, detail: body.detail, again }));
}
