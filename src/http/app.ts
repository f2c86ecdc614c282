import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Context } from "../context.ts";
import type { Resource, Subject } from "../rbac/decide.ts";
import type { Access } from "./authorize.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Who may call the route. The server does not start when a route says nothing. */
    access?: Access;
    /**
     * What was found out about the caller a moment ago is good enough: for claims, whose statement checks what matters,
     * and for what a gateway reports of everybody with one token.
     */
    believes?: boolean;
    /** The caller is known by the status page's cookie, and by nothing else; all other routes believe no cookie. */
    session?: boolean;
  }
  interface FastifyRequest {
    /** Read through `subjectOf` and `targetOf`, which fail when the route's access does not provide them. */
    authorized: { subject: Subject; target: Resource | undefined } | null;
    /** What the request did was written to the audit log, or it did nothing; see `demandAudit`. */
    audited: boolean;
    /** Decides once more who sends the request and whether they may; answers that take long ask now and then. */
    authorize(): Promise<void>;
  }
}

/** A server, or the part of one below a path, whose routes are described and checked by zod schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** Adds the routes of one subject below /api/v2. */
export type RegisterRoutes = (app: App, context: Context) => void | Promise<void>;

/** How the process is doing: whether it should be restarted, and whether it should be sent requests. */
export type Health = {
  readonly live: { readonly ok: boolean; readonly problems: readonly string[] };
  readonly ready: { readonly ok: boolean; readonly problems: readonly string[] };
};
