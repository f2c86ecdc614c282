import assert from "node:assert/strict";
import { test } from "node:test";
import type { Context } from "../../src/context.ts";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { listInbox, markAllRead } from "../../src/notifications/inbox-store.ts";
import { forgetMessages } from "../../src/notifications/store.ts";
import { createTeller } from "../../src/notifications/tell.ts";
import { WORK } from "../../src/provisioner/queue.ts";
import { claimOf, givenNotified, happen, messages, never, replacedBy, tell, tellAll } from "./support.ts";

/** Whatever is to be tried again later is to be tried now. */
const noPauses = ({ pool }: Context) => pool.query("update pgboss.job set start_after = now()");

async function untold({ pool }: Context): Promise<number> {
  const { rows } = await pool.query("select count(*)::int as count from notification_events");
  return rows[0].count;
}

test("what has happened waits for nobody, whoever holds the messages of its kind", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 60_000 });
  await tell(context, replacedBy(pool, claimOf(1)));
  await happen(context, replacedBy(pool, claimOf(2)));
  await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    await client.query("lock table notification_digests, notification_messages in access exclusive mode");
    await client.query("select from notification_events for update");
    await happen(context, replacedBy(pool, claimOf(3)));
  });
  await tellAll(context);
  assert.equal((await messages(context))[0]?.occurrences, 3);
});

test("a digest that somebody holds is told later, the others are told meanwhile", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 60_000 });
  const large = { ...pool, preset: "large" };
  await tell(context, replacedBy(pool, claimOf(1)));
  await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    await client.query("select from notification_digests for update");
    await happen(context, replacedBy(pool, claimOf(2)));
    await happen(context, replacedBy(large, claimOf(3)));
    await tellAll(context);
    const told = (await messages(context)).map(({ occurrences, data }) => [
      data.claims?.at(-1)?.workspace,
      occurrences,
    ]);
    assert.deepEqual(told, [
      ["dev-1", 1],
      ["dev-3", 1],
    ]);
    assert.equal(await untold(context), 1);
  });
  await noPauses(context);
  await tellAll(context);
  assert.deepEqual([(await messages(context))[0]?.data.claims, await untold(context)], [[claimOf(1), claimOf(2)], 0]);
});

test("an event that two workers have, because one has seemed dead, is told once", async (t) => {
  const { context, pool } = await givenNotified(t, { windowMs: 60_000 });
  // More than one worker takes at once.
  const EVENTS = 150;
  for (let number = 1; number <= EVENTS; number += 1) await happen(context, replacedBy(pool, claimOf(number)));
  const { rows } = await context.pool.query("select id from notification_events");
  const ids = rows.map(({ id }) => id);
  await context.queue.add(context.pool, WORK.notice, ids.toReversed(), 0);
  await Promise.all([tellAll(context), tellAll(context), tellAll(context)]);
  await noPauses(context);
  await tellAll(context);
  assert.equal((await messages(context))[0]?.occurrences, EVENTS);
  assert.deepEqual(await context.queue.missing(context.pool, WORK.notice, ids), ids, "no item is left");
});

test("an event of which nobody can be told is given up, and the log says so", async (t) => {
  const { context, pool, logged } = await givenNotified(t);
  await happen(context, replacedBy(pool, claimOf(1)));
  await context.pool.query("alter table notification_digests rename to elsewhere");
  await context.pool.query("update pgboss.job set retry_count = retry_limit");
  await tellAll(context);
  await tellAll(context);
  assert.deepEqual(
    logged.map(({ level, event, msg }) => [level, event, msg]),
    [["error", "resource_replaced", "nobody could be told of something that has happened, and it is given up"]],
  );
  assert.equal(await untold(context), 0);
});

test("what is in an inbox needs no delivery, and a digest whose time is over is closed by the next event", async (t) => {
  const { context, pool, admins } = await givenNotified(t, { windowMs: 60_000 });
  await tell(context, replacedBy(pool, claimOf(1)));
  const { messages: inbox } = await listInbox(context.pool, admins[0]?.id ?? "", "all", { limit: 10, offset: 0 });
  assert.deepEqual(
    inbox.map(({ data }) => data.claims),
    [[claimOf(1)]],
  );
  const { rows } = await context.pool.query("select from pgboss.job where state < 'completed'");
  assert.equal(rows.length, 0);
  await context.pool.query("update notification_digests set send_after = now()");
  await tell(context, replacedBy(pool, claimOf(2)));
  assert.deepEqual(
    (await messages(context)).map(({ occurrences, data }) => [occurrences, data.claims]),
    [
      [1, [claimOf(1)]],
      [1, [claimOf(2)]],
    ],
  );
});

