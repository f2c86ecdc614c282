import assert from "node:assert/strict";
import { test } from "node:test";
import { givenUser, startTestServer, type TestUser } from "./server.ts";
import { givenInboxMessage, givenTemplate } from "./world.ts";

const INBOX = "/api/v2/notifications/inbox";

test("users read what they have been told, the newest first, by pages, and what they have not read by itself", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { alice } = server;
  const read = await givenInboxMessage(server, alice.id, new Date());
  const unread = [await givenInboxMessage(server, alice.id), await givenInboxMessage(server, alice.id)];
  const list = async (query: string) => {
    const answer = await server.send("GET", `${INBOX}${query}`, { as: alice });
    assert.equal(answer.statusCode, 200, answer.body);
    return { ids: answer.json().map(({ id }: { id: string }) => id), total: answer.headers["x-total-count"] };
  };
  const newest = unread.toReversed();
  assert.deepEqual(await list(""), { ids: [...newest, read], total: "3" });
  assert.deepEqual(await list("?limit=1"), { ids: [unread[1]], total: "3" });
  assert.deepEqual(await list("?limit=1&offset=1"), { ids: [unread[0]], total: "3" });
  assert.deepEqual(await list("?read_status=unread"), { ids: newest, total: "2" });
  assert.deepEqual(await list("?read_status=read"), { ids: [read], total: "1" });
  const [message] = (await server.send("GET", INBOX, { as: alice })).json();
  const { title, content, created_at, ...rest } = message;
  assert.match(title, /^The pool devbox\/\w+ was empty/);
  assert.match(content, /^2 requests for a workspace/);
  assert.ok(Date.parse(created_at) > 0);
  const { rows } = await server.pool.query("select data->'pool'->>'presetId' as id from notification_digests limit 1");
  assert.deepEqual(rest, {
    id: unread[1],
    event: "pool_empty",
    template_id: "7a1f4902-c3c6-4f50-83af-53498b70c23b",
    occurrences: 2,
    targets: [template.id, template.versionId, rows[0].id, server.defaultOrganizationId],
    data: { misses: 2 },
    read_at: null,
  });
});

test("a message is in the inbox while more may be added to it, and afterwards", async (t) => {
  const server = await startTestServer(t);
  await givenTemplate(server);
  await givenInboxMessage(server, server.alice.id);
  for (const status of ["waiting", "closed"]) {
    await server.pool.query("update notification_digests set status = $1", [status]);
    assert.equal((await server.send("GET", INBOX, { as: server.alice })).json().length, 1, status);
  }
});

test("a message is marked as read, and as unread again; the time of the first reading stays", async (t) => {
  const server = await startTestServer(t);
  await givenTemplate(server);
  const id = await givenInboxMessage(server, server.alice.id);
  const mark = async (is_read: unknown) => {
    const answer = await server.send("PUT", `${INBOX}/${id}/read-status`, { as: server.alice, json: { is_read } });
    return answer.statusCode === 200 ? answer.json().read_at : answer.statusCode;
  };
  const first = await mark(true);
  assert.ok(Date.parse(first) > 0);
  server.advance(60_000);
  assert.equal(await mark(true), first);
  assert.equal(await mark(false), null);
  assert.notEqual(await mark(true), first);
  assert.equal(await mark("yes"), 400);
});

test("all messages are marked as read at once, and those of others are not", async (t) => {
  const server = await startTestServer(t);
  await givenTemplate(server);
  for (const user of [server.alice, server.alice, server.bob]) await givenInboxMessage(server, user.id);
  assert.equal((await server.send("PUT", `${INBOX}/mark-all-as-read`, { as: server.alice })).statusCode, 204);
  const unread = async (as: TestUser) =>
    (await server.send("GET", `${INBOX}?read_status=unread`, { as })).headers["x-total-count"];
  assert.deepEqual([await unread(server.alice), await unread(server.bob)], ["0", "1"]);
});

test("an inbox is nobody else's business, not even a site owner's", async (t) => {
  const server = await startTestServer(t);
  await givenTemplate(server);
  const id = await givenInboxMessage(server, server.alice.id);
  for (const as of [server.admin, server.bob, server.nobody]) {
    assert.deepEqual((await server.send("GET", INBOX, { as })).json(), []);
    const marked = await server.send("PUT", `${INBOX}/${id}/read-status`, { as, json: { is_read: true } });
    assert.equal(marked.statusCode, 404);
  }
  const limited = await givenUser(server, { siteRoles: ["owner"], scopes: ["inbox_notification:read"] });
  assert.equal((await server.send("GET", INBOX, { as: limited })).statusCode, 200);
  assert.equal((await server.send("PUT", `${INBOX}/mark-all-as-read`, { as: limited })).statusCode, 403);
});
