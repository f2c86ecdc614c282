import { prepared, type Queryable } from "../db/connection.ts";
import type { BudgetFacts } from "./effective.ts";
import type { Period } from "./period.ts";
import type { SpendFacts } from "./spending.ts";

// Made as JSON, in which amounts are numbers; the columns are checked to hold what JavaScript says exactly. A sum that
// is more can only come from nonsense: it is shown as the largest amount. The sum of nothing is null, which least() skips.
const sumOf = (amounts: string) => `least(coalesce(sum(${amounts}), 0), 9007199254740991)`;
const MICROSECONDS = "(extract(epoch from m.created_at) * 1000000)::bigint";

// A user's groups are those of the view group_members_expanded, which would read all groups for each user; with its
// limit, the inner query looks up the budgets of these groups instead of reading all that there are.
const BUDGET_FACTS = `u.id as "userId",
    (select json_build_object('groupId', o.group_id, 'limitMicros', o.spend_limit_micros)
      from user_ai_budget_overrides o where o.user_id = u.id) as override,
    (select coalesce(json_agg(json_build_object('groupId', b.group_id, 'limitMicros', b.spend_limit_micros,
        'joinedAt', ${MICROSECONDS})), '[]')
      from (select group_id from group_members where user_id = u.id
        union select organization_id from organization_members where user_id = u.id) e
      cross join lateral (
        select b.group_id, b.spend_limit_micros, g.organization_id
        from group_ai_budgets b join groups g on g.id = b.group_id where b.group_id = e.group_id limit 1) b
      left join organization_members m on m.organization_id = b.organization_id and m.user_id = u.id) as budgets,
    (select coalesce(json_agg(json_build_object('organizationId', m.organization_id, 'isDefault', o.is_default,
        'joinedAt', ${MICROSECONDS})), '[]')
      from organization_members m join organizations o on o.id = m.organization_id and not o.deleted
      where m.user_id = u.id) as memberships`;

const SPENT = `
    (select coalesce(json_agg(s), '[]')
      from (select d.effective_group_id as "groupId", ${sumOf("d.spend_micros")} as micros
        from ai_user_daily_spend d
        where d.user_id = u.id and d.day >= $2::date and d.day < $3::date
        group by d.effective_group_id) s) as spent`;

const OF_USERS = "from users u where u.id = any ($1::uuid[]) and not u.deleted";

/** What is known of the budgets of users, in no order; who is deleted or unknown is left out. */
export async function readBudgetFacts(
  db: Queryable,
  userIds: readonly string[],
): Promise<(BudgetFacts & { readonly userId: string })[]> {
  const { rows } = await db.query(prepared(`select ${BUDGET_FACTS} ${OF_USERS}`, [userIds]));
  return rows;
}

/** The same, with what they have spent in the period. */
export async function readSpendFacts(
  db: Queryable,
  userIds: readonly string[],
  { start, end }: Period,
): Promise<SpendFacts[]> {
  if (userIds.length === 0) return [];
  const { rows } = await db.query<SpendFacts>(
    prepared(`select ${BUDGET_FACTS}, ${SPENT} ${OF_USERS}`, [userIds, start, end]),
  );
  return rows;
}

/** What is to be added to somebody's spend, once for each request id of theirs. */
export type Spend = { readonly userId: string; readonly requestId: string; readonly micros: number };

/** What is stored of a spend: also the group that it counts for. */
export type AttributedSpend = Spend & { readonly groupId: string | null };

/** One of somebody's spends; `totalMicros` is all that they have spent in the period that counts for the same group. */
export type AddedSpend = Pick<Spend, "userId" | "requestId"> & { readonly totalMicros: number };

// Whoever holds a user's row for longer makes that user's spend fail, not that of all who share the statement.
const ADD = `
  with patience as materialized (select set_config('lock_timeout', '1s', true)),
  item as (
    select i.* from patience,
      unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[]) i (user_id, request_id, micros, group_id)),
  fresh as (
    insert into ai_spend_requests (user_id, request_id, spend_micros, created_at)
    select user_id, request_id, micros, $5 from item order by user_id, request_id
    on conflict do nothing returning user_id, request_id),
  new as (select user_id, request_id, micros, group_id from fresh join item using (user_id, request_id)),
  added as (
    insert into ai_user_daily_spend as d (user_id, effective_group_id, day, spend_micros)
    select user_id, group_id, $6::date, sum(micros) from new
    group by user_id, group_id order by user_id, group_id
    on conflict (user_id, effective_group_id, day) do update set spend_micros = d.spend_micros + excluded.spend_micros
    returning user_id, effective_group_id, spend_micros)
  select n.user_id as "userId", n.request_id as "requestId",
    to_json((a.spend_micros + coalesce(earlier.micros, 0))::exact_micros) as "totalMicros"
  from new n
  join added a on a.user_id = n.user_id and a.effective_group_id is not distinct from n.group_id
  cross join lateral (
    select sum(d.spend_micros) as micros from ai_user_daily_spend d
    where d.user_id = n.user_id and d.effective_group_id is not distinct from n.group_id
      and d.day >= $7::date and d.day < $8::date and d.day <> $6::date) earlier`;

