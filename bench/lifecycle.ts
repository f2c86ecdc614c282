import type pg from "pg";
import { BEGIN, withTransaction } from "../src/db/connection.ts";
import { DUE, readDue } from "../src/lifecycle/due-store.ts";
import { createExecutor } from "../src/lifecycle/executor.ts";
import { SYSTEM_USER } from "../src/system-user.ts";
import { type Bench, countQueries } from "./environment.ts";
import { interleave, ratioOf, spreadOf, timed } from "./measure.ts";
import { short, type Table } from "./report.ts";
import { updateByKey } from "./update-by-key.ts";
import { loadWorld, type WorldSize } from "./world.ts";

const TARGET_MS = 20;
/** What grows with the deployment and must never be read from one end to the other. */
const LARGE = ["workspaces", "workspace_builds", "provisioner_jobs", "users"];

/** What the executor costs: finding the few workspaces that are due among many, and a minute in which none is. */
export async function benchLifecycle(
  { context }: Bench,
  options: { size: WorldSize; due: number; rounds: number },
): Promise<Table> {
  const { pool } = context;
  await loadWorld(context, options.size);
  const now = new Date();
  await giveLifecycle(pool, now);
  const ticks = { tick: now, steadyTick: now };
  if ((await readDue(pool, ticks)).length > 0) throw new Error("something is due in a world that is at rest");

  const counted = countQueries(pool);
  const executor = createExecutor({ ...context, pool: counted.pool });
  const { signal } = new AbortController();
  let queries = 0;
  const idle = await interleave(options.rounds, {
    baseline: () => updateByKey(pool),
    tick: async () => {
      counted.take();
      const { ms, result } = await timed(() => executor.tick(signal));
      const { done, skipped, repairs } = result;
      const touched = done.size + skipped.size + Object.values(repairs).reduce((sum, count) => sum + count, 0);
      if (touched > 0) throw new Error("the minute was not idle");
      queries = counted.take();
      return ms;
    },
  });

  await makeDue(pool, now, options.due);
  const scanned = await sequentialScans(pool, ticks);
  const busy = await interleave(options.rounds, {
    baseline: () => updateByKey(pool),
    due: async () => {
      const { ms, result } = await timed(() =>
        withTransaction(pool, BEGIN.snapshot, (client) => readDue(client, ticks)),
      );
      if (result.length !== options.due) throw new Error(`${result.length} are due instead of ${options.due}`);
      return ms;
    },
  });
  const due = spreadOf(busy.due);
  return {
    subject: "lifecycle",
    title: `The rules of the lifecycle at ${options.size.name}`,
    baseline: "one update by key, committed",
    rows: [
      { name: "update by key", unit: "ms", value: spreadOf(busy.baseline) },
      {
        name: `due: ${options.due} by six rules`,
        unit: "ms",
        value: due,
        ratio: ratioOf(busy.due, busy.baseline),
        details: scanned.length === 0 ? "indexes alone" : `reads all of ${scanned.join(", ")}`,
        target: {
          text: `no sequential scan, ≤ ${TARGET_MS} ms`,
          met: scanned.length === 0 && due.median <= TARGET_MS,
        },
      },
      {
        name: "tick with nothing due",
        unit: "ms",
        value: spreadOf(idle.tick),
        ratio: ratioOf(idle.tick, idle.baseline),
        details: `${queries} queries, repairs included; ${short(spreadOf(idle.baseline).median)} ms for the update`,
      },
    ],
  };
}

