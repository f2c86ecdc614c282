import { prepared, type Queryable } from "../db/connection.ts";
import { SYSTEM_USER } from "../system-user.ts";

/** The dates that follow from the end of a workspace's latest build. */
export type Dates = {
  readonly workspaceId: string;
  /** The build that they follow from; they are not written when there is a newer one. */
  readonly buildId: string;
  readonly deadline: Date | null;
  readonly maxDeadline: Date | null;
  readonly nextStartAt: Date | null;
};

/** Writes what follows from the ends of builds, and that it has been computed; prebuilds have no such dates. */
export async function storeDates(db: Queryable, dates: readonly Dates[]): Promise<void> {
  if (dates.length === 0) return;
  await db.query(
    prepared(
      `with dates as materialized (
       select d.* from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
         as d (workspace_id, build_id, deadline, max_deadline, next_start_at)
       join workspaces w on w.id = d.workspace_id and w.latest_build_id = d.build_id and w.owner_id <> ${SYSTEM_USER}
     ), builds as (
       update workspace_builds b set deadline = d.deadline, max_deadline = d.max_deadline
       from dates d join workspaces w on w.id = d.workspace_id and w.owner_id <> ${SYSTEM_USER}
       where b.id = d.build_id and (b.deadline, b.max_deadline) is distinct from (d.deadline, d.max_deadline)
     )
     -- The deadline once more, so that the trigger that keeps it finds nothing to do.
     update workspaces w
     set next_start_at = d.next_start_at, latest_deadline = d.deadline, lifecycle_build_id = d.build_id
     from dates d where w.id = d.workspace_id and w.owner_id <> ${SYSTEM_USER}`,
      [
        dates.map(({ workspaceId }) => workspaceId),
        dates.map(({ buildId }) => buildId),
        dates.map(({ deadline }) => deadline),
        dates.map(({ maxDeadline }) => maxDeadline),
        dates.map(({ nextStartAt }) => nextStartAt),
      ],
    ),
  );
}

/** Writes when a workspace starts next; null: not by itself. */
export async function storeNextStart(db: Queryable, workspaceId: string, nextStartAt: Date | null): Promise<void> {
  await db.query(
    `update workspaces set next_start_at = $2
     where id = $1 and owner_id <> ${SYSTEM_USER} and next_start_at is distinct from $2`,
    [workspaceId, nextStartAt],
  );
}

/** Makes a workspace dormant. */
export async function storeDormancy(
  db: Queryable,
  workspaceId: string,
  { dormantAt, deletingAt }: { readonly dormantAt: Date; readonly deletingAt: Date | null },
): Promise<void> {
  await db.query(
    `update workspaces set dormant_at = $2, deleting_at = $3, updated_at = $2
     where id = $1 and owner_id <> ${SYSTEM_USER}`,
    [workspaceId, dormantAt, deletingAt],
  );
}
