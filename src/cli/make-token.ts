import { COMMAND_LINE } from "../audit/entry.ts";
import { insertAuditEntries } from "../audit/store.ts";
import { systemClock } from "../clock.ts";
import { BEGIN, openPool, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { UNLIMITED } from "../rbac/scope.ts";
import { userEntry } from "../users/audit-entry.ts";
import { ensureAdmin, findUser } from "../users/store.ts";
import { createToken } from "../users/tokens/create.ts";
import { tokenIdOf } from "../users/tokens/format.ts";
import { tokenEntry } from "../users/tokens/view.ts";

/**
 * Makes a token on the database itself, and says so in its audit log.
 * @param given.user whose: an id, a username or an e-mail address
 * @throws ProblemError when there is no such user, or when nobody can act as it
 */
export async function makeToken(
  given: { readonly user: string; readonly name: string },
  { url, log }: { readonly url: string; readonly log: Logger },
): Promise<string> {
  const pool = openPool(url, log, { max: 1 });
  try {
    const found = await findUser(pool, given.user);
    // The very first token has to come from somewhere: asking for the administrator's makes the administrator.
    const user = found ?? (given.user === "admin" ? await ensureAdmin(pool) : undefined);
    if (user === undefined) throw new ProblemError("not_found", `there is no user ${given.user}`);
    return await withTransaction(pool, BEGIN.readWrite, async (client) => {
      const made = await createToken(client, { userId: user.id, name: given.name });
      const token = { id: tokenIdOf(made), userId: user.id, name: given.name, scope: UNLIMITED, expiresAt: null };
      const entries = [...(found ? [] : [userEntry(null, user)]), tokenEntry("create", token, user.username)];
      await insertAuditEntries(client, COMMAND_LINE, entries, systemClock.now());
      return made;
    });
  } finally {
    await pool.end();
  }
}
