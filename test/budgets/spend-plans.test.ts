import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  addSpend,
  findGroupMembers,
  findSpends,
  readBudgetFacts,
  readGroupSpend,
  readSpendFacts,
} from "../../src/budgets/spend-store.ts";
import type { Queryable } from "../../src/db/connection.ts";
import { givenContext } from "../support/given.ts";
import { explaining, type PlanNode } from "../support/plans.ts";

const PERIOD = { start: "2026-03-01", end: "2026-04-01", today: "2026-03-15" };
const NOW = new Date("2026-03-15T12:00:00Z");
const SIZES = { users: 4_000, groups: 2_000, days: 10 };

/**
 * One organization with many users, some of them in 20 of many groups with budgets, and what they have spent on some
 * days of March for a group or for Everyone.
 */
async function givenSpenders(t: TestContext) {
  const { pool } = await givenContext(t);
  const client = await pool.connect();
  // Triggers and foreign keys, which would check each row, are off.
  await client.query("set session_replication_role = replica");
  for (const statement of [
    `insert into users (username, email) select 'spender-' || n, n || '@example.com' from generate_series(1, ${SIZES.users}) n`,
    `insert into organization_members (organization_id, user_id)
     select o.id, u.id from organizations o, users u where u.username like 'spender-%'`,
    `insert into groups (organization_id, name) select id, 'group-' || n from organizations, generate_series(1, ${SIZES.groups}) n`,
    "insert into group_ai_budgets (group_id, spend_limit_micros) select id, 1000 from groups",
    `create temporary table place as
     select u.id, substr(u.username, 9)::int as n, g.id as group_id, substr(g.name, 7)::int as k
     from users u join groups g on g.name like 'group-%' and substr(g.name, 7)::int % 100 = substr(u.username, 9)::int % 100
     where u.username like 'spender-%'`,
    "insert into group_members (group_id, user_id) select group_id, id from place where k <= 300 or n % 10 = 0",
    `insert into ai_user_daily_spend (user_id, effective_group_id, day, spend_micros)
     select p.id, case when n % 2 = 0 then o.id else p.group_id end, date '2026-03-01' + d, 10
     from place p, organizations o, generate_series(0, ${SIZES.days - 1}) d where p.k <= 100`,
    `insert into ai_spend_requests (user_id, request_id, spend_micros, created_at)
     select p.id, 'earlier-' || d, 10, '2026-03-15' from place p, generate_series(1, 20) d where p.k <= 100`,
    `insert into user_ai_budget_overrides (user_id, group_id, spend_limit_micros)
     select p.id, o.id, 5 from place p, organizations o where p.k <= 100 and n % 7 = 0`,
    "analyze",
  ]) {
    await client.query(statement);
  }
  client.release(true);
  const { rows: organizations } = await pool.query<{ id: string }>("select id from organizations");
  const { rows: users } = await pool.query<{ id: string }>(
    "select id from users where username in (select 'spender-' || n * 10 from generate_series(1, 100) n) order by id",
  );
  const { rows: groups } = await pool.query<{ id: string }>(
    "select id from groups where name like 'group-%' limit 100",
  );
  const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);
  return { pool, everyone: organizations[0]?.id ?? "", userIds: ids(users), groupIds: ids(groups) };
}

test("what is asked about budgets and spend is looked up, however much there is of others", async (t) => {
  const { pool, everyone, userIds, groupIds } = await givenSpenders(t);
  const [userId = ""] = userIds;
  const [groupId = ""] = groupIds;
  const spends = userIds.map((id) => ({ userId: id, requestId: "new", micros: 3, groupId: everyone }));

  /** Runs it and makes sure that it reads no table from one end to the other. */
  async function looksUp<T>(work: (db: Queryable) => Promise<T>, except: readonly string[] = []): Promise<T> {
    const plans: PlanNode[][] = [];
    const result = await work(explaining(pool, plans));
    assert.ok(plans.length > 0);
    const nodes = plans.flat();
    const scanned = nodes.filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"] ?? "");
    assert.deepEqual(
      scanned.filter((table) => !["organizations", ...except].includes(table)),
      [],
    );
    // Not even all members of one organization or group are read.
    const ofMembers = nodes.filter((node) => /^(organization|group)_members/.test(node["Index Name"] ?? ""));
    assert.deepEqual(
      ofMembers.filter((node) => !node["Index Cond"]?.includes("user_id")),
      [],
    );
    return result;
  }

  for (const asked of [[userId], userIds]) {
    await t.test(`the budgets and the spend of ${asked.length}`, async () => {
      const facts = await looksUp((db) => readSpendFacts(db, asked, PERIOD));
      assert.equal(facts.length, asked.length);
      for (const { budgets, spent } of facts) {
        assert.equal(budgets.length, 21);
        assert.deepEqual(
          spent.map(({ groupId: id }) => id),
          [everyone],
        );
      }
      assert.equal((await looksUp((db) => readBudgetFacts(db, asked))).length, asked.length);
    });

    await t.test(`adding spend of ${asked.length}, and finding what was added`, async () => {
      const some = spends.slice(0, asked.length).map((spend) => ({ ...spend, requestId: `new-${asked.length}` }));
      const added = await looksUp((db) => addSpend(db, some, PERIOD, NOW));
      assert.equal(added.length, asked.length);
      const found = await looksUp((db) => findSpends(db, some));
      assert.equal(found.length, asked.length);
    });
  }

  await t.test("who of a hundred is in a group, and in Everyone", async () => {
    assert.equal((await looksUp((db) => findGroupMembers(db, everyone, userIds))).length, 100);
    assert.ok((await looksUp((db) => findGroupMembers(db, groupId, userIds))).length < 100);
  });

  await t.test("what a hundred groups have spent", async () => {
    // The budgets of a hundred groups are a good part of all budgets.
    const groups = await looksUp(
      (db) => readGroupSpend(db, everyone, groupIds, PERIOD),
      ["groups", "group_ai_budgets"],
    );
    assert.equal(groups.length, 100);
  });
});
