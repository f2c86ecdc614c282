import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { newEntries, untilSomebodyWaits } from "../http/effects.ts";
import { givenUser, startTestServer, type TestServer } from "../http/server.ts";
import { bodyOf, changeMembers, givenGroup, putOverride, userBudget } from "./http-support.ts";

const read = (server: TestServer, user: string, as = server.admin) => server.send("GET", userBudget(user), { as });
const remove = (server: TestServer, user: string, as = server.admin) => server.send("DELETE", userBudget(user), { as });

async function overridesOf({ pool }: TestServer, userId: string): Promise<number> {
  return (await pool.query("select from user_ai_budget_overrides where user_id = $1", [userId])).rowCount ?? 0;
}

it("BUD-01: an owner gives a user a budget that counts for a group of theirs", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server, [server.alice]);
  const put = bodyOf(await putOverride(server, "alice", group, 500_000_000));
  const { created_at, updated_at, ...rest } = put;
  assert.deepEqual(rest, { user_id: server.alice.id, group_id: group, spend_limit_micros: 500_000_000 });
  assert.equal(created_at, updated_at);
  assert.ok(Math.abs(Date.parse(created_at) - Date.now()) < 60_000);
  assert.deepEqual(bodyOf(await read(server, "alice")), put);
});

it("BUD-02: a budget that is given again replaces the limit, keeps when it was made, and says when it was changed", async (t) => {
  const server = await startTestServer(t);
  const [group, other] = [await givenGroup(server, [server.alice]), await givenGroup(server, [server.alice])];
  const first = bodyOf(await putOverride(server, "alice", group, 500_000_000));
  await newEntries(server);
  server.advance(60_000);
  const second = bodyOf(await putOverride(server, "alice", group, 7));
  assert.deepEqual({ ...first, spend_limit_micros: 7, updated_at: second.updated_at }, second);
  assert.equal(Date.parse(second.updated_at) - Date.parse(first.updated_at) >= 60_000, true);
  const third = bodyOf(await putOverride(server, "alice", other, 7));
  assert.deepEqual([third.group_id, third.created_at], [other, first.created_at]);
  assert.equal(await overridesOf(server, server.alice.id), 1);
  const [, moved] = await newEntries(server);
  assert.deepEqual(moved?.diff["group_id"], { old: group, new: other });
  assert.equal(moved?.diff["spend_limit"], undefined, "the limit is the same as before");
});

it("BUD-04: the group may be Everyone, in any organization that the user is a member of", async (t) => {
  const server = await startTestServer(t);
  for (const [user, everyone] of [
    [server.alice, server.defaultOrganizationId],
    [server.bob, server.otherOrganizationId],
  ] as const) {
    assert.equal(bodyOf(await putOverride(server, user.id, everyone, 1)).group_id, everyone);
    bodyOf(await remove(server, user.id), 204);
    bodyOf(await read(server, user.id), 404);
  }
});

it("BUD-05: a budget of nothing is one", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await putOverride(server, "alice", server.defaultOrganizationId, 0));
  assert.equal(bodyOf(await read(server, "alice")).spend_limit_micros, 0);
});

it("BUD-10: a group that lacks the user is refused with the field that names it, and what they had stays", async (t) => {
  const server = await startTestServer(t);
  const mine = await givenGroup(server, [server.alice]);
  const others = await givenGroup(server, [server.admin]);
  bodyOf(await putOverride(server, "alice", mine, 5));
  await newEntries(server);
  const { message, validations } = bodyOf(await putOverride(server, "alice", others, 6), 400);
  assert.match(message, /^alice is not in the group default\/crew-\w+: choose one of theirs, or add them first$/);
  assert.deepEqual(validations, [{ field: "group_id", detail: "must be the id of a group that the user is in" }]);
  const kept = bodyOf(await read(server, "alice"));
  assert.deepEqual([kept.group_id, kept.spend_limit_micros], [mine, 5]);
  assert.deepEqual(await newEntries(server), []);
});

it("BUD-11: the Everyone group of an organization that the user is not in is refused like any other", async (t) => {
  const server = await startTestServer(t);
  for (const user of ["alice", "nobody"]) {
    const { validations } = bodyOf(await putOverride(server, user, server.otherOrganizationId, 5), 400);
    assert.deepEqual(
      validations.map(({ field }: { field: string }) => field),
      ["group_id"],
    );
  }
});

it("a group that is not there, or whose organization is gone, is not found", async (t) => {
  const server = await startTestServer(t);
  const json = { name: "gone" };
  const { id } = bodyOf(await server.send("POST", "/api/v2/organizations", { as: server.admin, json }), 201);
  bodyOf(await server.send("DELETE", "/api/v2/organizations/gone", { as: server.admin }), 204);
  for (const group of [randomUUID(), id]) bodyOf(await putOverride(server, "alice", group, 5), 404);
});

