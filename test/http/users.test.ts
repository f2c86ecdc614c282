import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";

const USERS = "/api/v2/users";

type Listed = { readonly users: { readonly username: string }[]; readonly count: number };

/** The usernames that a list shows, and how many there are in all. */
async function listed(server: TestServer, query: string, as: TestUser = server.admin) {
  const { users, count } = (await server.send("GET", `${USERS}?${query}`, { as })).json() as Listed;
  return [users.map(({ username }) => username), count];
}

async function create(server: TestServer, json: object, as: TestUser = server.admin) {
  return server.send("POST", USERS, { as, json });
}

test("users are found by a part of their username or e-mail address, and by their status", async (t) => {
  const server = await startTestServer(t);
  await create(server, { username: "Malice", email: "m_@corp.example" });
  await server.pool.query("update users set status = 'suspended' where username = 'bob'");
  assert.deepEqual(await listed(server, "q=ALIC"), [["alice", "Malice"], 2]);
  assert.deepEqual(await listed(server, "q=alic&limit=1&offset=1"), [["Malice"], 2]);
  assert.deepEqual(await listed(server, "q=corp.ex"), [["Malice"], 1]);
  for (const wildcard of ["%25", "al_ce", "%5C"]) assert.deepEqual(await listed(server, `q=${wildcard}`), [[], 0]);
  assert.deepEqual(await listed(server, "q=_"), [["Malice"], 1]);
  assert.deepEqual(await listed(server, "status=suspended"), [["bob"], 1]);
  assert.deepEqual(await listed(server, "status=active&q=b"), [["nobody"], 1]);
  assert.deepEqual(await listed(server, "q=prebuilds"), [[], 0]);
  assert.deepEqual(await listed(server, "q=prebuilds&include_system=true"), [["prebuilds"], 1]);
  assert.deepEqual(await listed(server, "q=bob", server.alice), [[], 0]);
  assert.deepEqual(await listed(server, "q=example", server.alice), [["alice"], 1]);
  for (const query of ["status=asleep", `q=${"x".repeat(255)}`, "include_system=maybe"]) {
    const answer = await server.send("GET", `${USERS}?${query}`, { as: server.admin });
    assert.deepEqual([answer.statusCode, answer.json().validations[0].field], [400, query.split("=")[0]]);
  }
});

test("who is a member of nothing lists nobody, unless a role lets them see everybody", async (t) => {
  const server = await startTestServer(t);
  assert.equal((await server.send("GET", USERS, { as: server.nobody })).statusCode, 403);
  const auditor = await givenUser(server, { siteRoles: ["auditor"], organization: null });
  assert.equal((await server.send("GET", USERS, { as: auditor })).json().count, 5);
});

test("a new user is a member of the organizations that are named, or else of the default one", async (t) => {
  const server = await startTestServer(t);
  const { defaultOrganizationId: ours, otherOrganizationId: theirs } = server;
  const made = async (username: string, rest: object = {}) => {
    const answer = await create(server, { username, email: `${username}@example.com`, ...rest });
    assert.equal(answer.statusCode, 201, answer.body);
    return answer.json();
  };
  const { id, created_at, updated_at, ...carl } = await made("Carl", { name: "Carl C.", roles: ["auditor"] });
  assert.deepEqual(carl, {
    username: "Carl",
    email: "Carl@example.com",
    name: "Carl C.",
    status: "active",
    login_type: "token",
    roles: [{ name: "auditor" }],
    organization_ids: [ours],
    is_system: false,
    last_seen_at: null,
  });
  assert.deepEqual((await server.send("GET", `${USERS}/${id}`, { as: server.admin })).json(), {
    ...carl,
    id,
    created_at,
    updated_at,
  });
  assert.deepEqual((await made("two", { organization_ids: [theirs.toUpperCase(), ours, ours] })).organization_ids, [
    ours,
    theirs,
  ]);
  assert.deepEqual((await made("none", { organization_ids: [], login_type: "none" })).organization_ids, []);
});

