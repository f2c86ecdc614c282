import assert from "node:assert/strict";
import { test } from "node:test";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenPrebuild, givenTemplate } from "./world.ts";

const create = "/api/v2/organizations/default/members/me/workspaces";

/** Makes the server believe, for the next three seconds, what the token could do until now. */
async function believed(server: TestServer, user: TestUser): Promise<void> {
  assert.equal((await server.send("GET", "/api/v2/users/me", { as: user })).statusCode, 200);
}

test("a token that has just been revoked makes no other one", async (t) => {
  const server = await startTestServer(t);
  await believed(server, server.alice);
  await server.pool.query("delete from api_keys where user_id = $1", [server.alice.id]);
  const answer = await server.send("POST", "/api/v2/users/me/keys/tokens", { as: server.alice, json: {} });
  assert.equal(answer.statusCode, 401, answer.body);
});

test("who has just lost a role does not give it back to themselves", async (t) => {
  const server = await startTestServer(t);
  const second = await givenUser(server, { siteRoles: ["owner"], roles: ["organization-admin"] });
  await believed(server, second);
  await server.pool.query("update users set rbac_roles = '{}' where id = $1", [second.id]);
  await server.pool.query("update organization_members set roles = '{}' where user_id = $1", [second.id]);
  const site = await server.send("PUT", "/api/v2/users/me/roles", { as: second, json: { roles: ["owner"] } });
  assert.equal(site.statusCode, 403, site.body);
  const path = `/api/v2/organizations/default/members/${second.id}/roles`;
  const member = await server.send("PUT", path, { as: second, json: { roles: ["organization-admin"] } });
  assert.equal(member.statusCode, 403, member.body);
});

test("who has just been deleted, or removed from the organization, gets no workspace there, claimed or new", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const gone = await givenUser(server);
  const left = await givenUser(server);
  for (const user of [gone, left]) await believed(server, user);
  await server.pool.query("update users set deleted = true where id = $1", [gone.id]);
  await server.pool.query("delete from organization_members where user_id = $1", [left.id]);
  const json = { name: "dev", template_id: template.id, template_version_preset_id: template.smallId };
  for (const prebuilds of [0, 1]) {
    if (prebuilds > 0) await givenPrebuild(server, template);
    for (const user of [gone, left]) {
      const answer = await server.send("POST", create, { as: user, json });
      assert.equal(answer.statusCode, 404, answer.body);
    }
  }
  const { rowCount } = await server.pool.query("select from workspaces where owner_id in ($1, $2)", [gone.id, left.id]);
  assert.equal(rowCount, 0);
});

test("a token that ends makes none that lives longer", async (t) => {
  const server = await startTestServer(t);
  const user = await givenUser(server);
  const short = await server.send("POST", "/api/v2/users/me/keys/tokens", { as: user, json: { lifetime_seconds: 60 } });
  const holder = { ...user, token: short.json().key as string };
  for (const json of [{}, { lifetime_seconds: 86_400 }]) {
    const made = await server.send("POST", "/api/v2/users/me/keys/tokens", { as: holder, json });
    assert.equal(made.statusCode, 201, made.body);
  }
  const { rows } = await server.pool.query(
    "select expires_at from api_keys where user_id = $1 and token_name <> 'test' order by created_at",
    [user.id],
  );
  assert.equal(rows.length, 3);
  assert.equal(new Set(rows.map(({ expires_at }) => expires_at?.getTime())).size, 1);
});

test("a document that leaves no active owner is not applied", async (t) => {
  const server = await startTestServer(t);
  const json = { users: [{ username: "admin", email: "admin@localhost", roles: [] }] };
  const answer = await server.send("PUT", "/api/v2/apply", { as: server.admin, json });
  assert.equal(answer.statusCode, 409, answer.body);
  assert.match(answer.json().message, /leaves no active owner/);
  const { rows } = await server.pool.query("select rbac_roles from users where username = 'admin'");
  assert.deepEqual(rows, [{ rbac_roles: ["owner"] }]);
});

test("a repeated request shows the workspace only to a token that may read it", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const scopes = ["workspace:create", "template:read", "template:use", "organization:read"];
  const user = await givenUser(server, { scopes });
  const json = { name: "dev", template_id: template.id };
  const send = () => server.send("POST", create, { as: user, json, headers: { "idempotency-key": "k" } });
  assert.equal((await send()).statusCode, 201);
  assert.equal((await send()).statusCode, 404);
});

test("a token for one template reaches its versions, and no version by its own id", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const of = (id: string) => givenUser(server, { allowList: [`template:${id}`] });
  const path = `/api/v2/templateversions/${template.versionId}/presets`;
  assert.equal((await server.send("GET", path, { as: await of(template.id) })).statusCode, 200);
  assert.equal((await server.send("GET", path, { as: await of(template.versionId) })).statusCode, 404);
});

test("who may not see a template learns nothing of it from being refused a workspace", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  await server.pool.query("update templates set deprecated = 'a secret reason' where id = $1", [template.id]);
  const user = await givenUser(server, { scopes: ["workspace:create", "organization:read"] });
  const answer = await server.send("POST", create, { as: user, json: { name: "dev", template_id: template.id } });
  assert.equal(answer.statusCode, 404);
  assert.ok(!answer.body.includes("secret"));
});

test("a template whose prebuild somebody holds is not deleted, and whoever asks is told so soon", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenPrebuild(server, template);
  const holding = await server.pool.connect();
  t.after(() => holding.release(true));
  await holding.query("begin");
  await holding.query("select from workspaces where id = $1 for update", [id]);
  const answer = await server.send("DELETE", `/api/v2/templates/${template.id}`, { as: server.admin });
  assert.equal(answer.statusCode, 409, answer.body);
  assert.match(answer.json().message, /somebody else is just working on this/);
});
