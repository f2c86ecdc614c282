import type pg from "pg";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { isUniqueViolation, messageOf, ProblemError } from "../errors.ts";
import type { Logger } from "../log.ts";
import {
  declareSystemRoles,
  findLockHolders,
  type LockHolder,
  lockSystemRolesWithin,
  readStaleRoles,
  writeSystemRoles,
} from "./system-role-store.ts";
import { isChange, type RoleToWrite, rolesToWrite } from "./system-roles.ts";

/** How long is waited. */
const WAITS = {
  /** For the lock, before it is looked whether to go on waiting. */
  lockMs: 1_000,
  /** For the lock, before the log says who has it; and every time as long again. */
  tellMs: 10_000,
  /** For a row that somebody has locked, before the role counts as one that cannot be written. */
  rowMs: 5_000,
};
/** More roles than this are told of in one line. */
const TELL_EACH = 50;
/** More permissions than this are counted instead of listed. */
const LIST_EACH = 10;

type Options = {
  /** Given up when this is aborted while the lock is waited for. */
  readonly signal?: AbortSignal | undefined;
  /** How long is waited, where it is not as long as usual. */
  readonly waits?: Partial<typeof WAITS>;
};

/**
 * Makes the system roles of all organizations what this version's code says (roles specification, 2.6), in one
 * transaction and alone with their lock, for which it waits as long as it takes. What is right already is not written.
 * @returns the roles that were written
 * @throws Error that names organization and role when one cannot be written; then nothing is
 */
export async function reconcileSystemRoles(
  context: Pick<Context, "pool" | "clock" | "log">,
  options: Options = {},
): Promise<RoleToWrite[]> {
  return reconcileWith(context, options, declareSystemRoles);
}

/** Does the same with what the replica said that has started last, which need not be this one or of its version. */
export async function repairSystemRoles(
  context: Pick<Context, "pool" | "clock" | "log">,
  options: Options = {},
): Promise<RoleToWrite[]> {
  return reconcileWith(context, options, async () => {});
}

async function reconcileWith(
  { pool, clock, log }: Pick<Context, "pool" | "clock" | "log">,
  { signal, waits }: Options,
  first: (client: pg.PoolClient, now: Date) => Promise<void>,
): Promise<RoleToWrite[]> {
  const written = await withTransaction(pool, BEGIN.readWrite, async (client) => {
    await waitForLock(client, log, signal, { ...WAITS, ...waits });
    const now = clock.now();
    await first(client, now);
    return reconcileRoles(client, now);
  });
  tell(log, written);
  return written;
}

/**
 * Makes the system roles of one organization what they are to be, or of all; in a transaction that has their lock.
 * @returns the roles that were written
 */
export async function reconcileRoles(
  client: pg.PoolClient,
  now: Date,
  organizationId?: string,
): Promise<RoleToWrite[]> {
  const roles = rolesToWrite(await readStaleRoles(client, organizationId));
  if (roles.length > 0) await writeAll(client, roles, now);
  return roles;
}

/** Writes all at once, and one by one when that fails, to find out whose role it is that cannot be written. */
async function writeAll(client: pg.PoolClient, roles: readonly RoleToWrite[], now: Date): Promise<void> {
  await client.query("savepoint unwritten");
  try {
    await writeSystemRoles(client, roles, now);
  } catch {
    await client.query("rollback to savepoint unwritten");
    for (const role of roles) {
      await writeSystemRoles(client, [role], now).catch((cause: unknown) => {
        throw problemOf(role, cause);
      });
    }
  }
}

function problemOf({ name, organization }: RoleToWrite, cause: unknown): Error {
  const message = `the system role ${name} of organization ${organization.name} (${organization.id}) cannot be written`;
  if (isUniqueViolation(cause, "custom_roles_organization_id_name_unique")) {
    const detail = "there is a role of that name which is not a system role; rename or delete it in custom_roles";
    return new ProblemError("conflict", `${message}: ${detail}`, { cause });
  }
  return new Error(`${message}: ${messageOf(cause)}`, { cause });
}

async function waitForLock(
  client: pg.PoolClient,
  log: Logger,
  signal: AbortSignal | undefined,
  { lockMs, tellMs, rowMs }: typeof WAITS,
): Promise<void> {
  for (let waitedMs = lockMs; ; waitedMs += lockMs) {
    signal?.throwIfAborted();
    if (await lockSystemRolesWithin(client, { lockMs, rowMs })) return;
    if (waitedMs % tellMs !== 0) continue;
    const holders = await findLockHolders(client);
    const who = holders.map(holderText).join(" and ") || "nobody any more";
    log.warn({ holders }, `waited ${waitedMs / 1_000} s for the lock on the organization roles, held by ${who}`);
  }
}

function holderText({ pid, user, application, address, state, since }: LockHolder): string {
  const known = [
    application && `application ${application}`,
    user && `user ${user}`,
    address && `from ${address}`,
    state,
    since && `in a transaction since ${since.toISOString()}`,
  ];
  return `process ${pid} of the database server (${known.filter(Boolean).join(", ")})`;
}

/** The beginning of a list that a person can still read. */
function shortened(words: readonly string[]): string[] {
  const rest = words.length - LIST_EACH;
  return rest > 0 ? [...words.slice(0, LIST_EACH), `and ${rest} more`] : [...words];
}

function tell(log: Logger, written: readonly RoleToWrite[]): void {
  const [few, many] = written.length > TELL_EACH ? [[], written] : [written, []];
  for (const { name, organization, missing, org, member } of few) {
    const fields = { organization_id: organization.id, organization: organization.name, role_name: name };
    const changes = {
      org_changed: isChange(org),
      member_changed: isChange(member),
      added: shortened([...org.added, ...member.added]),
      removed: shortened([...org.removed, ...member.removed]),
    };
    if (missing) log.error(fields, `organization ${organization.name} had no role ${name}; it has one now`);
    else
      log.info({ ...fields, ...changes }, `brought the role ${name} of organization ${organization.name} up to date`);
  }
  if (many.length === 0) return;
  const missing = many.filter((role) => role.missing);
  if (missing.length > 0) log.error({ roles: missing.length }, "organizations had no system role; they have one now");
  log.info({ roles: many.length, missing: missing.length }, `brought ${many.length} organization roles up to date`);
}
