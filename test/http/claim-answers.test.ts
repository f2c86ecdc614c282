import assert from "node:assert/strict";
import { test } from "node:test";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenPrebuild, givenTemplate } from "./world.ts";

function ask(server: TestServer, as: TestUser, json: object, user = "me") {
  return server.send("POST", `/api/v2/organizations/default/members/${user}/workspaces`, { as, json });
}

test("what is answered to a claim for somebody else, with all that can be asked for, is what is read afterwards", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  await givenPrebuild(server, template);
  const json = {
    name: "Dev",
    template_version_id: template.versionId,
    rich_parameter_values: [{ name: "size", value: "small" }],
    autostart_schedule: "CRON_TZ=Europe/Berlin 30 9 * * 1-5",
    ttl_ms: 5_400_000,
    automatic_updates: "always",
  };
  const answer = await ask(server, server.admin, json, "alice");
  assert.equal(answer.statusCode, 201, answer.body);
  const { claimed, ...shown } = answer.json();
  assert.equal(claimed, true);
  assert.deepEqual([shown.owner_name, shown.latest_build.initiator_name], ["alice", "admin"]);
  assert.deepEqual([shown.ttl_ms, shown.automatic_updates], [5_400_000, "always"]);
  assert.notEqual(shown.next_start_at, null);
  const read = await server.send("GET", `/api/v2/workspaces/${shown.id}`, { as: server.alice });
  assert.deepEqual(read.json(), shown);
});

test("a token that may create workspaces also needs the right to use the template", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  await givenPrebuild(server, template);
  const json = { name: "dev", template_id: template.id, template_version_preset_id: template.smallId };
  const scopes = ["workspace:create", "workspace:read", "organization:read"];
  const blind = await ask(server, await givenUser(server, { scopes }), json);
  assert.equal(blind.statusCode, 404, "it may not even see the template");
  const seeing = await ask(server, await givenUser(server, { scopes: [...scopes, "template:read"] }), json);
  assert.equal(seeing.statusCode, 403);
  assert.match(seeing.json().message, /template:use/);
  const using = await ask(server, await givenUser(server, { scopes: [...scopes, "template:use"] }), json);
  assert.deepEqual([using.statusCode, using.json().claimed], [201, true]);
});