test("who makes a user must see the organizations that it joins, and be allowed to add members there", async (t) => {
  const server = await startTestServer(t);
  const json = (...organization_ids: string[]) => ({ username: "new", email: "new@example.com", organization_ids });
  const unknown = await create(server, json(server.defaultOrganizationId, randomUUID()));
  assert.deepEqual(
    [unknown.statusCode, unknown.json().validations],
    [400, [{ field: "organization_ids.1", detail: "there is no such organization, or you may not see it" }]],
  );
  const given = { siteRoles: ["user-admin"] };
  const blind = await givenUser(server, { ...given, scopes: ["user:create"] });
  assert.equal((await create(server, json(server.otherOrganizationId), blind)).statusCode, 400);
  const seeing = await givenUser(server, { ...given, scopes: ["user:create", "organization:read"] });
  const refused = await create(server, json(server.otherOrganizationId), seeing);
  assert.deepEqual(
    [refused.statusCode, refused.json().message],
    [403, "you are not allowed to do this: it needs the right organization_member:create"],
  );
  assert.equal((await create(server, json(), blind)).statusCode, 201);
});

test("a username or an e-mail address that is taken, in any case, is a conflict, and nothing is made", async (t) => {
  const server = await startTestServer(t);
  for (const [json, says] of [
    [{ username: "ALICE", email: "new@example.com" }, 'there is a user "ALICE" already'],
    [
      { username: "new", email: "Alice@example.com" },
      'there is a user with the email address "Alice@example.com" already',
    ],
  ] as const) {
    const answer = await create(server, json);
    assert.deepEqual([answer.statusCode, answer.json().message], [409, says]);
  }
  const renamed = await server.send("PUT", `${USERS}/bob/profile`, { as: server.admin, json: { username: "Alice" } });
  assert.deepEqual([renamed.statusCode, renamed.json().message], [409, 'there is a user "Alice" already']);
  const { rows } = await server.pool.query("select count(*)::int as count from audit_logs");
  assert.equal(rows[0].count, 0);
});

test("what is not a user is refused, and every wrong field is named", async (t) => {
  const server = await startTestServer(t);
  const good = { username: "carl", email: "carl@example.com" };
  const cases: readonly [body: unknown, fields: string[]][] = [
    [{}, ["email", "username"]],
    [[], ["body"]],
    [{ ...good, username: 5, email: null }, ["email", "username"]],
    [{ ...good, colour: "red", is_system: true, status: "active" }, ["colour", "is_system", "status"]],
    [{ ...good, roles: ["owner", "root"] }, ["roles.1"]],
    [{ ...good, roles: "owner" }, ["roles"]],
    [{ ...good, roles: Array(17).fill("owner") }, ["roles"]],
    [{ ...good, organization_ids: ["default"] }, ["organization_ids.0"]],
    [{ ...good, login_type: "password" }, ["login_type"]],
    [{ ...good, name: "x".repeat(129) }, ["name"]],
    ...["", "a@", "@b", "a b@c", "a@b@c", `${"a".repeat(250)}@b.example`].map((email): [unknown, string[]] => [
      { ...good, email },
      ["email"],
    ]),
    ...["", "a b", "-a", "a-", "a--b", "ä", "a/b", "a_b", "a@b", "a".repeat(33), "me", "Roles", "PREBUILDS"].map(
      (username): [unknown, string[]] => [{ ...good, username }, ["username"]],
    ),
  ];
  for (const [json, fields] of cases) {
    const answer = await server.send("POST", USERS, { as: server.admin, json });
    assert.equal(answer.statusCode, 400, `${JSON.stringify(json)}: ${answer.body}`);
    const named = answer.json().validations.map(({ field }: { field: string }) => field);
    assert.deepEqual([...new Set(named)].sort(), fields, JSON.stringify(json));
  }
  for (const [path, json] of [
    ["profile", { username: "me" }],
    ["profile", { username: null }],
    ["profile", { email: "new@example.com" }],
    ["roles", {}],
    ["roles", { roles: null }],
    ["login-type", {}],
    ["login-type", { login_type: "github" }],
  ] as const) {
    const answer = await server.send("PUT", `${USERS}/alice/${path}`, { as: server.admin, json });
    assert.equal(answer.statusCode, 400, `${path}: ${answer.body}`);
  }
});

