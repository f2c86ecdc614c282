import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";
import { createUser } from "../../src/users/store.ts";
import { untilSomebodyWaits } from "../http/effects.ts";
import { startTestServer, type TestServer } from "../http/server.ts";
import { waitFor } from "../support/wait-for.ts";
import { bodyOf, givenReplica, MOST, putGroup, report, storedSpend } from "./http-support.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

/** How many answers came with each status. */
function statuses(answers: readonly { readonly statusCode: number }[]): Record<number, number> {
  const seen: Record<number, number> = {};
  for (const { statusCode } of answers) seen[statusCode] = (seen[statusCode] ?? 0) + 1;
  return seen;
}

/** Keeps everybody from adding to the spend of a user, who has spent something; the result ends it. */
async function holdSpend({ pool }: TestServer, userId: string): Promise<() => Promise<void>> {
  const client = await pool.connect();
  await client.query("begin");
  await client.query("select from ai_user_daily_spend where user_id = $1 for update", [userId]);
  return async () => {
    await client.query("rollback");
    client.release();
  };
}

it("of equal requests at once one adds, and all are answered with what it made of the spend", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await putGroup(server, server.defaultOrganizationId, 100));
  const twins = await Promise.all([report(server, "alice", 10, "twin"), report(server, "alice", 10, "twin")]);
  assert.deepEqual(
    twins.map((answer) => bodyOf(answer).current_spend_micros),
    [10, 10],
  );
  const answers = await Promise.all(numbers(100).map((n) => report(server, "alice", n % 10, `r${n % 10}`)));
  for (const answer of answers) {
    const { current_spend_micros: spent, remaining_micros: left } = bodyOf(answer);
    assert.equal(spent + left, 100);
    assert.ok(spent > 0 && spent <= 55, `${spent}`);
  }
  assert.equal(await storedSpend(server, server.alice.id), 55);
});

it("a request id that comes with several amounts at once adds one of them, and the others are refused", async (t) => {
  const server = await startTestServer(t);
  const answers = await Promise.all(numbers(30).map((n) => report(server, "alice", (n % 3) + 1, "r1")));
  assert.deepEqual(statuses(answers), { 200: 10, 409: 20 });
  const told = new Set(answers.filter(({ statusCode }) => statusCode === 200).map((answer) => answer.body));
  assert.equal(told.size, 1);
  assert.equal(await storedSpend(server, server.alice.id), JSON.parse([...told][0] ?? "").current_spend_micros);
});

it("servers on one database add a request id once between them", async (t) => {
  const server = await startTestServer(t);
  const servers = [server, await givenReplica(t, server), await givenReplica(t, server)];
  const users = ["alice", "bob", "admin"];
  const answers = await Promise.all(
    numbers(40).flatMap((n) => servers.flatMap((one) => users.map((user) => report(one, user, n, `r${n}`)))),
  );
  assert.deepEqual(statuses(answers), { 200: 360 });
  for (const { id } of [server.alice, server.bob, server.admin]) assert.equal(await storedSpend(server, id), 780);
  const amounts = servers.map((one, n) => report(one, "alice", n + 1, "different"));
  assert.deepEqual(statuses(await Promise.all(amounts)), { 200: 1, 409: 2 });
});

it("each of many at once is told a sum that has its own in it, and the last of them the sum of all", async (t) => {
  const server = await startTestServer(t);
  const servers = [server, await givenReplica(t, server)];
  const limit = 100_000;
  bodyOf(await putGroup(server, server.defaultOrganizationId, limit));
  const amounts = numbers(500);
  const answers = await Promise.all(
    amounts.map(async (micros) => bodyOf(await report(servers[micros % 2] ?? server, "alice", micros))),
  );
  const total = amounts.reduce((sum, micros) => sum + micros, 0);
  for (const [index, told] of answers.entries()) {
    assert.ok(told.current_spend_micros >= index && told.current_spend_micros <= total);
    assert.equal(told.remaining_micros, Math.max(limit - told.current_spend_micros, 0));
    assert.equal(told.limit_reached, told.current_spend_micros >= limit);
  }
  assert.equal(Math.max(...answers.map((told) => told.current_spend_micros)), total);
  assert.equal(await storedSpend(server, server.alice.id), total);
});

it("a bad report among hundreds at once is refused alone", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await report(server, "bob", MOST - 10));
  const good = numbers(250).map((n) => report(server, ["alice", "admin", "nobody"][n % 3] ?? "", 1));
  const bad = [report(server, randomUUID(), 1), report(server, "bob", 11)];
  const either = [report(server, "bob", 8), report(server, "bob", 8)];
  assert.deepEqual(statuses(await Promise.all(good)), { 200: 250 });
  assert.deepEqual(
    (await Promise.all(bad)).map(({ statusCode }) => statusCode),
    [404, 400],
  );
  assert.deepEqual(statuses(await Promise.all(either)), { 200: 1, 400: 1 });
  const stored = [];
  for (const { id } of [server.alice, server.admin, server.nobody, server.bob])
    stored.push(await storedSpend(server, id));
  assert.deepEqual(stored, [84, 83, 83, MOST - 2]);
});

