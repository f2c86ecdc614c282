import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import { addMember, ensureDefaultOrganization } from "../organizations/store.ts";
import type { Visibility } from "../rbac/visibility.ts";
import { isUuid } from "../uuid.ts";
import type { UserRow } from "./view.ts";

/** What is read of each user, from a table or a row set `u`. */
export const USER_COLUMNS = `u.id, u.username, u.email, u.name, u.status, u.login_type, u.rbac_roles, u.is_system,
  u.last_seen_at, u.created_at, u.updated_at, array(select m.organization_id::text from organization_members m
    join organizations o on o.id = m.organization_id and not o.deleted
    where m.user_id = u.id order by lower(o.name)) as organization_ids`;

/** Which users to list: those that all of it is true of. */
export type UserFilter = {
  /** A part of the username or the email address, in any case. */
  readonly q?: string | undefined;
  readonly status?: UserRow["status"] | undefined;
  readonly includeSystem: boolean;
};

/** Finds a user by its id, username or email address, the latter two in any case. */
export async function findUser(db: Queryable, reference: string): Promise<UserRow | undefined> {
  const { rows } = await db.query<UserRow>(
    `select ${USER_COLUMNS} from users u
      where not u.deleted and (u.id = $2::uuid or lower(u.username) = lower($1) or lower(u.email) = lower($1))
      order by u.id = $2::uuid desc nulls last, lower(u.username) = lower($1) desc
      limit 1`,
    [reference, isUuid(reference) ? reference : null],
  );
  return rows[0];
}

/** One page of the users that may be seen, in the order of their usernames, and how many there are in all. */
export async function listUsers(
  db: Queryable,
  visible: Visibility,
  filter: UserFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ users: UserRow[]; count: number }> {
  const { rows } = await db.query<UserRow & { total: number }>(
    `with matching as (
        select * from users where not deleted and ($1 or id = $2) and ($3 or not is_system)
          and ($6::text[] is null or id::text = any ($6))
          and ($7::text is null or position(lower($7) in lower(username)) > 0 or position(lower($7) in lower(email)) > 0)
          and ($8::text is null or status = $8)),
      page as (
        select ${USER_COLUMNS} from matching u order by lower(u.username) limit $4 offset $5)
      select total.count as total, page.* from (select count(*)::int as count from matching) total
      left join page on true
      order by lower(page.username)`,
    [
      visible.everything,
      visible.own ? visible.userId : null,
      filter.includeSystem,
      page.limit,
      page.offset,
      visible.ids,
      filter.q ?? null,
      filter.status ?? null,
    ],
  );
  return { users: rows.filter((row) => row.id !== null), count: rows[0]?.total ?? 0 };
}

/**
 * Creates a user, who is not yet a member of any organization.
 * @throws ProblemError when the username or the email address is taken.
 */
export async function createUser(
  db: Queryable,
  input: {
    readonly username: string;
    readonly email: string;
    readonly name?: string;
    readonly siteRoles?: readonly string[];
    readonly loginType?: UserRow["login_type"];
  },
): Promise<UserRow> {
  try {
    const { rows } = await db.query<UserRow>(
      `with u as (
          insert into users (username, email, name, rbac_roles, login_type) values ($1, $2, $3, $4::text[], $5)
          returning *)
        select ${USER_COLUMNS} from u`,
      [input.username, input.email, input.name ?? "", input.siteRoles ?? [], input.loginType ?? "token"],
    );
    return rows[0] as UserRow;
  } catch (error) {
    throw takenProblem(error, input) ?? error;
  }
}

/** What to say when the database refused a user because of another one; undefined for other errors. */
export function takenProblem(
  error: unknown,
  { username, email }: Pick<UserRow, "username" | "email">,
): ProblemError | undefined {
  if (isUniqueViolation(error, "users_username_unique")) {
    return new ProblemError("conflict", `there is a user ${JSON.stringify(username)} already`);
  }
  if (isUniqueViolation(error, "users_email_unique")) {
    return new ProblemError("conflict", `there is a user with the email address ${JSON.stringify(email)} already`);
  }
  return undefined;
}

/**
 * Makes sure that there is a user `admin` in the default organization. One that is made now is a site owner; one
 * that is there keeps the roles it was given.
 */
export async function ensureAdmin(pool: pg.Pool): Promise<UserRow> {
  const organization = await ensureDefaultOrganization(pool);
  // Not "look, then insert": another replica may be doing the same.
  await pool.query(
    `insert into users (username, email, name, rbac_roles) values ('admin', 'admin@localhost', '', '{owner}')
      on conflict do nothing`,
  );
  const admin = await findUser(pool, "admin");
  if (!admin)
    throw new ProblemError("conflict", "the email address admin@localhost belongs to another user than admin");
  await addMember(pool, { organizationId: organization.id, userId: admin.id });
  return { ...admin, organization_ids: [...new Set([...admin.organization_ids, organization.id])] };
}
