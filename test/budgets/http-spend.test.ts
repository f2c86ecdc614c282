import assert from "node:assert/strict";
import { it } from "node:test";
import { forgetSpendRequests } from "../../src/budgets/spend-store.ts";
import { newEntries } from "../http/effects.ts";
import { givenUser, startTestServer } from "../http/server.ts";
import {
  bodyOf,
  givenGroup,
  givenReplica,
  groupBudget,
  groupsSpend,
  MOST,
  putGroup,
  putOverride,
  report,
  spendOf,
  storedSpend,
  userSpend,
} from "./http-support.ts";

const DAY_MS = 86_400_000;

it("a gateway that reports spend is told what is left of the limit, and whether it is reached", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server, [server.alice]);
  bodyOf(await putGroup(server, group, 100));
  await newEntries(server);
  let spent = 0;
  for (const [micros, left, reached] of [
    [0, 100, false],
    [99, 1, false],
    [1, 0, true],
    [0, 0, true],
    [50, 0, true],
  ] as const) {
    spent += micros;
    const told = bodyOf(await report(server, "alice", micros));
    assert.deepEqual(told, {
      ...(await spendOf(server, "alice")),
      current_spend_micros: spent,
      remaining_micros: left,
      limit_reached: reached,
    });
    assert.equal(Object.keys(told).length, 9);
  }
  assert.equal(await storedSpend(server, server.alice.id), 150);
  assert.deepEqual(await newEntries(server), [], "spend is not written to the audit log");
});

it("a limit of nothing is reached before anything is spent, and without a limit nothing ever is", async (t) => {
  const server = await startTestServer(t);
  for (const micros of [0, 5]) {
    const { remaining_micros, limit_reached } = bodyOf(await report(server, "alice", micros));
    assert.deepEqual([remaining_micros, limit_reached], [null, false]);
  }
  bodyOf(await putOverride(server, "alice", server.defaultOrganizationId, 0));
  const { remaining_micros, limit_reached, current_spend_micros } = bodyOf(await report(server, "alice", 0));
  assert.deepEqual([remaining_micros, limit_reached, current_spend_micros], [0, true, 5]);
  const other = await givenGroup(server, [server.alice]);
  bodyOf(await putOverride(server, "alice", other, 0));
  const fresh = bodyOf(await report(server, "alice", 0));
  assert.deepEqual([fresh.remaining_micros, fresh.limit_reached, fresh.current_spend_micros], [0, true, 0]);
});

it("a request id adds once, and its repetition is answered with what has been spent by then", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await putGroup(server, server.defaultOrganizationId, 100));
  const first = bodyOf(await report(server, "alice", 10, "r1"));
  assert.deepEqual(bodyOf(await report(server, "alice", 10, "r1")), first);
  bodyOf(await report(server, "alice", 20, "r2"));
  const later = bodyOf(await report(server, server.alice.id.toUpperCase(), 10, "r1"));
  assert.deepEqual([later.current_spend_micros, later.remaining_micros], [30, 70]);
  assert.equal(await storedSpend(server, server.alice.id), 30);
  assert.equal(bodyOf(await report(server, "alice", 1, "R1")).current_spend_micros, 31, "ids differ by case");
});

it("a request id that was used for another amount is refused, and nothing is added", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await report(server, "alice", 10, "r1"));
  for (const micros of [0, 9, 11, MOST]) {
    const { message } = bodyOf(await report(server, "alice", micros, "r1"), 409);
    assert.match(
      message,
      /^the request id "r1" was used for 10 micros; send what is spent anew under an id of its own$/,
    );
  }
  assert.equal(await storedSpend(server, server.alice.id), 10);
});

it("a request id belongs to the user whose spend it is, whatever group the spend counts for", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server, [server.alice]);
  bodyOf(await report(server, "alice", 10, "r1"));
  assert.equal(bodyOf(await report(server, "bob", 20, "r1")).current_spend_micros, 20);
  bodyOf(await putGroup(server, group, 100));
  assert.equal(bodyOf(await report(server, "alice", 10, "r1")).current_spend_micros, 0);
  assert.deepEqual([await storedSpend(server, server.alice.id), await storedSpend(server, server.bob.id)], [10, 20]);
});

it("a request id is remembered for a day and adds again when it has been forgotten", async (t) => {
  const server = await startTestServer(t);
  const forget = () => forgetSpendRequests(server.pool, new Date(server.context.clock.now().getTime() - DAY_MS));
  bodyOf(await report(server, "alice", 10, "r1"));
  server.advance(DAY_MS - 60_000);
  bodyOf(await report(server, "alice", 5, "r2"));
  assert.equal(await forget(), 0);
  bodyOf(await report(server, "alice", 10, "r1"));
  assert.equal(await storedSpend(server, server.alice.id), 15);
  server.advance(120_000);
  assert.equal(await forget(), 1);
  bodyOf(await report(server, "alice", 10, "r1"));
  bodyOf(await report(server, "alice", 5, "r2"));
  assert.equal(await storedSpend(server, server.alice.id), 25);
});

