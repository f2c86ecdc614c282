import type { Context } from "../context.ts";
import { databaseErrorOf } from "../errors.ts";
import { addMemberships, type IncompleteOrganization } from "./membership-store.ts";

/** In how many organizations something was added, and how many refused it. */
type MembershipResult = { readonly organizations: number; readonly failures: number };

type Acting = Pick<Context, "pool" | "log">;

/**
 * Makes the prebuilds user a member of every organization that has pools and lacks it, and of the group there that
 * carries its quota. Nothing is ever removed. An organization that refuses is logged and counted, and does not stop the others.
 * @param signal aborted when this replica no longer leads; organizations not begun are left to the next leader
 * @throws when the database cannot be asked at all
 */
export async function reconcileMemberships(
  context: Acting,
  incomplete: readonly IncompleteOrganization[],
  signal: AbortSignal,
): Promise<MembershipResult> {
  if (incomplete.length === 0) return { organizations: 0, failures: 0 };
  const result = (await joinTogether(context, incomplete)) ?? (await joinOneByOne(context, incomplete, signal));
  const { organizations } = result;
  if (organizations > 0) {
    const what = organizations === 1 ? "organization" : "organizations";
    context.log.info({ count: organizations }, `the prebuilds user joined ${organizations} ${what}`);
  }
  return result;
}

/** Undefined when an organization refused, and with it, in the same transaction, all of them. */
async function joinTogether(
  { pool, log }: Acting,
  incomplete: readonly IncompleteOrganization[],
): Promise<MembershipResult | undefined> {
  try {
    const ids = incomplete.map(({ id }) => id);
    return { organizations: await addMemberships(pool, ids), failures: 0 };
  } catch (err) {
    rethrowUnlessRefused(err);
    log.debug({ err }, "the prebuilds user cannot join all organizations at once; trying each by itself");
    return undefined;
  }
}

async function joinOneByOne(
  { pool, log }: Acting,
  incomplete: readonly IncompleteOrganization[],
  signal: AbortSignal,
): Promise<MembershipResult> {
  let organizations = 0;
  let failures = 0;
  for (const { id, name } of incomplete) {
    if (signal.aborted) break;
    try {
      organizations += await addMemberships(pool, [id]);
    } catch (err) {
      rethrowUnlessRefused(err);
      failures += 1;
      const what = `the prebuilds user cannot join organization ${name}; the next pass tries again`;
      log.error({ err, organization: name }, what);
    }
  }
  return { organizations, failures };
}

/** A database that does not answer would make every organization wait for the same time-out, one after the other. */
function rethrowUnlessRefused(error: unknown): void {
  if (!databaseErrorOf(error)) throw error;
}
