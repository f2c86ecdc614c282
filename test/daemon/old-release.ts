import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

/**
 * A process for a test to stop: a release that knows nothing of system roles. It inserts organizations, with what it
 * knows to belong to them, one after the other until it is told to end.
 */
const BETWEEN_MS = 20;
const pool = new pg.Pool({ connectionString: process.argv[2], max: 1 });
let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
});
for (let n = 1; !stopping; n += 1) {
  await pool.query(
    `with o as (insert into organizations (name) values ($1) returning id)
     insert into groups (id, name, organization_id) select id, 'Everyone', id from o`,
    [`old-${n}`],
  );
  if (n === 1) process.stdout.write("inserting\n");
  await delay(BETWEEN_MS);
}
await pool.end();
