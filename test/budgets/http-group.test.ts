import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";
import { newEntries } from "../http/effects.ts";
import { startTestServer, type TestServer } from "../http/server.ts";
import { bodyOf, givenGroup, groupBudget, putGroup } from "./http-support.ts";

const read = (server: TestServer, group: string, as = server.admin) => server.send("GET", groupBudget(group), { as });
const remove = (server: TestServer, group: string, as = server.admin) =>
  server.send("DELETE", groupBudget(group), { as });

it("GRP-01: a group's budget is read as it was given, and given again is changed", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server);
  const put = bodyOf(await putGroup(server, group, 12_500_000));
  const { created_at, updated_at, ...rest } = put;
  assert.deepEqual(rest, { group_id: group, spend_limit_micros: 12_500_000 });
  assert.equal(created_at, updated_at);
  assert.deepEqual(bodyOf(await read(server, group)), put);
  server.advance(60_000);
  const again = bodyOf(await putGroup(server, group.toUpperCase(), 0));
  assert.deepEqual([again.group_id, again.spend_limit_micros, again.created_at], [group, 0, created_at]);
  assert.ok(again.updated_at > updated_at);
  assert.deepEqual(bodyOf(await read(server, group)), again);
});

it("GRP-02, GRP-04: a group's budget is not there before it is given nor after it is taken away", async (t) => {
  const server = await startTestServer(t);
  for (const group of [await givenGroup(server), server.defaultOrganizationId]) {
    bodyOf(await read(server, group), 404);
    bodyOf(await remove(server, group), 404);
    bodyOf(await putGroup(server, group, 5));
    bodyOf(await remove(server, group), 204);
    bodyOf(await read(server, group), 404);
    bodyOf(await remove(server, group), 404);
  }
  const entries = await newEntries(server);
  assert.deepEqual(
    entries.filter(({ type }) => type === "group_ai_budget").map(({ action }) => action),
    ["write", "delete", "write", "delete"],
  );
});

it("GRP-07: a group that is not there has no budget and gets none", async (t) => {
  const server = await startTestServer(t);
  const json = { name: "gone" };
  const organization = bodyOf(await server.send("POST", "/api/v2/organizations", { as: server.admin, json }), 201);
  const inside = await givenGroup(server, [], "gone");
  bodyOf(await putGroup(server, inside, 5));
  bodyOf(await server.send("DELETE", "/api/v2/organizations/gone", { as: server.admin }), 204);
  const deleted = await givenGroup(server);
  bodyOf(await putGroup(server, deleted, 5));
  bodyOf(await server.send("DELETE", `/api/v2/groups/${deleted}`, { as: server.admin }), 204);
  for (const group of [randomUUID(), inside, organization.id, deleted]) {
    bodyOf(await read(server, group), 404);
    bodyOf(await putGroup(server, group, 5), 404);
    bodyOf(await remove(server, group), 404);
  }
});

it("GRP-08: a member of the group reads its budget, and cannot change it", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server, [server.alice]);
  const put = bodyOf(await putGroup(server, group, 5));
  assert.deepEqual(bodyOf(await read(server, group, server.alice)), put);
  bodyOf(await putGroup(server, group, 6, server.alice), 404);
  bodyOf(await remove(server, group, server.alice), 404);
  assert.deepEqual(bodyOf(await read(server, group)), put);
});

it("administrators who set a group's budget at once all succeed, one after the other, as it is written down", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server);
  await newEntries(server);
  const limits = [1_000_000, 2_000_000, 3_000_000, 4_000_000];
  for (const answer of await Promise.all(limits.map((limit) => putGroup(server, group, limit)))) bodyOf(answer);
  const changes = (await newEntries(server)).map(({ diff }) => diff["spend_limit"]);
  assert.equal(changes.length, limits.length);
  for (const [index, change] of changes.entries()) {
    assert.equal(change?.old, index === 0 ? "$0.00" : changes[index - 1]?.new);
  }
  const { spend_limit_micros: last } = bodyOf(await read(server, group));
  assert.equal(changes.at(-1)?.new, `$${last / 1_000_000}.00`);
});
