import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { isLockTimeout } from "../errors.ts";
import { SYSTEM_ROLES, systemRolePermissions } from "../rbac/system-roles.ts";
import type { RoleToWrite, StaleRoles } from "./system-roles.ts";

/** What this version's code says that each system role grants, where workspaces can be shared and where they cannot. */
const SAID_HERE = JSON.stringify(
  SYSTEM_ROLES.flatMap((name) =>
    [false, true].map((disabled) => {
      const { org, member } = systemRolePermissions(name, disabled);
      return { name, disabled, org, member };
    }),
  ),
);
/**
 * What system roles are to grant in this database: what the replica said that has started last. So a replica of an older
 * version, which may still run and lead, does not undo what a newer one has done.
 * @param ours the number of the parameter whose value is `SAID_HERE`, for a database on which none has started yet
 */
const EXPECTED = (ours: string) => `json_to_recordset(coalesce(
    (select value::json from site_configs where key = 'system_roles'), ${ours}::json))
  as e (name text, disabled boolean, org jsonb, member jsonb)`;

/** Says for all replicas what system roles are to grant; in a transaction that has their lock. */
export async function declareSystemRoles(client: pg.PoolClient, now: Date): Promise<void> {
  await client.query(
    `insert into site_configs as c (key, value, updated_at) values ('system_roles', $1, $2)
      on conflict (key) do update set value = excluded.value, updated_at = excluded.updated_at
      where c.value <> excluded.value`,
    [SAID_HERE, now],
  );
}

/**
 * Inserts the system roles of new organizations, filled; stands in the statement that inserts those, which it takes from
 * a row set `o` with their ids. The trigger on organizations then finds nothing left to do.
 * @param parameter the number of the parameter whose value is `filledRoles`
 */
export const insertFilledRoles = (parameter: string): string =>
  `insert into custom_roles (name, organization_id, is_system, org_permissions, member_permissions)
    select e.name, o.id, true, e.org, e.member from o, ${EXPECTED(parameter)} where not e.disabled`;
export const filledRoles = SAID_HERE;

/** The advisory lock of everybody who changes system roles, here and in the reference. */
const LOCK = 8;

/** Waits for the lock on the system roles, which is held until the transaction ends. */
export async function lockSystemRoles(client: pg.PoolClient): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(${LOCK})`);
}

/**
 * Waits for the lock on the system roles for at most `lockMs` milliseconds; tells whether it is held now. The statement
 * does not wait for longer, so that the caller can look around in between. Once it is held, the transaction waits for
 * `rowMs` for each row that somebody else has locked.
 */
export async function lockSystemRolesWithin(
  client: pg.PoolClient,
  { lockMs, rowMs }: { readonly lockMs: number; readonly rowMs: number },
): Promise<boolean> {
  await client.query(`savepoint unlocked; set local lock_timeout = ${Math.round(lockMs)}`);
  try {
    await lockSystemRoles(client);
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    // Released, too, or a wait of hours would pile up thousands of savepoints.
    await client.query("rollback to savepoint unlocked; release savepoint unlocked");
    return false;
  }
  await client.query(`set local lock_timeout = ${Math.round(rowMs)}`);
  return true;
}

/** Somebody who holds a lock. */
export type LockHolder = {
  readonly pid: number;
  readonly user: string | null;
  readonly application: string;
  readonly address: string | null;
  readonly state: string | null;
  readonly since: Date | null;
};

/** Who holds the lock on the system roles in this database. */
export async function findLockHolders(db: Queryable): Promise<LockHolder[]> {
  const { rows } = await db.query<LockHolder>(
    `select l.pid, a.usename as user, coalesce(a.application_name, '') as application,
        host(a.client_addr) as address, a.state, a.xact_start as since
      from pg_locks l left join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'advisory' and l.granted and l.classid = 0 and l.objid = ${LOCK} and l.objsubid = 1
        and l.database = (select oid from pg_database where datname = current_database())
      order by a.xact_start`,
  );
  return rows;
}

/**
 * The system roles that do not have exactly what they are to grant, in the order in which it is written: those that
 * grant the same together, and those of organizations that have none.
 * @param organizationId look at this organization only
 */
export async function readStaleRoles(client: pg.PoolClient, organizationId?: string): Promise<StaleRoles[]> {
  // Grouped by a hash: to sort or compare the lists themselves takes seconds when there are thousands of them.
  const { rows } = await client.query<StaleRoles>(
    `with stale as (
        select e.name, o.workspace_sharing_disabled as disabled, o.id as organization_id, o.name as organization, r.id,
          sha256(convert_to(concat(r.org_permissions::text, ' ', r.member_permissions::text), 'UTF8')) as content
        from organizations o
        join ${EXPECTED("$1")} on e.disabled = o.workspace_sharing_disabled
        left join custom_roles r on r.organization_id = o.id and lower(r.name) = e.name and r.is_system
        where not o.deleted and ($2::uuid is null or o.id = $2)
          and (r.id is null or r.org_permissions is distinct from e.org
            or r.member_permissions is distinct from e.member)),
      alike as (
        select name, disabled, min(id::text)::uuid as one_of_them,
          json_agg(json_build_object('id', organization_id, 'name', organization)) as organizations
        from stale group by name, disabled, id is null, content)
      select a.name, r.id is null as missing, a.organizations,
        json_build_object('org', r.org_permissions, 'member', r.member_permissions) as stored,
        json_build_object('org', e.org, 'member', e.member) as expected
      from alike a
      join ${EXPECTED("$1")} on e.name = a.name and e.disabled = a.disabled
      left join custom_roles r on r.id = a.one_of_them`,
    [SAID_HERE, organizationId ?? null],
  );
  return rows;
}

/** Writes what they are to grant to the system roles of these organizations, and adds those that there are not. */
export async function writeSystemRoles(client: pg.PoolClient, roles: readonly RoleToWrite[], now: Date): Promise<void> {
  const wanted = `unnest($2::text[], $3::uuid[], $4::bool[]) as s (name, organization_id, missing)
    join organizations o on o.id = s.organization_id
    join ${EXPECTED("$1")} on e.name = s.name and e.disabled = o.workspace_sharing_disabled`;
  const values = [
    SAID_HERE,
    roles.map(({ name }) => name),
    roles.map(({ organization }) => organization.id),
    roles.map(({ missing }) => missing),
    now,
  ];
  await client.query(
    `update custom_roles r set org_permissions = e.org, member_permissions = e.member, site_permissions = '[]',
        user_permissions = '[]', display_name = '', updated_at = $5
      from ${wanted}
      where not s.missing and r.organization_id = s.organization_id and lower(r.name) = s.name and r.is_system`,
    values,
  );
  if (!roles.some(({ missing }) => missing)) return;
  await client.query(
    `insert into custom_roles (name, organization_id, is_system, org_permissions, member_permissions, created_at,
        updated_at)
      select e.name, o.id, true, e.org, e.member, $5, $5 from ${wanted} where s.missing`,
    values,
  );
}
