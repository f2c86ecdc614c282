import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import {
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyRequest,
  fastify,
  LogController,
  type RawServerDefault,
} from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import type { Context } from "../context.ts";
import { ProblemError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type PageSources, registerStatusPage } from "../status-page/routes.ts";
import { sessionHeaders } from "../status-page/session.ts";
import { isUuid } from "../uuid.ts";
import type { App, RegisterRoutes } from "./app.ts";
import { demandAudit } from "./audit.ts";
import { createAuthenticator } from "./authenticate.ts";
import { authorize, authorizeBody, demandAccess, needsFreshLook } from "./authorize.ts";
import { type ErrorBody, sendError } from "./errors.ts";
import { type HealthSources, registerHealthRoutes } from "./health.ts";
import { refuseNullBytes } from "./null-bytes.ts";
import { registerOpenApi } from "./openapi.ts";
import { API_ROUTES } from "./routes.ts";
import { cutSilentConnections } from "./silent-connections.ts";
import { traceRequests } from "./tracing.ts";

const API_PREFIX = "/api/v2";
const MIB = 1_048_576;
/** A request that has not arrived completely after this long is given up; answers may take longer. */
const REQUEST_TIMEOUT_MS = 60_000;

/** An id that the caller has given the request is taken over where it can stand in the audit log. */
const givenId = (given: string | string[] | undefined): string | undefined =>
  typeof given === "string" && isUuid(given) ? given.toLowerCase() : undefined;

const serverOptions = (log: Logger): FastifyHttpOptions<RawServerDefault, FastifyBaseLogger> => ({
  loggerInstance: log,
  logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "request" }),
  genReqId: ({ headers }) => givenId(headers["x-request-id"]) ?? randomUUID(),
  bodyLimit: MIB,
  requestTimeout: REQUEST_TIMEOUT_MS,
  // Requests that arrive while the server closes are answered by the readiness check, in our own words.
  return503OnClosing: false,
  routerOptions: { maxParamLength: 300 },
  frameworkErrors: (error, request, reply) => {
    sendError(error, request, reply);
  },
  clientErrorHandler: (error, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) return;
    const status = error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
    const body = JSON.stringify({ message: "the request is not valid HTTP" } satisfies ErrorBody);
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json`;
    socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  },
});

/** A server with our way of logging and of saying what is wrong, and without routes. */
function buildBareServer(log: Logger): App {
  const app: App = fastify(serverOptions(log)).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeContentTypeParser("text/plain");
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0];
    reply.status(404).send({ message: `there is no ${request.method} ${path}` } satisfies ErrorBody);
  });
  cutSilentConnections(app);
  app.addHook("onRoute", demandAccess);
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  app.addHook("onResponse", async (request, reply) => {
    const { method, url } = request;
    request.log.debug({ method, url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, "request answered");
  });
  return app;
}

/**
 * Builds the daemon's HTTP server: the API below /api/v2, and the probes, metrics and status page outside it. It does
 * not listen yet.
 * @throws when a route does not say who may call it.
 */
export async function buildServer(
  context: Context,
  options: HealthSources & PageSources & { readonly routes?: readonly RegisterRoutes[] },
): Promise<App> {
  const app = buildBareServer(context.log);
  const authenticator = createAuthenticator(context);
  app.addHook("onClose", () => authenticator[Symbol.asyncDispose]());
  app.decorateRequest("authorized", null);
  app.decorateRequest("audited", false);
  app.decorateRequest("authorize", function (this: FastifyRequest) {
    const fresh = needsFreshLook(this);
    const headers = this.routeOptions.config.session ? sessionHeaders(this) : this.headers;
    return authorize(this, () => authenticator.authenticate(headers, { fresh }));
  });

  async function registerApi(api: App): Promise<void> {
    traceRequests(api);
    api.addHook("onRequest", async (request, reply) => {
      const { ready } = options.health();
      if (!ready.ok) {
        // Without this a client's idle connection would keep a server that is stopping from closing.
        reply.header("connection", "close");
        const detail = ready.problems.join("; ");
        throw new ProblemError("unavailable", "the daemon is not ready to answer", detail === "" ? {} : { detail });
      }
      refuseNullBytes({ ...(request.params as object), ...(request.query as object) });
      await request.authorize();
    });
    api.addHook("preValidation", async (request) => refuseNullBytes(request.body));
    api.addHook("preHandler", authorizeBody);
    api.addHook("onSend", async (request, reply) => demandAudit(request, reply.statusCode));
    await registerOpenApi(api);
    for (const register of [...API_ROUTES, ...(options.routes ?? [])]) await register(api, context);
  }

  registerHealthRoutes(app, options);
  // biome-ignore lint/nursery/noMisusedPromises: plugins may be async; the rule sees the overload for callbacks only
  await app.register(registerApi, { prefix: API_PREFIX });
  const identify = (token: string) => authenticator.authenticate({ authorization: `Bearer ${token}` }, { fresh: true });
  // biome-ignore lint/nursery/noMisusedPromises: as above
  await app.register((page) => registerStatusPage(page, context, { ...options, identify }));
  await app.ready();
  return app;
}

/** Builds the server for PREBUILDD_METRICS_LISTEN: only the probes and the metrics. */
export async function buildMetricsServer(log: Logger, sources: HealthSources): Promise<App> {
  const app = buildBareServer(log);
  registerHealthRoutes(app, sources);
  await app.ready();
  return app;
}
