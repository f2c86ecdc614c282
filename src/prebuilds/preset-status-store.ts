import type { Queryable } from "../db/connection.ts";
import type { PrebuildStatus } from "./snapshot.ts";

/** A pool whose stored status is not what it should be. */
export type StatusChange = {
  readonly id: string;
  readonly from: PrebuildStatus;
  /** Since when it was that; left out by who holds the pool's row locked, so that nobody can have reset it meanwhile. */
  readonly since?: Date | null;
  readonly to: PrebuildStatus;
  /** Why the pool is not healthy; empty when it is. */
  readonly detail: string;
};

/**
 * Stores new statuses where the old ones are still what they were, and returns the ids of those presets. A reset begins
 * a new time of being healthy, so what was decided before one is not stored after it.
 */
export async function storeStatuses(db: Queryable, changes: readonly StatusChange[], now: Date): Promise<string[]> {
  if (changes.length === 0) return [];
  const { rows } = await db.query<{ id: string }>(
    // Instants that this program has read have milliseconds, and those that the database has stored may have more.
    `update template_version_presets p
     set prebuild_status = c."to", prebuild_status_detail = c.detail, prebuild_status_since = $2
     from json_to_recordset($1) as c (id uuid, "from" text, known boolean, since timestamptz, "to" text, detail text)
     where p.id = c.id and p.prebuild_status = c."from"
       and (not c.known or date_trunc('milliseconds', p.prebuild_status_since) is not distinct from c.since)
     returning p.id`,
    [JSON.stringify(changes.map((change) => ({ ...change, known: change.since !== undefined }))), now],
  );
  return rows.map(({ id }) => id);
}
