import type { Queryable } from "../db/connection.ts";
import { isUuid } from "../uuid.ts";
import type { WorkspaceOwnership } from "./rights.ts";

/** The id that a key of an access list is, in the only way of writing it that counts; null for any other key. */
export const idIn = (key: string): string =>
  `case when ${key} ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then ${key}::uuid end`;

/** Selects all that decides who may do what with a workspace `w`; groups count in their own organization only. */
export const OWNERSHIP = `w.id, w.owner_id, w.organization_id, w.dormant_at is not null as dormant, w.user_acl,
  case when w.group_acl = '{}' then w.group_acl else (
    select coalesce(jsonb_object_agg(a.key, a.value), '{}')
    from jsonb_each(w.group_acl) a join groups g on g.id = ${idIn("a.key")} and g.organization_id = w.organization_id)
  end as group_acl`;

/** Whom the workspace with this id belongs to, deleted or not. */
export async function findOwnership(db: Queryable, id: string): Promise<WorkspaceOwnership | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<WorkspaceOwnership>(`select ${OWNERSHIP} from workspaces w where w.id = $1`, [id]);
  return rows[0];
}

/** Whom the workspace that a user has under this name belongs to; the name is taken in any case. */
export async function findOwnershipByName(
  db: Queryable,
  ownerId: string,
  name: string,
): Promise<WorkspaceOwnership | undefined> {
  const { rows } = await db.query<WorkspaceOwnership>(
    `select ${OWNERSHIP} from workspaces w where w.owner_id = $1 and lower(w.name) = lower($2) and not w.deleted`,
    [ownerId, name],
  );
  return rows[0];
}

/** Whom the workspace of the build with this id belongs to. */
export async function findOwnershipByBuild(db: Queryable, buildId: string): Promise<WorkspaceOwnership | undefined> {
  if (!isUuid(buildId)) return undefined;
  const { rows } = await db.query<WorkspaceOwnership>(
    `select ${OWNERSHIP} from workspace_builds b join workspaces w on w.id = b.workspace_id where b.id = $1`,
    [buildId],
  );
  return rows[0];
}