it("BUD-13, BUD-14, BUD-16: a budget that a user does not have, or of a user who is not there, is not found", async (t) => {
  const server = await startTestServer(t);
  const gone = await givenUser(server);
  bodyOf(await putOverride(server, gone.id, server.defaultOrganizationId, 5));
  bodyOf(await server.send("DELETE", `/api/v2/users/${gone.id}`, { as: server.admin }), 204);
  for (const user of ["alice", "me", "alicia", randomUUID(), gone.id, gone.username]) {
    bodyOf(await read(server, user), 404);
    bodyOf(await remove(server, user), 404);
  }
  for (const user of ["alicia", randomUUID(), gone.id, gone.username]) {
    bodyOf(await putOverride(server, user, server.defaultOrganizationId, 5), 404);
  }
});

it("a user who is deleted while a budget of theirs is changed is not found, and nothing is written down", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await putOverride(server, "alice", server.defaultOrganizationId, 5));
  await newEntries(server);
  const client = await server.pool.connect();
  await client.query("begin");
  await client.query("update users set deleted = true where id = $1", [server.alice.id]);
  const answers = [putOverride(server, "alice", server.defaultOrganizationId, 6), remove(server, "alice")];
  await untilSomebodyWaits(server, 2);
  await client.query("commit");
  client.release();
  for (const answer of await Promise.all(answers)) bodyOf(answer, 404);
  assert.deepEqual(await newEntries(server), []);
});

it("a budget is taken away once", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await putOverride(server, "alice", server.defaultOrganizationId, 5));
  const answers = await Promise.all([remove(server, "alice"), remove(server, "alice"), remove(server, "alice")]);
  assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [204, 404, 404]);
  bodyOf(await read(server, "alice"), 404);
  assert.deepEqual(
    (await newEntries(server)).map(({ action }) => action),
    ["write", "delete"],
  );
});

it("BUD-17, BUD-20, BUD-22: who leaves the group loses the budget, and nobody else's leaving does that", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server, [server.alice, server.admin]);
  const other = await givenGroup(server, [server.alice]);
  bodyOf(await putOverride(server, "alice", group, 5));
  await changeMembers(server, other, { remove_users: [server.alice.id] });
  bodyOf(await read(server, "alice"));
  await changeMembers(server, group, { remove_users: [server.admin.id] });
  bodyOf(await read(server, "alice"));
  await changeMembers(server, group, { remove_users: [server.alice.id] });
  bodyOf(await read(server, "alice"), 404);
  await changeMembers(server, group, { add_users: [server.alice.id] });
  bodyOf(await read(server, "alice"), 404);
});

it("BUD-19: who leaves an organization loses the budget that counts for any of its groups", async (t) => {
  const server = await startTestServer(t);
  const membership = "/api/v2/organizations/default/members/alice";
  const elsewhere = "/api/v2/organizations/other/members/alice";
  const group = await givenGroup(server, [server.alice]);
  for (const lost of [group, server.defaultOrganizationId]) {
    bodyOf(await server.send("POST", elsewhere, { as: server.admin, json: {} }), 200);
    bodyOf(await putOverride(server, "alice", lost, 5));
    bodyOf(await server.send("DELETE", elsewhere, { as: server.admin }), 204);
    bodyOf(await read(server, "alice"), 200);
    bodyOf(await server.send("DELETE", membership, { as: server.admin }), 204);
    bodyOf(await read(server, "alice"), 404);
    bodyOf(await server.send("POST", membership, { as: server.admin, json: {} }), 200);
    await changeMembers(server, group, { add_users: [server.alice.id] });
  }
});

it("a group that is deleted takes the budgets with it that count for it", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server, [server.alice]);
  bodyOf(await putOverride(server, "alice", group, 5));
  bodyOf(await server.send("DELETE", `/api/v2/groups/${group}`, { as: server.admin }), 204);
  bodyOf(await read(server, "alice"), 404);
});

it("BUD-32: `me` is the caller, and a user is found by name, by email address and by id in any case", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await putOverride(server, "me", server.defaultOrganizationId, 5));
  assert.equal(bodyOf(await read(server, "me")).user_id, server.admin.id);
  assert.equal(await overridesOf(server, server.alice.id), 0);
  bodyOf(await putOverride(server, "ALICE@example.com", server.defaultOrganizationId.toUpperCase(), 6));
  for (const user of ["alice", "Alice", "alice@example.com", server.alice.id.toUpperCase()]) {
    const { user_id, group_id } = bodyOf(await read(server, user));
    assert.deepEqual([user_id, group_id], [server.alice.id, server.defaultOrganizationId]);
  }
  assert.equal(bodyOf(await read(server, "me", server.alice)).spend_limit_micros, 6);
  bodyOf(await remove(server, "me"), 204);
  bodyOf(await read(server, "alice"));
});

it("the system user cannot be given a budget, like anything else", async (t) => {
  const server = await startTestServer(t);
  const answer = await putOverride(server, PREBUILDS_SYSTEM_USER_ID, server.defaultOrganizationId, 5);
  assert.match(bodyOf(answer, 403).message, /prebuilds is a system user/);
});