test("text that PostgreSQL cannot hold as it is does no harm", async (t) => {
  const server = await startTestServer(t);
  const headers = { "content-type": "application/json" };
  const payload = '{"username": "carl", "email": "c\\ud800@example.com", "name": "half \\udc00"}';
  const answer = await server.send("POST", USERS, { as: server.admin, headers, payload });
  assert.deepEqual([answer.statusCode, answer.json().name], [201, "half \ufffd"]);
});

test("everybody changes their own username and name, and nobody else's", async (t) => {
  const server = await startTestServer(t);
  const put = (user: string, json: object, as: TestUser) =>
    server.send("PUT", `${USERS}/${user}/profile`, { as, json });
  const renamed = await put("me", { username: "alicia", name: "Alice A." }, server.alice);
  assert.deepEqual([renamed.statusCode, renamed.json().username, renamed.json().name], [200, "alicia", "Alice A."]);
  assert.equal((await put("alicia", { name: "" }, server.alice)).json().name, "");
  assert.equal((await put("me", { username: "Nobody" }, server.nobody)).json().username, "Nobody");
  assert.equal((await put("bob", { name: "B" }, server.alice)).statusCode, 404);
  const auditor = await givenUser(server, { siteRoles: ["auditor"] });
  assert.equal((await put("bob", { name: "B" }, auditor)).statusCode, 403);
  assert.equal((await put("me", { name: "Auditor" }, auditor)).statusCode, 200);
  const reader = await givenUser(server, { scopes: ["user:read"] });
  assert.equal((await put("me", { name: "Reader" }, reader)).statusCode, 403);
});

test("saying what is so already changes nothing, not even the time of the last change", async (t) => {
  const server = await startTestServer(t);
  const before = (await server.send("GET", `${USERS}/alice`, { as: server.admin })).json();
  for (const [path, json] of [
    ["profile", {}],
    ["profile", { username: "alice" }],
    ["status/activate", {}],
    ["roles", { roles: [] }],
    ["login-type", { login_type: "token" }],
  ] as const) {
    const answer = await server.send("PUT", `${USERS}/alice/${path}`, { as: server.admin, json });
    assert.deepEqual([answer.statusCode, answer.json()], [200, before], path);
  }
  const { rows } = await server.pool.query("select count(*)::int as count from audit_logs");
  assert.equal(rows[0].count, 0);
});

test("the organizations of a user are those that the caller sees, too", async (t) => {
  const server = await startTestServer(t);
  const { defaultOrganizationId: ours, otherOrganizationId: theirs } = server;
  const both = await givenUser(server);
  await server.pool.query("insert into organization_members (organization_id, user_id) values ($1, $2)", [
    theirs,
    both.id,
  ]);
  const seen = async (as: TestUser, query = "") => {
    const answer = await server.send("GET", `${USERS}/${both.id}/organizations${query}`, { as });
    if (answer.statusCode !== 200) return answer.statusCode;
    return [answer.json().map(({ name }: { name: string }) => name), answer.headers["x-total-count"]];
  };
  assert.deepEqual(await seen(server.admin), [["default", "other"], "2"]);
  assert.deepEqual(await seen(both), [["default", "other"], "2"]);
  assert.deepEqual(await seen(both, "?limit=1&offset=1"), [["other"], "2"]);
  assert.deepEqual(await seen(both, "?offset=5"), [[], "2"]);
  const theirAdmin = await givenUser(server, { organization: theirs, roles: ["organization-admin"] });
  assert.deepEqual(await seen(theirAdmin), [["other"], "1"]);
  assert.equal(await seen(server.alice), 404);
  await server.pool.query("update organizations set deleted = true where id = $1", [theirs]);
  assert.deepEqual(await seen(server.admin), [["default"], "1"]);
  const shown = (await server.send("GET", `${USERS}/me/organizations`, { as: server.alice })).json();
  assert.deepEqual([shown.length, shown[0].id, shown[0].is_default], [1, ours, true]);
  assert.deepEqual((await server.send("GET", `${USERS}/me/organizations`, { as: server.nobody })).json(), []);
});
