import { BEGIN, withTransaction } from "../src/db/connection.ts";
import { QUEUE_SCHEMA } from "../src/db/queue-schema.ts";
import { WORK } from "../src/provisioner/queue.ts";
import type { Bench } from "./environment.ts";

/**
 * Ends all builds that wait, successfully, and makes what they start ready. It stands for workers where builds are not
 * what is measured: it leaves what they leave, but runs nothing, and does in one transaction what they do in one each.
 * @returns how many
 */
export async function finishBuilds({ context: { pool, wake } }: Bench): Promise<number> {
  const finished = await withTransaction(pool, BEGIN.readWrite, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `delete from ${QUEUE_SCHEMA}.job where name = $1 and state = 'created' returning data->>'subjectId' as id`,
      [WORK.build],
    );
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return 0;
    await client.query(
      "update provisioner_jobs set started_at = now(), completed_at = now(), updated_at = now() where id = any($1)",
      [ids],
    );
    await client.query(
      "insert into workspace_agents (job_id, lifecycle_state, ready_at) select id, 'ready', now() from unnest($1::uuid[]) id",
      [ids],
    );
    return ids.length;
  });
  if (finished > 0) wake.pools();
  return finished;
}
