import type pg from "pg";
import type { Queryable } from "../db/connection.ts";
import { type DeploymentSample, SAMPLE_FORMAT, type Taken } from "./sample.ts";

/** How long the levels of the pools are kept. */
const LEVELS_KEPT = "61.5 minutes";
/** The least time between two levels; a little below a minute, or refreshes a minute apart would skip some. */
const LEVEL_EVERY = "55 seconds";

/** What replicas compete for that would read a sample for all. */
const LOCK = "prebuildd:metrics";

type Row = { taken_at: Date; body: DeploymentSample; fresh: boolean };

/**
 * The sample that all replicas share, and whether it is younger than `maxAgeMs` by the database's clock; undefined when
 * there is none.
 */
export async function readSample(
  db: Queryable,
  maxAgeMs: number,
): Promise<(Taken & { readonly fresh: boolean }) | undefined> {
  const { rows } = await db.query<Row>(
    `select taken_at, body, stored_at > clock_timestamp() - make_interval(secs => $2::float8 / 1000) as fresh
     from deployment_samples where format = $1`,
    [SAMPLE_FORMAT, maxAgeMs],
  );
  const [row] = rows;
  return row && { takenAt: row.taken_at, sample: row.body, fresh: row.fresh };
}

/**
 * Makes the caller's transaction the only one that reads a sample now; it may take `limitMs` for each of its statements.
 * @param options.wait when another one is at it, wait until it has ended
 * @returns false when another one is at it, and that is not waited for
 */
export async function lockSample(
  client: pg.PoolClient,
  { limitMs, wait }: { readonly limitMs: number; readonly wait: boolean },
): Promise<boolean> {
  await client.query(
    `select set_config(name, $1, true)
     from unnest(array['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) as name`,
    [String(limitMs)],
  );
  await client.query("set local jit = off"); // it would take longer than the queries that look expensive
  if (wait) {
    await client.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [LOCK]);
    return true;
  }
  const { rows } = await client.query<{ locked: boolean }>(
    "select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as locked",
    [LOCK],
  );
  return rows[0]?.locked === true;
}

/** Stores the sample for all replicas, in the caller's transaction. */
export async function storeSample(client: pg.PoolClient, { takenAt, sample }: Taken): Promise<void> {
  await client.query(
    `insert into deployment_samples (format, taken_at, stored_at, body) values ($1, $2, clock_timestamp(), $3)
     on conflict (format) do update
     set taken_at = excluded.taken_at, stored_at = excluded.stored_at, body = excluded.body`,
    [SAMPLE_FORMAT, takenAt, JSON.stringify(sample)],
  );
}

/**
 * Notes how full the pools are, once a minute, and forgets what is older than an hour. The time is the database's: a
 * replica whose clock is ahead must not forget what the others have noted, nor keep them from noting more.
 */
export async function storeLevels(client: pg.PoolClient, { sample }: Pick<Taken, "sample">): Promise<void> {
  const levels: Record<string, readonly [ready: number, desired: number]> = {};
  for (const { templateId, presetName, kept, eligible, desired } of sample.pools) {
    if (kept) levels[`${templateId}/${presetName}`] = [eligible, desired];
  }
  await client.query(
    `insert into pool_levels (taken_at, levels)
     select now(), $1::jsonb where not exists (select from pool_levels where taken_at > now() - $2::interval)
     on conflict do nothing`,
    [JSON.stringify(levels), LEVEL_EVERY],
  );
  await client.query("delete from pool_levels where taken_at < now() - $1::interval", [LEVELS_KEPT]);
}
