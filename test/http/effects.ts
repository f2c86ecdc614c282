import { waitFor } from "../support/wait-for.ts";
import type { TestServer } from "./server.ts";

/** What the audit log says of one change. */
export type Audited = {
  readonly by: string;
  readonly action: string;
  readonly type: string;
  readonly target: string;
  readonly diff: Readonly<Record<string, { readonly old: unknown; readonly new: unknown }>>;
};

/** The entries that have been written since the last call, the oldest first. */
export async function newEntries({ pool }: Pick<TestServer, "pool">): Promise<Audited[]> {
  const { rows } = await pool.query<Audited>(
    `with gone as (delete from audit_logs returning *)
      select u.username as by, g.action, g.resource_type as type, g.resource_target as target, g.diff
      from gone g left join users u on u.id = g.user_id order by g.id`,
  );
  return rows;
}

/** Waits until a statement, or so many of them, wait for a lock that another one holds. */
export async function untilSomebodyWaits({ pool }: Pick<TestServer, "pool">, count = 1): Promise<void> {
  await waitFor("a statement to wait for a lock", async () => (await countWaiting(pool)) >= count);
}

/** Waits until no statement waits for a lock. */
export async function untilNobodyWaits({ pool }: Pick<TestServer, "pool">): Promise<void> {
  await waitFor("no statement to wait for a lock", async () => (await countWaiting(pool)) === 0);
}

async function countWaiting(pool: TestServer["pool"]): Promise<number> {
  const { rowCount } = await pool.query(
    "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return rowCount ?? 0;
}
