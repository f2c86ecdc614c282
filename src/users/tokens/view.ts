import { z } from "zod";
import { type AuditEntry, difference } from "../../audit/entry.ts";
import type { WrittenScope } from "../../rbac/scope.ts";

/** A token as the API shows it: everything but the secret. */
export const tokenSchema = z.object({
  id: z.string(),
  user_id: z.guid(),
  token_name: z.string(),
  scopes: z.array(z.string()).describe("what it may be used for: `all`, `type:action` or `type:*`"),
  allow_list: z.array(z.string()).describe("what it may be used on: `type:id`, `type:*` or `*:*`"),
  created_at: z.iso.datetime(),
  last_used: z.iso.datetime().nullable(),
  expires_at: z.iso.datetime().nullable(),
});
export type TokenView = z.infer<typeof tokenSchema>;

/** What is stored of a token, without the hash of its secret. */
export type TokenDescription = {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly scope: WrittenScope;
  readonly createdAt: Date;
  readonly lastUsed: Date | null;
  readonly expiresAt: Date | null;
};

/** Turns a stored token into what the API shows. */
export function tokenView(token: TokenDescription): TokenView {
  return {
    id: token.id,
    user_id: token.userId,
    token_name: token.name,
    scopes: [...token.scope.scopes],
    allow_list: [...token.scope.allowList],
    created_at: token.createdAt.toISOString(),
    last_used: token.lastUsed?.toISOString() ?? null,
    expires_at: token.expiresAt?.toISOString() ?? null,
  };
}

/**
 * What the audit log says of a token that is made or revoked.
 * @param username whose it is
 */
export function tokenEntry(
  action: "create" | "delete",
  token: Omit<TokenDescription, "createdAt" | "lastUsed">,
  username: string,
): AuditEntry {
  const fields = {
    user_id: token.userId,
    token_name: token.name,
    scopes: token.scope.scopes,
    allow_list: token.scope.allowList,
    expires_at: token.expiresAt,
  };
  return {
    action,
    type: "api_key",
    id: token.id,
    target: `${username}/${token.name === "" ? token.id : token.name}`,
    organizationId: null,
    diff: action === "create" ? difference(null, fields) : difference(fields, null),
  };
}
