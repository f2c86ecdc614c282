import type { Queryable } from "../../db/connection.ts";
import { ROLE_REFERENCES, type RoleReader, type RoleReference } from "../../organizations/stored-role-store.ts";
import type { Membership } from "../../rbac/decide.ts";
import type { WrittenScope } from "../../rbac/scope.ts";
import type { StoredSubject } from "../../rbac/subject.ts";
import type { TokenDescription } from "./view.ts";

/** A token as stored, and the user it belongs to with everything that decides what that user may do. */
export type TokenRow = {
  readonly hashedSecret: Buffer;
  readonly expiresAt: Date | null;
  readonly lastUsed: Date | null;
  readonly status: "active" | "dormant" | "suspended";
  readonly user: Omit<StoredSubject, "memberships"> & { readonly memberships: readonly StoredMembership[] };
};

type StoredMembership = Membership & {
  readonly roles: readonly string[];
  readonly references: readonly RoleReference[];
};

/** Looks up what is stored of the roles of a token's user. */
export async function readSubject({ user }: TokenRow, readRoles: RoleReader): Promise<StoredSubject> {
  const roles = await readRoles(user.memberships.flatMap(({ references }) => references));
  const memberships = user.memberships.map(({ references, ...membership }) => ({
    ...membership,
    stored: references.flatMap(({ id }) => roles.get(id) ?? []),
  }));
  return { ...user, memberships };
}

/** Finds a token by its id, with its user; those of users that nobody can act as any more are not found. */
export async function findToken(db: Queryable, id: string): Promise<TokenRow | undefined> {
  const { rows } = await db.query<{
    hashed_secret: Buffer;
    expires_at: Date | null;
    last_used: Date | null;
    user_id: string;
    username: string;
    status: TokenRow["status"];
    rbac_roles: string[];
    memberships: StoredMembership[];
    group_ids: string[];
    scopes: string[];
    allow_list: string[];
  }>(
    `select k.hashed_secret, k.expires_at, k.last_used, u.id as user_id, u.username, u.status, u.rbac_roles, k.scopes,
        k.allow_list, array(select g.group_id::text from group_members g where g.user_id = u.id) as group_ids,
        coalesce((
          select json_agg(json_build_object('id', o.id, 'name', o.name, 'isDefault', o.is_default, 'roles', m.roles,
            'references', ${ROLE_REFERENCES}))
          from organization_members m
          join organizations o on o.id = m.organization_id and not o.deleted
          where m.user_id = u.id), '[]') as memberships
      from api_keys k
      join users u on u.id = k.user_id and not u.deleted and not u.is_system and u.login_type <> 'none'
      where k.id = $1`,
    [id],
  );
  const row = rows[0];
  if (!row) return undefined;
  return {
    hashedSecret: row.hashed_secret,
    expiresAt: row.expires_at,
    lastUsed: row.last_used,
    status: row.status,
    user: {
      userId: row.user_id,
      username: row.username,
      siteRoles: row.rbac_roles,
      memberships: row.memberships,
      groupIds: row.group_ids,
      scope: { scopes: row.scopes, allowList: row.allow_list },
      expiresAt: row.expires_at,
    },
  };
}

/** Stores a new token for a user that may have one; tells whether it did. */
export async function insertToken(
  db: Queryable,
  token: {
    readonly id: string;
    readonly hashedSecret: Buffer;
    readonly userId: string;
    readonly name: string;
    readonly expiresAt: Date | null;
    readonly scope: WrittenScope;
  },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into api_keys (id, hashed_secret, user_id, token_name, expires_at, scopes, allow_list)
      select $1, $2, u.id, $4, $5::timestamptz, $6::text[], $7::text[]
      from users u
      where u.id = $3 and not u.deleted and not u.is_system and u.login_type <> 'none'`,
    [
      token.id,
      token.hashedSecret,
      token.userId,
      token.name,
      token.expiresAt,
      token.scope.scopes,
      token.scope.allowList,
    ],
  );
  return rowCount === 1;
}

/** Notes that a token is in use. */
export async function touchToken(db: Queryable, id: string, now: Date): Promise<void> {
  await db.query("update api_keys set last_used = $2 where id = $1", [id, now]);
}

const DESCRIPTION = `k.id, k.user_id as "userId", k.token_name as name, k.created_at as "createdAt",
  k.last_used as "lastUsed", k.expires_at as "expiresAt",
  json_build_object('scopes', k.scopes, 'allowList', k.allow_list) as scope`;

/** One page of a user's tokens, the newest first, and how many there are in all. */
export async function listTokens(
  db: Queryable,
  userId: string,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ tokens: TokenDescription[]; total: number }> {
  const { rows } = await db.query<TokenDescription & { total: number }>(
    `select total.count as total, page.*
      from (select count(*)::int as count from api_keys where user_id = $1) total
      left join (
        select ${DESCRIPTION} from api_keys k where k.user_id = $1 order by k.created_at desc, k.id limit $2 offset $3
      ) page on true
      order by page."createdAt" desc, page.id`,
    [userId, page.limit, page.offset],
  );
  return { tokens: rows.filter(({ id }) => id !== null), total: rows[0]?.total ?? 0 };
}

/** Finds a token of a user by its id. */
export async function describeToken(db: Queryable, userId: string, id: string): Promise<TokenDescription | undefined> {
  const { rows } = await db.query<TokenDescription>(
    `select ${DESCRIPTION} from api_keys k where k.user_id = $1 and k.id = $2`,
    [userId, id],
  );
  return rows[0];
}

/** Deletes a token of a user, and returns what it was. */
export async function deleteToken(db: Queryable, userId: string, id: string): Promise<TokenDescription | undefined> {
  const { rows } = await db.query<TokenDescription>(
    `delete from api_keys k where k.user_id = $1 and k.id = $2 returning ${DESCRIPTION}`,
    [userId, id],
  );
  return rows[0];
}