/** People's workspaces as they are at any time: running until a deadline or stopped until a start, with rules on all. */
async function giveLifecycle(pool: pg.Pool, now: Date): Promise<void> {
  const hour = 3_600_000_000_000;
  await pool.query(
    `update templates set default_ttl = 8 * $1::bigint, failure_ttl = 24 * $1::bigint, time_til_dormant = 24 * 365 * $1::bigint,
       time_til_dormant_autodelete = 24 * 365 * $1::bigint`,
    [hour],
  );
  await inBulk(pool, [
    [
      `update workspaces w set ttl = 8 * $1::bigint, last_used_at = $2::timestamptz - interval '1 day',
         latest_transition = case k % 2 when 0 then 'stop' else 'start' end,
         latest_job_status = case when k % 100 = 50 then 'failed' else 'succeeded' end,
         latest_failed_at = case when k % 100 = 50 then $2::timestamptz - interval '1 hour' end,
         latest_deadline = case when k % 2 = 1 then $2::timestamptz + interval '1 hour' + interval '8 hours' * random() end,
         autostart_schedule = case when k % 2 = 0 then '30 9 * * *' end,
         next_start_at = case when k % 2 = 0 then $2::timestamptz + interval '1 hour' + interval '1 day' * random() end,
         dormant_at = case when k % 200 = 100 then $2::timestamptz - interval '30 days' end,
         deleting_at = case when k % 200 = 100 then $2::timestamptz + interval '335 days' end
       from (select id, row_number() over (order by id) as k from workspaces where owner_id <> ${SYSTEM_USER}) numbered
       where numbered.id = w.id`,
      [hour, now],
    ],
    [
      `update workspace_builds b set deadline = w.latest_deadline, transition = w.latest_transition
       from workspaces w where w.latest_build_id = b.id and w.owner_id <> ${SYSTEM_USER}`,
      [],
    ],
    [
      `update provisioner_jobs j set completed_at = $1::timestamptz - interval '1 hour',
         error = case when w.latest_job_status = 'failed' then 'failed' end
       from workspace_builds b join workspaces w on w.latest_build_id = b.id
       where j.id = b.job_id and w.owner_id <> ${SYSTEM_USER}`,
      [now],
    ],
    // Those of the past have deadlines, too: they are what an index must not hold.
    [
      `update workspace_builds b set deadline = $1::timestamptz - interval '1 day'
       from workspaces w where w.id = b.workspace_id and b.id <> w.latest_build_id and b.transition = 'start'
         and w.owner_id <> ${SYSTEM_USER}`,
      [now],
    ],
  ]);
}

/** Lets so many be due, an equal part by each rule. */
async function makeDue(pool: pg.Pool, now: Date, due: number): Promise<void> {
  const part = Math.ceil(due / 5);
  const parts = [part, part, part, part, due - 4 * part].map((count) => Math.max(count, 0));
  const some = (where: string, limit: string) =>
    `(select id from workspaces where owner_id <> ${SYSTEM_USER} and dormant_at is null and ${where} order by id limit ${limit})`;
  const past = "$1::timestamptz - interval '1 minute'";
  await inBulk(pool, [
    [
      `update workspaces set latest_deadline = ${past}
       where id in ${some("latest_deadline > $1 and latest_job_status = 'succeeded'", "$2")}`,
      [now, parts[0]],
    ],
    [
      `update workspaces set next_start_at = ${past}
       where id in ${some("next_start_at > $1 and latest_job_status = 'succeeded'", "$2")}`,
      [now, parts[1]],
    ],
    [
      `update workspaces set latest_failed_at = $1::timestamptz - interval '2 days'
       where id in ${some("latest_failed_at is not null", "$2")}`,
      [now, parts[2]],
    ],
    [
      `update workspaces set last_used_at = $1::timestamptz - interval '366 days'
       where id in ${some("latest_deadline > $1 and latest_job_status = 'succeeded'", "$2")}`,
      [now, parts[3]],
    ],
    [
      `update workspaces set deleting_at = ${past}
       where id in (select id from workspaces where deleting_at > $1 order by id limit $2)`,
      [now, parts[4]],
    ],
  ]);
}

/** Which of the large tables PostgreSQL reads as a whole to find what is due. */
async function sequentialScans(
  pool: pg.Pool,
  { tick, steadyTick }: { tick: Date; steadyTick: Date },
): Promise<string[]> {
  const { rows } = await pool.query<{ "QUERY PLAN": string }>(`explain ${DUE}`, [tick, steadyTick]);
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  return LARGE.filter((table) => new RegExp(`Seq Scan on ${table} `).test(plan));
}

/** Rows are changed as they are: triggers would look at each of them. */
async function inBulk(pool: pg.Pool, statements: readonly (readonly [string, unknown[]])[]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("set session_replication_role = replica");
    for (const [text, values] of statements) await client.query(text, values);
    await client.query("reset session_replication_role");
    await client.query("vacuum analyze");
  } finally {
    client.release(true);
  }
}
