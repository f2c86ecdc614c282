import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import type { Queryable } from "../../db/connection.ts";
import { ProblemError } from "../../errors.ts";
import { UNLIMITED, type WrittenScope } from "../../rbac/scope.ts";
import { formatToken, TOKEN_ALPHABET, TOKEN_LENGTHS } from "./format.ts";
import { insertToken } from "./store.ts";

/** What is stored of a secret. It is random and long, so one round of a fast hash is all it needs. */
function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** Whether a secret is the one that is stored; takes as long for a wrong one as for the right one. */
export function isSecretOf(hashedSecret: Buffer, secret: string): boolean {
  return timingSafeEqual(hashedSecret, hashSecret(secret));
}

function randomText(length: number): string {
  return Array.from({ length }, () => TOKEN_ALPHABET[randomInt(TOKEN_ALPHABET.length)]).join("");
}

/**
 * Makes a token for a user and returns it; this is the only time that it can be read.
 * @throws ProblemError when there is no such user or when it is one that nobody can act as.
 */
export async function createToken(
  db: Queryable,
  input: {
    readonly userId: string;
    readonly name: string;
    readonly expiresAt?: Date | null;
    /** Absent: everything that the user may do. */
    readonly scope?: WrittenScope;
  },
): Promise<string> {
  const parts = { id: randomText(TOKEN_LENGTHS.id), secret: randomText(TOKEN_LENGTHS.secret) };
  const stored = await insertToken(db, {
    id: parts.id,
    hashedSecret: hashSecret(parts.secret),
    userId: input.userId,
    name: input.name,
    expiresAt: input.expiresAt ?? null,
    scope: input.scope ?? UNLIMITED,
  });
  if (!stored) {
    throw new ProblemError(
      "forbidden",
      "there is no such user, or nobody can act as it: it is a system user, or its login type is none",
    );
  }
  return formatToken(parts);
}