it("the largest amount is counted exactly, and what would make the month's sum larger is refused and keeps its id", async (t) => {
  const server = await startTestServer(t);
  const most = bodyOf(await report(server, "alice", MOST));
  assert.deepEqual([most.current_spend_micros, most.limit_reached], [MOST, false]);
  assert.equal(bodyOf(await report(server, "bob", MOST - 1)).current_spend_micros, MOST - 1);
  for (const [user, micros] of [
    ["alice", 1],
    ["alice", MOST],
    ["bob", 2],
  ] as const) {
    const { validations } = bodyOf(await report(server, user, micros, "r1"), 400);
    assert.equal(validations[0].field, "spend_micros");
    assert.match(validations[0].detail, /9007199254740991/);
  }
  assert.equal(bodyOf(await report(server, "alice", 0, "r1")).current_spend_micros, MOST);
  assert.equal(bodyOf(await report(server, "bob", 1, "r1")).current_spend_micros, MOST);
  bodyOf(await putGroup(server, server.defaultOrganizationId, MOST));
  const { remaining_micros, limit_reached } = bodyOf(await report(server, "alice", 0));
  assert.deepEqual([remaining_micros, limit_reached], [0, true]);
});

it("a token that can do nothing but report spend is enough for a gateway, and users do not report their own", async (t) => {
  const server = await startTestServer(t);
  const scopes = ["aibridge_interception:create"];
  const gateway = await givenUser(server, { siteRoles: ["owner"], scopes });
  const json = { request_id: "r1", spend_micros: 5 };
  for (const user of ["alice", "me", server.bob.id]) {
    assert.equal(bodyOf(await server.send("POST", userSpend(user), { as: gateway, json })).current_spend_micros, 5);
  }
  for (const as of [server.alice, await givenUser(server, { siteRoles: ["user-admin"] })]) {
    for (const user of ["me", as.id, "bob"]) bodyOf(await server.send("POST", userSpend(user), { as, json }), 404);
  }
  assert.equal(await storedSpend(server, server.alice.id), 5);
});

it("request ids are forgotten however many there are, and one that somebody holds is left for the next time", async (t) => {
  const server = await startTestServer(t);
  await server.pool.query(
    `insert into ai_spend_requests (user_id, request_id, spend_micros, created_at)
     select $1, 'r' || n, 1, now() - interval '2 days' from generate_series(1, 20500) n`,
    [server.alice.id],
  );
  const holder = await server.pool.connect();
  await holder.query("begin");
  await holder.query("select from ai_spend_requests where request_id = 'r7' for key share");
  assert.equal(await forgetSpendRequests(server.pool, new Date()), 20_499);
  await holder.query("rollback");
  holder.release();
  assert.equal(await forgetSpendRequests(server.pool, new Date(), AbortSignal.abort()), 0);
  assert.equal(await forgetSpendRequests(server.pool, new Date()), 1);
});

it("a report that is refused is in the log with what was spent, because whoever sent it may drop it", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await report(server, "alice", 5, "r1"));
  bodyOf(await report(server, "alice", 6, "r1"), 409);
  bodyOf(await report(server, "gone", 7, "r2"), 404);
  const lost = server.logged.filter(({ msg }) => msg === "what was spent on AI was not added");
  assert.deepEqual(
    lost.map(({ level, spend, problem }) => [level, spend, typeof problem]),
    [
      ["warn", { user: "alice", request_id: "r1", spend_micros: 6 }, "string"],
      ["warn", { user: "gone", request_id: "r2", spend_micros: 7 }, "string"],
    ],
  );
});

it("amounts are exact also where a database prints fewer digits of other numbers", async (t) => {
  const server = await startTestServer(t);
  await server.pool.query(
    `alter database "${new URL(server.databaseUrl).pathname.slice(1)}" set extra_float_digits = 0`,
  );
  const fresh = await givenReplica(t, server);
  const as = server.admin;
  const group = server.defaultOrganizationId;
  const json = { spend_limit_micros: MOST };
  assert.equal(bodyOf(await fresh.send("PUT", groupBudget(group), { as, json })).spend_limit_micros, MOST);
  assert.equal(bodyOf(await report(fresh, "alice", MOST - 2, "r1")).current_spend_micros, MOST - 2);
  assert.equal(bodyOf(await report(fresh, "alice", MOST - 2, "r1")).remaining_micros, 2);
  const groups = bodyOf(await fresh.send("GET", groupsSpend(`group_ids=${group}`), { as })).groups;
  assert.deepEqual(groups, [{ group_id: group, spend_limit_micros: MOST, current_spend_micros: MOST - 2 }]);
});
