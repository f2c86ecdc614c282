import type { IncomingHttpHeaders } from "node:http";
import type { Context } from "../context.ts";
import { ProblemError } from "../errors.ts";
import { createRoleReader } from "../organizations/stored-role-store.ts";
import type { Subject } from "../rbac/decide.ts";
import { subjectFrom } from "../rbac/subject.ts";
import { isSecretOf } from "../users/tokens/create.ts";
import { parseToken } from "../users/tokens/format.ts";
import { findToken, readSubject, type TokenRow, touchToken } from "../users/tokens/store.ts";

/**
 * How long a token that was looked up is believed without another look. It saves a round trip per request, and it is
 * how late a revoked token, a suspended user or a changed role takes effect: at most this long. What changes rights is
 * asked for with a fresh look, so that nobody makes rights last that were taken away.
 */
const BELIEVED_MS = 3_000;
/** Tokens remembered at once; beyond that the one looked up longest ago is forgotten. */
const REMEMBERED = 10_000;
/** A token that was noted as used less than this long before is not noted again. */
const TOUCH_MS = 60_000;

type Found = Omit<TokenRow, "user"> & { readonly subject: Subject };
type Remembered = { readonly row: Found; readonly lookedUpAt: number };

/** Finds out who sends a request. */
type Authenticator = AsyncDisposable & {
  /**
   * @param options.fresh look the token up, whatever is remembered of it
   * @throws ProblemError when the headers hold no token that is good now.
   */
  authenticate(headers: IncomingHttpHeaders, options: { readonly fresh: boolean }): Promise<Subject>;
};

/** The token in the headers: `Authorization: Bearer`, or the header that clients of the reference send. */
function tokenOf(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
  const session = headers["coder-session-token"];
  return bearer ?? (typeof session === "string" && session !== "" ? session : undefined);
}

/** Checks tokens against the database, remembering for a few seconds what it said. */
export function createAuthenticator(
  context: Pick<Context, "pool" | "clock" | "log" | "workspaceSharingDisabled">,
): Authenticator {
  const { pool, clock, log, workspaceSharingDisabled } = context;
  const readRoles = createRoleReader(pool);
  const remembered = new Map<string, Remembered>();
  const lookingUp = new Map<string, Promise<Found | undefined>>();
  const touching = new Set<Promise<void>>();

  /** Requests that come at once with the same token share one look. */
  async function lookUp(id: string, now: number): Promise<Found | undefined> {
    const known = remembered.get(id);
    if (known && now - known.lookedUpAt < BELIEVED_MS && now >= known.lookedUpAt) return known.row;
    const looking = lookingUp.get(id) ?? read(id, now).finally(() => lookingUp.delete(id));
    lookingUp.set(id, looking);
    return looking;
  }

  async function read(id: string, now: number): Promise<Found | undefined> {
    remembered.delete(id);
    const found = await findToken(pool, id);
    // Unknown ids are not remembered: whoever guesses could fill the memory with them.
    if (!found) return undefined;
    const { user: _user, ...token } = found;
    const row = { ...token, subject: subjectFrom(await readSubject(found, readRoles), workspaceSharingDisabled) };
    remembered.set(id, { row, lookedUpAt: now });
    for (const oldest of remembered.keys()) {
      if (remembered.size <= REMEMBERED) break;
      remembered.delete(oldest);
    }
    if (row.lastUsed === null || now - row.lastUsed.getTime() >= TOUCH_MS) touch(id, new Date(now));
    return row;
  }

  /** Not awaited by the request: that a token was used is worth knowing, but not worth waiting for. */
  function touch(id: string, now: Date): void {
    const done = touchToken(pool, id, now)
      .catch((err: unknown) => log.warn({ err }, "could not note that a token was used"))
      .finally(() => touching.delete(done));
    touching.add(done);
  }

  return {
    async authenticate(headers, { fresh }) {
      const text = tokenOf(headers);
      if (text === undefined) {
        throw new ProblemError("unauthenticated", "this needs a token: send Authorization: Bearer <token>");
      }
      const parts = parseToken(text);
      const now = clock.now();
      const row = parts && (await (fresh ? read : lookUp)(parts.id, now.getTime()));
      if (!parts || !row || !isSecretOf(row.hashedSecret, parts.secret)) {
        throw new ProblemError("unauthenticated", "the token is not valid");
      }
      if (row.expiresAt !== null && row.expiresAt <= now) {
        throw new ProblemError("unauthenticated", "the token has expired");
      }
      if (row.status === "suspended") throw new ProblemError("unauthenticated", "the token's user is suspended");
      return row.subject;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(touching);
    },
  };
}
