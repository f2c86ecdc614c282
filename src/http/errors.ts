import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { databaseErrorOf, isLockTimeout, ProblemError, type ProblemKind, type Validation } from "../errors.ts";

/** The body of every answer that is not a success. */
export type ErrorBody = {
  readonly message: string;
  readonly detail?: string;
  readonly validations?: readonly Validation[];
};

const STATUS: Readonly<Record<ProblemKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  unavailable: 503,
};

/** Sentences for what the framework refuses itself; its own messages name its error codes. */
const REFUSALS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "the body of the request is too large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "the body of a request must be JSON: send Content-Type: application/json",
  FST_ERR_CTP_EMPTY_JSON_BODY: "the body of the request is empty, but its Content-Type says JSON",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "the body of the request is not as long as its Content-Length says",
  FST_ERR_CTP_INVALID_JSON_BODY: "the body of the request is not valid JSON",
  FST_ERR_MAX_PARAM_LENGTH: "a part of the request's path is too long",
  FST_ERR_BAD_URL: "the path of the request is not a valid URL",
};

/** SQLSTATE classes and codes that say "not now": no connection, shutting down, starting, too many connections. */
const UNAVAILABLE_STATE = /^(08...|57P0[1-5]|53300)$/;
const UNAVAILABLE_CODE = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
]);
/** pg throws these without a code. */
const UNAVAILABLE_MESSAGE =
  /^(Query read timeout|Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after calling end)/;

/** Whether the request failed because the database could not be reached, in which case trying again may help. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const state = databaseErrorOf(error)?.code;
  if (state !== undefined) return UNAVAILABLE_STATE.test(state);
  for (let at = error; at instanceof Error; at = at.cause) {
    if (UNAVAILABLE_MESSAGE.test(at.message)) return true;
    const failures = at instanceof AggregateError ? at.errors : [at];
    if (failures.some((failure) => isConnectionFailure(failure))) return true;
  }
  return false;
}

function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return false;
  // ENOENT is a missing Unix socket here; a missing file is a bug of ours and no reason to try again.
  const isNetwork = ["connect", "read", "write", "getaddrinfo"].includes(String(error.syscall));
  return isNetwork && UNAVAILABLE_CODE.has(String(error.code));
}

/** One sentence per wrong field; the field is the dotted path within the body, the query or the path. */
function validationsOf(error: FastifyError): Validation[] {
  return (error.validation ?? []).flatMap((issue) => {
    const path = issue.instancePath.split("/").filter((part) => part !== "");
    const unknown = issue.keyword === "unrecognized_keys" ? (issue.params["keys"] as string[]) : undefined;
    if (unknown) return unknown.map((key) => ({ field: [...path, key].join("."), detail: "there is no such field" }));
    const field = path.length > 0 ? path.join(".") : (error.validationContext ?? "body");
    return [{ field, detail: issue.message ?? "is not valid" }];
  });
}

/** The status and body that tell the caller what was wrong; for what is our own fault only where to look. */
export function answerTo(error: unknown, requestId: string): { status: number; body: ErrorBody } {
  if (error instanceof ProblemError) {
    return {
      status: STATUS[error.kind],
      body: {
        message: error.message,
        ...(error.detail === undefined ? {} : { detail: error.detail }),
        ...(error.validations.length === 0 ? {} : { validations: error.validations }),
      },
    };
  }
  if (isLockTimeout(error)) {
    return { status: 409, body: { message: "somebody else is just working on this; try again in a moment" } };
  }
  if (isDatabaseUnavailable(error)) {
    return {
      status: 503,
      body: { message: "the database cannot be reached at the moment; try again", detail: `request ${requestId}` },
    };
  }
  if (error instanceof Error && "statusCode" in error) {
    const refused = error as FastifyError;
    const validations = validationsOf(refused);
    if (validations.length > 0) return { status: 400, body: { message: "the request is not valid", validations } };
    const status = refused.statusCode ?? 500;
    if (status >= 400 && status < 500) {
      // A body that is not JSON arrives as the parser's own error, whose words point at the place.
      const message =
        REFUSALS[refused.code] ?? (status === 400 ? REFUSALS["FST_ERR_CTP_INVALID_JSON_BODY"] : undefined);
      const detail = refused instanceof SyntaxError ? { detail: refused.message } : {};
      return { status, body: { message: message ?? refused.message, ...detail } };
    }
  }
  return { status: 500, body: { message: "internal error", detail: `request ${requestId}` } };
}

/** Answers a failed request, and logs what a person other than the caller has to look at. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { status, body } = answerTo(error, request.id);
  // "Not now" is an answer, not a failure of ours: no stack is needed to act on it.
  if (status === 503) request.log.warn({ status, problem: body.message, detail: body.detail }, "request refused");
  else if (status >= 500) request.log.error({ err: error, status }, "request failed");
  if (status === 401) reply.header("www-authenticate", "Bearer");
  reply.status(status).send(body);
}
