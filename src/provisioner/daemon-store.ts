import type { Queryable } from "../db/connection.ts";

// All times here are the database's: the clock of a worker's host and that of whoever looks for workers may differ, and
// either may jump, and that must not make workers that are there look as if they were gone.

/** A worker that has not been seen for this long is taken for gone. */
const GONE_SECONDS = 60;

/** Says that a worker is there, with drivers for these provisioners. */
export async function reportWorker(
  db: Queryable,
  worker: { readonly id: string; readonly hostname: string; readonly provisioners: readonly string[] },
): Promise<void> {
  await db.query(
    `insert into provisioner_daemons (id, hostname, provisioners, started_at, last_seen_at)
     values ($1, $2, $3, now(), now()) on conflict (id) do update set last_seen_at = excluded.last_seen_at`,
    [worker.id, worker.hostname, worker.provisioners],
  );
}

/** Says that a worker takes no more work, and forgets those that have been gone for long. */
export async function forgetWorker(db: Queryable, id: string): Promise<void> {
  await db.query("delete from provisioner_daemons where id = $1 or last_seen_at < now() - make_interval(secs => $2)", [
    id,
    1_000 * GONE_SECONDS,
  ]);
}

/** The provisioners that some worker of the deployment has a driver for. */
export async function readLiveProvisioners(db: Queryable): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ provisioner: string }>(
    `select distinct unnest(provisioners) as provisioner from provisioner_daemons
     where last_seen_at > now() - make_interval(secs => $1)`,
    [GONE_SECONDS],
  );
  return new Set(rows.map(({ provisioner }) => provisioner));
}

/** How many workers of the deployment have a driver for each provisioner. */
export async function readLiveWorkers(db: Queryable): Promise<Readonly<Record<string, number>>> {
  const { rows } = await db.query<{ provisioner: string; workers: number }>(
    `select unnest(provisioners) as provisioner, count(*)::int as workers from provisioner_daemons
     where last_seen_at > now() - make_interval(secs => $1) group by 1 order by 1`,
    [GONE_SECONDS],
  );
  return Object.fromEntries(rows.map(({ provisioner, workers }) => [provisioner, workers]));
}
