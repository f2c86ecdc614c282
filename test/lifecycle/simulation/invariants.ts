import assert from "node:assert/strict";
import type pg from "pg";
import { QUEUE_SCHEMA } from "../../../src/db/queue-schema.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../../src/system-user.ts";
import type { World } from "./world.ts";

const PREBUILD = `w.owner_id = '${PREBUILDS_SYSTEM_USER_ID}'`;

/** What must never be: the kind, and the query that counts it. */
const NEVER = {
  "prebuilds with a lifecycle field": `
    select from workspaces w where ${PREBUILD} and num_nonnulls(w.autostart_schedule, w.next_start_at, w.ttl,
      w.dormant_at, w.deleting_at, w.latest_deadline, w.lifecycle_build_id) > 0`,
  "prebuilds with a build that the lifecycle has asked for, or with a deadline": `
    select from workspaces w join workspace_builds b on b.workspace_id = w.id
    where ${PREBUILD} and (b.reason <> 'initiator' or num_nonnulls(b.deadline, b.max_deadline) > 0)`,
  "prebuilds that somebody has stopped": `
    select from workspaces w join workspace_builds b on b.workspace_id = w.id where ${PREBUILD} and b.transition = 'stop'`,
  "prebuilds that were claimed after the lifecycle had built them": `
    select from workspaces w join workspace_builds b on b.workspace_id = w.id
    where w.created_as_prebuild and not ${PREBUILD} and b.build_number = 1
      and (b.reason <> 'initiator' or num_nonnulls(b.deadline, b.max_deadline) > 0)`,
  "workspaces with two builds under way": `
    select from workspace_builds b join provisioner_jobs j on j.id = b.job_id
    where j.completed_at is null group by b.workspace_id having count(*) > 1`,
};

/** Makes sure that there is nothing of what must never be. */
export async function assertNever({ context, model }: World): Promise<void> {
  const counts = Object.entries(NEVER).map(([what, query]) => `(select count(*)::int from (${query}) q) as "${what}"`);
  const { rows } = await context.pool.query<Record<string, number>>(`select ${counts.join(", ")}`);
  for (const [what, count] of Object.entries(rows[0] ?? {})) {
    assert.equal(count, 0, `${new Date(model.now).toISOString()}: ${count} ${what}`);
  }
}

/** Makes sure of what must be true when no build waits any more: nothing is lost, and nothing is left over. */
export async function assertSums({ context: { pool }, model }: World): Promise<void> {
  const one = (query: string) => countOf(pool, query);
  assert.equal(await one(`workspaces w where not ${PREBUILD}`), model.made.total, "workspaces that people have had");
  const claimed = await one(`workspaces w where w.created_as_prebuild and not ${PREBUILD}`);
  assert.equal(claimed, model.made.claimed, "prebuilds that were claimed");
  const left = await one(`workspaces w where w.created_as_prebuild and ${PREBUILD}`);
  assert.equal(await one("workspaces w where w.created_as_prebuild"), claimed + left, "prebuilds that were made");
  assert.equal(await one("provisioner_jobs where completed_at is null"), 0, "jobs that have not ended");
  assert.equal(await one("unfinished_claims"), 0, "claims that are not finished");
  assert.equal(await one(`${QUEUE_SCHEMA}.job where state < 'completed'`), 0, "work that is left in the queue");
}

async function countOf(pool: pg.Pool, from: string): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(`select count(*)::int as count from ${from}`);
  return rows[0]?.count ?? 0;
}
