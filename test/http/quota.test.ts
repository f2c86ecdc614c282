import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { commitCost } from "../../src/quota/commit.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { CALLERS } from "./callers.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenPrebuild, givenTemplate, givenWorkspace } from "./world.ts";

const pathOf = (user: string, organization = "default") =>
  `/api/v2/organizations/${organization}/members/${user}/workspace-quota`;

/** Lets everybody in the default organization spend this much. */
async function allowEveryone(server: TestServer, quota_allowance: number): Promise<void> {
  const path = `/api/v2/groups/${server.defaultOrganizationId}`;
  const answer = await server.send("PATCH", path, { as: server.admin, json: { quota_allowance } });
  assert.equal(answer.statusCode, 200, answer.body);
}

/** Asks for a quota. */
async function ask(server: TestServer, as: TestUser, user = "me", organization?: string) {
  const answer = await server.send("GET", pathOf(user, organization), { as });
  return [answer.statusCode, answer.statusCode === 200 ? answer.json() : answer.json().message];
}

describe("a member's quota", () => {
  it("is what their groups allow and what their workspaces cost, which each build shows, too", async (t) => {
    const server = await startTestServer(t);
    assert.deepEqual(await ask(server, server.alice), [200, { credits_consumed: 0, budget: 0 }]);
    await allowEveryone(server, 20);
    const template = await givenTemplate(server);
    const { id, buildId } = await givenWorkspace(server, {
      ownerId: server.alice.id,
      name: "dev",
      template,
      job: "running",
    });
    assert.equal(await commitCost(server.pool, buildId, 12), undefined);
    assert.deepEqual(await ask(server, server.alice), [200, { credits_consumed: 12, budget: 20 }]);
    const shown = await server.send("GET", `/api/v2/workspaces/${id}`, { as: server.alice });
    assert.equal(shown.json().latest_build.daily_cost, 12);
    const build = await server.send("GET", `/api/v2/workspacebuilds/${buildId}`, { as: server.alice });
    assert.equal(build.json().daily_cost, 12);
  });

  it("is shown to the member and to who may see who is in which group", async (t) => {
    const server = await startTestServer(t);
    const { alice } = server;
    assert.equal((await ask(server, alice, "alice"))[0], 200);
    const seen: string[] = [];
    for (const [name, roles] of Object.entries(CALLERS)) {
      const [status, answer] = await ask(server, await givenUser(server, roles), "alice");
      if (status === 200) seen.push(name);
      else assert.deepEqual([status, answer], [404, "what you asked for does not exist, or you may not see it"], name);
    }
    assert.deepEqual(
      seen,
      Object.keys(CALLERS).filter((name) => name !== "member"),
    );
    assert.equal((await ask(server, server.bob, "alice"))[0], 404);
    assert.equal((await ask(server, server.admin, "bob"))[0], 404, "bob is no member of that organization");
    assert.equal((await ask(server, server.admin, "bob", "other"))[0], 200);
  });

  it("is shown of the user prebuilds, too, which needs one", async (t) => {
    const server = await startTestServer(t);
    await allowEveryone(server, 5);
    const author = await givenUser(server, { roles: ["organization-template-admin"] });
    const quota = { credits_consumed: 0, budget: 5 };
    assert.deepEqual(await ask(server, author, PREBUILDS_SYSTEM_USER_ID), [200, quota]);
  });
});

it("a request for a workspace whose prebuild its owner cannot afford is a conflict that says so", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenPrebuild(server, template);
  await server.pool.query("update workspaces set daily_cost = 8 where id = $1", [id]);
  const path = "/api/v2/organizations/default/members/me/workspaces";
  const json = { name: "mine", template_id: template.id, template_version_preset_id: template.smallId };
  const refused = await server.send("POST", path, { as: server.alice, json });
  assert.equal(refused.statusCode, 409, refused.body);
  assert.match(refused.json().message, /^the workspace would cost 8 a day; of the budget of 0 /);
  await allowEveryone(server, 8);
  const answer = await server.send("POST", path, { as: server.alice, json });
  assert.deepEqual([answer.statusCode, answer.json().claimed, answer.json().id], [201, true, id]);
});