test("the log says once a minute for each pool that no person is told, also when the webhook is", async (t) => {
  const { context, pool, logged } = await givenNotified(t, { admins: 0, channels: ["inbox", "webhook"] });
  const teller = createTeller(context);
  const large = { ...pool, preset: "large" };
  for (const about of [pool, pool, large, pool]) {
    await happen(context, replacedBy(about, claimOf(1)));
    await teller(never);
  }
  assert.deepEqual(
    logged.map(({ level, preset }) => [level, preset]),
    [
      ["warn", pool.preset],
      ["warn", "large"],
    ],
  );
  assert.match(String(logged[0]?.["msg"]), /^only the webhook is told, and no person/);
});

test("characters that the database refuses keep nobody from being told", async (t) => {
  const { context, pool } = await givenNotified(t);
  await tell(context, replacedBy(pool, claimOf(1, { "a\u0000b": ["\ud800"] })));
  assert.deepEqual((await messages(context))[0]?.data.claims?.[0]?.replacements, { "a\ufffdb": ["\ufffd"] });
});

test("a thousand events for two hundred people are told in seconds, and their words are stored once", async (t) => {
  const PEOPLE = 200;
  const { context, pool } = await givenNotified(t, { windowMs: 600_000, channels: ["inbox", "webhook", "email"] });
  await context.pool.query(
    `insert into users (username, email, rbac_roles)
     select 'person-' || n, 'person-' || n || '@example.com', '{template-admin}' from generate_series(2, $1) n`,
    [PEOPLE],
  );
  const resources = Array.from({ length: 40 }, (_, index) => [
    `module.workspace.docker_container.main_${index}`,
    ["env"],
  ]);
  const numbers = Array.from({ length: 1_000 }, (_, index) => index).values();
  const work = async () => {
    for (const number of numbers)
      await happen(context, replacedBy(pool, claimOf(number, Object.fromEntries(resources))));
  };
  await Promise.all(Array.from({ length: 5 }, work));
  const startedAt = performance.now();
  await Promise.all([tellAll(context), tellAll(context)]);
  assert.ok(performance.now() - startedAt < 10_000, "it took longer");
  const all = await messages(context);
  assert.equal(all.length, 2 * PEOPLE + 1);
  assert.ok(all.every(({ occurrences }) => occurrences === 1_000));
  const { rows } = await context.pool.query("select count(*)::int as count from notification_digests");
  assert.deepEqual(rows, [{ count: 1 }]);
});

/** Gives a user many messages that are old enough to be forgotten. */
async function givenOld({ pool }: Context, userId: string): Promise<void> {
  await pool.query(
    `with digests as (
       insert into notification_digests (created_at, updated_at, event, about, data, occurrences, status, send_after)
       select '2001-01-01', '2001-01-01', 'pool_empty', 'old', '{}', 1, 'closed', '2001-01-01'
       from generate_series(1, 500) returning id
     )
     insert into notification_messages (digest_id, created_at, channel, user_id, status)
     select id, '2001-01-01', 'inbox', $1, 'sent' from digests`,
    [userId],
  );
}

test("telling, reading, closing and forgetting at the same time lose no event and count none twice", async (t) => {
  const { context, pool, admins, logged } = await givenNotified(t, { windowMs: 30, admins: 2 });
  const pools = ["a", "b", "c", "d"].map((preset) => ({ ...pool, preset }));
  const userId = admins[0]?.id ?? "";
  const ROUNDS = 15;
  for (let number = 0; number < ROUNDS; number += 1) {
    await givenOld(context, userId);
    await Promise.all(pools.map((about) => happen(context, replacedBy(about, claimOf(number)))));
    await Promise.all([
      tellAll(context),
      tellAll(context),
      markAllRead(context.pool, userId, new Date()),
      forgetMessages(context.pool, new Date("2002-01-01")),
      markAllRead(context.pool, userId, new Date()),
    ]);
  }
  await noPauses(context);
  await tellAll(context);
  const { rows } = await context.pool.query(
    "select about, sum(occurrences)::int as count from notification_digests group by about",
  );
  assert.deepEqual(
    rows.map(({ count }) => count),
    pools.map(() => ROUNDS),
  );
  assert.deepEqual(logged, []);
});