it("two servers do not add at once what makes the month's sum, with that of other days, more than can be said exactly", async (t) => {
  const server = await startTestServer(t);
  const replica = await givenReplica(t, server);
  bodyOf(await report(server, "alice", MOST - 10));
  const otherDay = "update ai_user_daily_spend set day = day + case when extract(day from day) = 1 then 1 else -1 end";
  await server.pool.query(otherDay);
  bodyOf(await report(server, "alice", 0));
  const release = await holdSpend(server, server.alice.id);
  const answers = [report(server, "alice", 8), report(replica, "alice", 8)];
  await untilSomebodyWaits(server, 2);
  await release();
  const [one, other] = (await Promise.all(answers)).sort((a, b) => a.statusCode - b.statusCode);
  assert.ok(one && other);
  assert.equal(bodyOf(one).current_spend_micros, MOST - 2);
  assert.equal(bodyOf(other, 400).validations[0].field, "spend_micros");
  assert.equal(bodyOf(await report(server, "alice", 0)).current_spend_micros, MOST - 2);
});

it("what was being added when the database went away is added once when it is sent again", async (t) => {
  const server = await startTestServer(t);
  for (const user of ["alice", "bob"]) bodyOf(await report(server, user, 1));
  const release = await holdSpend(server, server.alice.id);
  const waiting = numbers(20).map((n) => report(server, n % 2 ? "alice" : "bob", 10, `r${n}`));
  await untilSomebodyWaits(server);
  const cut = await waitFor("all who wait to be cut off", async () => {
    await server.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return Promise.race([Promise.all(waiting), new Promise<undefined>((resolve) => setImmediate(resolve, undefined))]);
  });
  await release();
  assert.ok((statuses(cut)[503] ?? 0) > 0, JSON.stringify(statuses(cut)));
  for (const { statusCode, body } of cut) assert.ok([200, 503].includes(statusCode), body);
  const again = await Promise.all(numbers(20).map((n) => report(server, n % 2 ? "alice" : "bob", 10, `r${n}`)));
  assert.deepEqual(statuses(again), { 200: 20 });
  for (const { id } of [server.alice, server.bob]) assert.equal(await storedSpend(server, id), 101);
});

it("a user who is deleted from the database while spend of theirs is added is not found, and the others' is added", async (t) => {
  const server = await startTestServer(t);
  const gone = await createUser(server.pool, { username: "gone", email: "gone@example.com" });
  const client = await server.pool.connect();
  await client.query("begin");
  await client.query("delete from user_status_changes where user_id = $1", [gone.id]);
  await client.query("delete from users where id = $1", [gone.id]);
  const answers = [report(server, gone.id, 1), report(server, "alice", 1), report(server, gone.id, 2)];
  await untilSomebodyWaits(server);
  await client.query("commit");
  client.release();
  assert.deepEqual(
    (await Promise.all(answers)).map(({ statusCode }) => statusCode),
    [404, 200, 404],
  );
  assert.deepEqual([await storedSpend(server, gone.id), await storedSpend(server, server.alice.id)], [0, 1]);
});

it("spend that is added while its user is given another budget counts for one of the two groups, and is not lost", async (t) => {
  const server = await startTestServer(t);
  const limits = numbers(20).map((n) => putGroup(server, server.defaultOrganizationId, n));
  const spends = numbers(100).map(() => report(server, "alice", 1));
  assert.deepEqual(statuses(await Promise.all([...limits, ...spends])), { 200: 120 });
  assert.equal(await storedSpend(server, server.alice.id), 100);
});

it("who keeps what a user has spent locked makes reports of that user fail in a moment, and those of nobody else", async (t) => {
  const server = await startTestServer(t);
  for (const user of ["alice", "bob"]) bodyOf(await report(server, user, 1));
  const release = await holdSpend(server, server.alice.id);
  const held = numbers(20).map((n) => report(server, "alice", 1, `held-${n}`));
  await untilSomebodyWaits(server);
  const others = numbers(20).map(() => report(server, "bob", 1));
  assert.deepEqual(statuses(await Promise.all(others)), { 200: 20 });
  const refused = await Promise.all(held);
  assert.deepEqual(statuses(refused), { 503: 20 });
  assert.match(refused[0]?.body ?? "", /locked, so nothing was added; send it again/);
  await release();
  assert.deepEqual(statuses(await Promise.all(numbers(20).map((n) => report(server, "alice", 1, `held-${n}`)))), {
    200: 20,
  });
  assert.deepEqual([await storedSpend(server, server.alice.id), await storedSpend(server, server.bob.id)], [21, 21]);
});
