import type pg from "pg";

/** What changes when somebody is merely here. */
const TRACES = ["last_used", "last_seen_at"];

/** A sum over all rows of each of our tables; it is another one whenever a row is. */
export async function fingerprint(pool: pg.Pool): Promise<Readonly<Record<string, string>>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
  );
  const sums = tables.map(
    ({ name }) =>
      `select '${name}' as name, count(*) || ':' || coalesce(sum(hashtextextended((to_jsonb(t) - $1::text[])::text, 0)), 0)
         as sum from "${name}" t`,
  );
  const { rows } = await pool.query<{ name: string; sum: string }>(sums.join(" union all "), [TRACES]);
  return Object.fromEntries(rows.map(({ name, sum }) => [name, sum]));
}
