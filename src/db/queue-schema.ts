import type pg from "pg";
import { PgBoss } from "pg-boss";

/** The schema that pg-boss keeps its queues in. */
export const QUEUE_SCHEMA = "pgboss";

/** Creates or updates the queue's own tables; safe to run from several processes at once. */
export async function installQueueSchema(connectionString: string): Promise<void> {
  const boss = new PgBoss({ connectionString, schema: QUEUE_SCHEMA, max: 1, supervise: false, schedule: false });
  boss.on("error", () => {}); // start() rejects with the same error
  await boss.start();
  await boss.stop({ graceful: false });
}

/** Removes the queue's own tables with everything in them. */
export async function removeQueueSchema(client: pg.Client): Promise<void> {
  await client.query(`drop schema if exists ${QUEUE_SCHEMA} cascade`);
}
