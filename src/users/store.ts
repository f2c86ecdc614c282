import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import { addMember, ensureDefaultOrganization } from "../organizations/store.ts";
import type { Visibility } from "../rbac/visibility.ts";
import { isUuid } from "../uuid.ts";

export type UserRow = {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly name: string;
  readonly status: "active" | "dormant" | "suspended";
  readonly rbac_roles: readonly string[];
  readonly is_system: boolean;
  readonly organization_ids: readonly string[];
  readonly last_seen_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
};

const COLUMNS = `u.id, u.username, u.email, u.name, u.status, u.rbac_roles, u.is_system, u.last_seen_at, u.created_at,
  u.updated_at, array(select m.organization_id::text from organization_members m
    join organizations o on o.id = m.organization_id and not o.deleted
    where m.user_id = u.id order by lower(o.name)) as organization_ids`;

/** Finds a user by its id, username or email address, the latter two in any case. */
export async function findUser(db: Queryable, reference: string): Promise<UserRow | undefined> {
  const { rows } = await db.query<UserRow>(
    `select ${COLUMNS} from users u
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
  page: { readonly limit: number; readonly offset: number; readonly includeSystem: boolean },
): Promise<{ users: UserRow[]; count: number }> {
  const { rows } = await db.query<UserRow & { total: number }>(
    `with matching as (
        select * from users where not deleted and ($1 or id = $2) and ($3 or not is_system)
          and ($6::text[] is null or id::text = any ($6))),
      page as (
        select ${COLUMNS} from matching u order by lower(u.username) limit $4 offset $5)
      select total.count as total, page.* from (select count(*)::int as count from matching) total
      left join page on true
      order by lower(page.username)`,
    [visible.everything, visible.own ? visible.userId : null, page.includeSystem, page.limit, page.offset, visible.ids],
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
  },
): Promise<UserRow> {
  try {
    const { rows } = await db.query<UserRow>(
      `with u as (
          insert into users (username, email, name, rbac_roles) values ($1, $2, $3, $4::text[]) returning *)
        select ${COLUMNS} from u`,
      [input.username, input.email, input.name ?? "", input.siteRoles ?? []],
    );
    return rows[0] as UserRow;
  } catch (error) {
    if (isUniqueViolation(error, "users_username_unique")) {
      throw new ProblemError("conflict", `there is a user ${JSON.stringify(input.username)} already`);
    }
    if (isUniqueViolation(error, "users_email_unique")) {
      throw new ProblemError(
        "conflict",
        `there is a user with the email address ${JSON.stringify(input.email)} already`,
      );
    }
    throw error;
  }
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
