import type { Queryable } from "../db/connection.ts";
import { readPermissions } from "../rbac/permission.ts";
import type { StoredRole } from "../rbac/roles.ts";

/** A role that somebody has, and which version of its row is the current one. */
export type RoleReference = { readonly id: string; readonly name: string; readonly version: string };

/** Selects the references of the roles that a member `m` of an organization `o` has in the database. */
export const ROLE_REFERENCES = `coalesce((
    select json_agg(json_build_object('id', r.id, 'name', r.name, 'version', r.xmin::text))
    from custom_roles r
    where r.organization_id = o.id and (r.is_system or r.name = any (m.roles))), '[]')`;

/** Looks up what roles grant; what it has read of a version once, it does not read again. */
export type RoleReader = (references: readonly RoleReference[]) => Promise<ReadonlyMap<string, StoredRole>>;

/** Roles remembered at once; beyond that all are forgotten, for they are quickly read again. */
const REMEMBERED = 20_000;

/** Makes a reader of the roles in a database. Its answers are by the id of the role; one that is gone has none. */
export function createRoleReader(db: Queryable): RoleReader {
  const remembered = new Map<string, { readonly version: string; readonly role: StoredRole }>();
  return async (references) => {
    const known = new Map<string, StoredRole>();
    const unknown: string[] = [];
    for (const { id, version } of references) {
      const one = remembered.get(id);
      if (one?.version === version) known.set(id, one.role);
      else unknown.push(id);
    }
    if (unknown.length > 0) {
      const read = await readRoles(db, unknown);
      if (remembered.size + read.length > REMEMBERED) remembered.clear();
      for (const { id, ...one } of read) {
        remembered.set(id, one);
        known.set(id, one.role);
      }
    }
    return known;
  };
}

/** Reads what roles grant. Those that grant the same share it: system roles of many organizations do. */
async function readRoles(
  db: Queryable,
  ids: readonly string[],
): Promise<{ id: string; version: string; role: StoredRole }[]> {
  const { rows } = await db.query<{
    name: string;
    isSystem: boolean;
    org: unknown;
    member: unknown;
    references: { id: string; version: string }[];
  }>(
    `select name, is_system as "isSystem", org_permissions as org, member_permissions as member,
        json_agg(json_build_object('id', id, 'version', xmin::text)) as references
      from custom_roles where id = any ($1::uuid[])
      group by name, is_system, org_permissions, member_permissions`,
    [ids],
  );
  return rows.flatMap(({ references, org, member, ...rest }) => {
    const role = { ...rest, org: readPermissions(org), member: readPermissions(member) };
    return references.map((reference) => ({ ...reference, role }));
  });
}
