import type { Queryable } from "../db/connection.ts";

/** A worker that has not been seen for this long is taken for gone. */
const GONE_MS = 60_000;

/** Says that a worker is there, with drivers for these provisioners. */
export async function reportWorker(
  db: Queryable,
  worker: { readonly id: string; readonly hostname: string; readonly provisioners: readonly string[] },
  now: Date,
): Promise<void> {
  await db.query(
    `insert into provisioner_daemons (id, hostname, provisioners, started_at, last_seen_at) values ($1, $2, $3, $4, $4)
     on conflict (id) do update set last_seen_at = excluded.last_seen_at`,
    [worker.id, worker.hostname, worker.provisioners, now],
  );
}

/** Says that a worker takes no more work, and forgets those that have been gone for long. */
export async function forgetWorker(db: Queryable, id: string, now: Date): Promise<void> {
  await db.query("delete from provisioner_daemons where id = $1 or last_seen_at < $2", [
    id,
    new Date(now.getTime() - 1_000 * GONE_MS),
  ]);
}

/** The provisioners that some worker of the deployment has a driver for. */
export async function readLiveProvisioners(db: Queryable, now: Date): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ provisioner: string }>(
    "select distinct unnest(provisioners) as provisioner from provisioner_daemons where last_seen_at > $1",
    [new Date(now.getTime() - GONE_MS)],
  );
  return new Set(rows.map(({ provisioner }) => provisioner));
}
