import type pg from "pg";
import { ensureAdmin } from "../src/users/store.ts";

/** Who spends, and who may say so. */
export type Spenders = { readonly userIds: readonly string[]; readonly ownerId: string };

/** Makes as many users, each in the default organization and in five of 20 groups with budgets, with a month of spend. */
export async function loadSpenders(pool: pg.Pool, users: number): Promise<Spenders> {
  const { id: ownerId } = await ensureAdmin(pool);
  const { rows } = await pool.query<{ id: string }>(
    `insert into users (username, email)
     select 'spender-' || n, 'spender-' || n || '@example.com' from generate_series(1, $1) n
     on conflict do nothing returning id`,
    [users],
  );
  const userIds = rows.map(({ id }) => id);
  await pool.query(
    `insert into organization_members (organization_id, user_id)
     select o.id, u from organizations o, unnest($1::uuid[]) u where o.is_default`,
    [userIds],
  );
  await pool.query(
    `with made as (
       insert into groups (organization_id, name)
       select o.id, 'spenders-' || n from organizations o, generate_series(1, 20) n where o.is_default
       returning id, substr(name, 10)::int as n),
     joined as (
       insert into group_members (group_id, user_id)
       select made.id, u from made join unnest($1::uuid[]) with ordinality users (u, place) on (place + made.n) % 4 = 0)
     insert into group_ai_budgets (group_id, spend_limit_micros) select id, 1000000000 + n from made`,
    [userIds],
  );
  await pool.query(
    `insert into ai_user_daily_spend (user_id, effective_group_id, day, spend_micros)
     select u, e.group_id, date_trunc('month', current_date)::date + d, 1
     from unnest($1::uuid[]) u, generate_series(0, 27) d,
       lateral (select max(m.group_id::text)::uuid as group_id from group_members m where m.user_id = u) e
     on conflict do nothing`,
    [userIds],
  );
  await pool.query(
    `drop schema if exists bench cascade;
     create schema bench;
     create table bench.spend (user_id uuid, day date, micros bigint not null, primary key (user_id, day))`,
  );
  await pool.query("vacuum analyze");
  return { userIds, ownerId };
}
