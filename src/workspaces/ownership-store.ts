import type { Queryable } from "../db/connection.ts";
import { isUuid } from "../uuid.ts";
import type { WorkspaceOwnership } from "./rights.ts";

/** Selects all that decides who may do what with a workspace `w`. */
export const OWNERSHIP = `w.id, w.owner_id, w.organization_id, w.dormant_at is not null as dormant, w.user_acl,
  w.group_acl`;

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
