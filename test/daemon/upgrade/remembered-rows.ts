import type pg from "pg";

type Row = Readonly<Record<string, unknown>>;

/** Keeps a copy of every table in a schema of its own, and returns how many rows of each that is. */
export async function rememberRows(pool: pg.Pool): Promise<ReadonlyMap<string, number>> {
  await pool.query("create schema remembered");
  const { rows: tables } = await pool.query<{ name: string }>(
    "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
  );
  const counts = new Map<string, number>();
  for (const { name } of tables) {
    const { rowCount } = await pool.query(`create table remembered."${name}" as table public."${name}"`);
    counts.set(name, rowCount ?? 0);
  }
  return counts;
}

/**
 * Which of the rows that were remembered are gone, or differ in any column that they had then, although nobody has touched
 * them; each as `table: row`. What the daemons and the people of the test work on meanwhile is left out.
 */
export async function lostRows(pool: pg.Pool): Promise<string[]> {
  const { rows: tables } = await pool.query<{ name: string; columns: string }>(
    `select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
     where c.relkind = 'r' and c.relnamespace = 'remembered'::regnamespace group by 1 order by 1`,
  );
  const live = await liveIds(pool);
  const lost: string[] = [];
  for (const { name, columns } of tables) {
    const { rows } = await pool.query<{ row: Row }>(
      `select to_jsonb(r) as row from (
         select ${columns} from remembered."${name}" except all select ${columns} from public."${name}"
       ) r`,
    );
    const untouched = rows.filter(({ row }) => !isTouched(name, row, live));
    lost.push(...untouched.map(({ row }) => `${name}: ${JSON.stringify(row)}`));
  }
  return lost;
}

/** The ids of the prebuilds that there were, of what was being built, and of the template whose versions are pushed. */
async function liveIds(pool: pg.Pool): Promise<ReadonlySet<unknown>> {
  const { rows } = await pool.query<{ id: string }>(
    `with unfinished as (select id from remembered.provisioner_jobs where completed_at is null),
       builds as (select id, job_id, workspace_id from remembered.workspace_builds where job_id in (select * from unfinished))
     select id from unfinished union all select id from builds union all select workspace_id from builds
     union all select w.id from remembered.workspaces w join users u on u.id = w.owner_id where u.is_system
     union all select id from remembered.templates where name = 'box'`,
  );
  return new Set(rows.map(({ id }) => id));
}

/** Whether a row is about something that has gone on since. */
function isTouched(table: string, row: Row, live: ReadonlySet<unknown>): boolean {
  switch (table) {
    case "provisioner_daemons": // workers come and go
    case "notification_events": // an event is taken away by telling it
      return true;
    case "notification_digests":
      return row["status"] === "waiting";
    case "api_keys": // when it was used last
      return row["token_name"] === "cli";
    default:
      return live.has(row["id"]) || live.has(row["workspace_id"]);
  }
}