/**
 * Adds to what users have spent today, and notes the request ids: those that have been noted before are left out, of
 * the answer, too. All of it or nothing; in one order, so that two of these never wait for each other.
 * @param spends no request id twice
 */
export async function addSpend(
  db: Queryable,
  spends: readonly AttributedSpend[],
  { start, end, today }: Period,
  now: Date,
): Promise<AddedSpend[]> {
  const columns = [
    spends.map(({ userId }) => userId),
    spends.map(({ requestId }) => requestId),
    spends.map(({ micros }) => micros),
    spends.map(({ groupId }) => groupId),
  ];
  const { rows } = await db.query<AddedSpend>(prepared(ADD, [...columns, now, today, start, end]));
  return rows;
}

/** Finds which of the spends have been added before under their request ids, with the amounts that they had. */
export async function findSpends(db: Queryable, spends: readonly Spend[]): Promise<Spend[]> {
  if (spends.length === 0) return [];
  const { rows } = await db.query<Spend>(
    `select r.user_id as "userId", r.request_id as "requestId", to_json(r.spend_micros) as micros
     from unnest($1::uuid[], $2::text[]) i (user_id, request_id) join ai_spend_requests r using (user_id, request_id)`,
    [spends.map(({ userId }) => userId), spends.map(({ requestId }) => requestId)],
  );
  return rows;
}

/** How many request ids are forgotten at once, so that no statement takes long, and nobody waits for one. */
const FORGOTTEN_AT_ONCE = 10_000;

/**
 * Forgets the request ids from before a time, which would then be added again, until the signal is aborted.
 * @returns how many
 */
export async function forgetSpendRequests(db: Queryable, before: Date, signal?: AbortSignal): Promise<number> {
  let forgotten = 0;
  while (!signal?.aborted) {
    const { rowCount } = await db.query(
      `delete from ai_spend_requests where (user_id, request_id) in (
         select user_id, request_id from ai_spend_requests where created_at < $1
         order by created_at limit $2 for update skip locked)`,
      [before, FORGOTTEN_AT_ONCE],
    );
    forgotten += rowCount ?? 0;
    if ((rowCount ?? 0) < FORGOTTEN_AT_ONCE) break;
  }
  return forgotten;
}

/** What counts for a group in the period, of all who are or were in it. */
export type GroupSpend = {
  readonly groupId: string;
  readonly limitMicros: number | null;
  readonly micros: number;
};

/** What has been spent that counts for groups of an organization; those of other organizations are left out. */
export async function readGroupSpend(
  db: Queryable,
  organizationId: string,
  groupIds: readonly string[],
  { start, end }: Period,
): Promise<GroupSpend[]> {
  const { rows } = await db.query<GroupSpend>(
    `select g.id as "groupId", to_json(b.spend_limit_micros) as "limitMicros",
       (select to_json(${sumOf("d.spend_micros")}) from ai_user_daily_spend d
         where d.effective_group_id = g.id and d.day >= $3::date and d.day < $4::date) as micros
     from groups g left join group_ai_budgets b on b.group_id = g.id
     where g.organization_id = $1 and g.id = any ($2::uuid[]) order by lower(g.name), g.id`,
    [organizationId, groupIds, start, end],
  );
  return rows;
}

/** Which of the users are in a group, Everyone included; never those who are deleted. */
export async function findGroupMembers(db: Queryable, groupId: string, userIds: readonly string[]): Promise<string[]> {
  // The limit has the view asked about each of them, not about the whole group.
  const { rows } = await db.query<{ id: string }>(
    `select e.user_id as id
     from unnest($2::uuid[]) asked (id)
     cross join lateral (
       select user_id, user_username from group_members_expanded where group_id = $1 and user_id = asked.id limit 1) e
     order by lower(e.user_username)`,
    [groupId, userIds],
  );
  return rows.map(({ id }) => id);
}
