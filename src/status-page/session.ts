import type { IncomingHttpHeaders } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ProblemError } from "../errors.ts";

const COOKIE = "prebuildd_session";

/**
 * The headers by which a request of the page is authenticated: its cookie says what `Authorization` says elsewhere, and
 * nothing else in it counts. Only routes with `config.session` are; the API believes no cookie.
 */
export function sessionHeaders({ headers }: Pick<FastifyRequest, "headers">): IncomingHttpHeaders {
  const token = sessionOf(headers);
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** The token in the cookie. */
export function sessionOf({ cookie = "" }: IncomingHttpHeaders): string | undefined {
  for (const pair of cookie.split(";")) {
    const [name, value] = pair.split("=", 2);
    if (name?.trim() === COOKIE && value !== undefined) return value.trim();
  }
  return undefined;
}

/** Lets the browser send the token from now on, until it is closed. `token` must have been found to be good. */
export function beginSession(request: FastifyRequest, reply: FastifyReply, token: string): void {
  reply.header("set-cookie", cookie(request, token));
}

/** Lets the browser forget the token. */
export function endSession(request: FastifyRequest, reply: FastifyReply): void {
  reply.header("set-cookie", `${cookie(request, "")}; Max-Age=0`);
}

function cookie({ protocol, headers }: FastifyRequest, value: string): string {
  const forwarded = String(headers["x-forwarded-proto"] ?? "")
    .split(",", 1)[0]
    ?.trim();
  const isSecure = protocol === "https" || forwarded === "https";
  return `${COOKIE}=${value}; HttpOnly; SameSite=Strict; Path=/${isSecure ? "; Secure" : ""}`;
}

/**
 * Refuses what another site has made the browser send. Browsers say where a request comes from in `Sec-Fetch-Site`, but
 * over plain HTTP only in `Origin`.
 * @throws ProblemError when it does not come from the page itself
 */
export function demandSameOrigin({ headers }: FastifyRequest): void {
  const site = headers["sec-fetch-site"];
  const isSame = site === undefined ? hostOf(headers.origin) === headers.host : site === "same-origin";
  if (isSame && headers.host !== undefined) return;
  throw new ProblemError("forbidden", "this can be sent from the status page only; open it and try again there");
}

function hostOf(origin: string | undefined): string | undefined {
  return origin !== undefined && URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** Whether the page's script asks, which wants a sentence and no page around it. */
export const isScript = ({ headers }: FastifyRequest): boolean => headers.accept === "text/plain";
