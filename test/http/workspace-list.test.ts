import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenPrebuild, givenTemplate, givenWorkspace } from "./world.ts";

async function list(server: TestServer, as: TestUser, query: string): Promise<string[]> {
  const answer = await server.send("GET", `/api/v2/workspaces?${query}`, { as });
  assert.equal(answer.statusCode, 200, answer.body);
  const names = answer.json().workspaces.map(({ name }: { name: string }) => name);
  assert.equal(answer.json().count, names.length, "the count is that of all that match");
  return names;
}

/** Two workspaces of alice's, one of them dormant and last built by the admin, and two prebuilds. */
async function given(t: TestContext) {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const awake = await givenWorkspace(server, { ownerId: server.alice.id, name: "awake", template });
  const asleep = await givenWorkspace(server, { ownerId: server.alice.id, name: "asleep", template });
  await server.pool.query("update workspaces set dormant_at = now() where id = $1", [asleep.id]);
  await server.pool.query("update workspace_builds set initiator_id = $2 where id = $1", [
    asleep.buildId,
    server.admin.id,
  ]);
  for (const name of ["prebuild-1", "prebuild-2"]) await givenPrebuild(server, template, name);
  return { server, awake, asleep };
}

test("workspaces are found by whose they are, who built them, whether they are dormant, and by id", async (t) => {
  const { server, awake, asleep } = await given(t);
  for (const [query, expected] of [
    ["", ["asleep", "awake", "prebuild-1", "prebuild-2"]],
    ["owner=prebuilds", ["prebuild-1", "prebuild-2"]],
    ["q=owner:prebuilds", ["prebuild-1", "prebuild-2"]],
    ["owner=prebuilds&status=running&template=devbox", ["prebuild-1", "prebuild-2"]],
    ["q=prebuilds/2", ["prebuild-2"]],
    ["initiator=alice", ["awake"]],
    ["q=initiator:me", ["asleep"]],
    ["initiator=prebuilds", ["prebuild-1", "prebuild-2"]],
    ["initiator=who", []],
    ["dormant=true", ["asleep"]],
    ["q=dormant:false%20owner:alice", ["awake"]],
    [`id=${awake.id}`, ["awake"]],
    [`q=id:${awake.id},${asleep.id}`, ["asleep", "awake"]],
    [`id=${awake.buildId}`, []],
    ["organization=other", []],
    ["template=devbo", []],
  ] as const) {
    assert.deepEqual(await list(server, server.admin, query), expected, query);
  }
});

test("a filter shows nobody what they may not see otherwise", async (t) => {
  const { server, asleep } = await given(t);
  for (const query of ["owner=prebuilds", "initiator=prebuilds", "name=prebuild", `id=${asleep.id}`]) {
    assert.deepEqual(await list(server, server.bob, query), [], query);
  }
  assert.deepEqual(await list(server, server.alice, "initiator=admin"), ["asleep"]);
  assert.deepEqual(await list(server, server.alice, "owner=prebuilds"), []);
  const admin = await givenUser(server, { siteRoles: ["template-admin"] });
  assert.deepEqual(await list(server, admin, "owner=prebuilds"), ["prebuild-1", "prebuild-2"]);
  assert.deepEqual(await list(server, admin, "owner=alice"), ["awake"], "dormant workspaces are not theirs to see");
});

test("a filter that means nothing is refused by its name", async (t) => {
  const { server, awake } = await given(t);
  for (const [query, field] of [
    ["q=colour:red", "q"],
    ["q=id:7", "q"],
    ["id=7", "id"],
    [`id=${awake.id},`, "id"],
    ["dormant=perhaps", "dormant"],
    ["q=dormant:perhaps", "q"],
    ["status=asleep", "status"],
  ]) {
    const answer = await server.send("GET", `/api/v2/workspaces?${query}`, { as: server.admin });
    assert.deepEqual([answer.statusCode, answer.json().validations?.[0]?.field], [400, field], query);
  }
});
