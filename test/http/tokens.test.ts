import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";

const TOKENS = "/api/v2/users/me/keys/tokens";
/** After this long a token that was revoked is of no use anywhere. */
const REVOKED_WITHIN_MS = 5_000;

/** Makes a token as its user, and returns it with the user's name, ready for use. */
async function mint(server: TestServer, as: TestUser, json: object = {}): Promise<TestUser> {
  const answer = await server.send("POST", TOKENS, { as, json });
  assert.equal(answer.statusCode, 201, answer.body);
  assert.equal(answer.headers["cache-control"], "no-store");
  return { ...as, token: answer.json().key };
}

const idOf = ({ token }: TestUser): string => token.slice(0, 10);

test("a user's tokens are listed newest first, with everything but their secrets", async (t) => {
  const server = await startTestServer(t);
  const limits = { scopes: ["workspace:read", "template:*"], allow_list: ["template:*", "workspace:*"] };
  const ci = await mint(server, server.alice, { token_name: "ci", lifetime_seconds: 3_600, ...limits });
  const list = (query = "") => server.send("GET", TOKENS + query, { as: server.alice });
  const answer = await list();
  assert.equal(answer.headers["x-total-count"], "2");
  const [first, second] = answer.json();
  const { created_at, expires_at, ...rest } = first;
  assert.deepEqual(rest, {
    id: idOf(ci),
    user_id: server.alice.id,
    token_name: "ci",
    last_used: null,
    ...limits,
  });
  assert.ok(Math.abs(Date.parse(expires_at) - Date.parse(created_at) - 3_600_000) < 60_000);
  assert.deepEqual(
    [second.id, second.token_name, second.scopes, second.allow_list, second.expires_at],
    [idOf(server.alice), "test", ["all"], ["*:*"], null],
  );
  const [again] = (await list("?limit=1&offset=1")).json();
  // It is the one that lists, and that it is used is written down beside the answer.
  assert.deepEqual({ ...again, last_used: null }, { ...second, last_used: null });
  const beyond = await list("?offset=9");
  assert.deepEqual([beyond.json(), beyond.headers["x-total-count"]], [[], "2"]);
  const { rows } = await server.pool.query("select encode(hashed_secret, 'hex') as hash from api_keys");
  for (const secret of [...rows.map(({ hash }) => hash), ci.token.slice(11), server.alice.token.slice(11)]) {
    assert.ok(!answer.body.includes(secret));
  }
  const one = await server.send("GET", `/api/v2/users/alice/keys/${idOf(ci)}`, { as: server.alice });
  assert.deepEqual([one.statusCode, one.json()], [200, first]);
});

test("a token that is revoked is of no use within five seconds, and is listed no more", async (t) => {
  const server = await startTestServer(t);
  const ci = await mint(server, server.alice, { token_name: "ci" });
  const path = `/api/v2/users/me/keys/${idOf(ci)}`;
  assert.equal((await server.send("GET", path, { as: ci })).statusCode, 200);
  assert.equal((await server.send("DELETE", path, { as: server.alice })).statusCode, 204);
  server.advance(REVOKED_WITHIN_MS);
  assert.equal((await server.send("GET", path, { as: ci })).statusCode, 401);
  for (const method of ["GET", "DELETE"] as const) {
    assert.equal((await server.send(method, path, { as: server.alice })).statusCode, 404);
  }
  assert.equal((await server.send("GET", TOKENS, { as: server.alice })).json().length, 1);
});

test("the tokens of others are the site owner's business only", async (t) => {
  const server = await startTestServer(t);
  const paths = (user: TestUser) => [
    ["GET", `/api/v2/users/${user.username}/keys/tokens`],
    ["GET", `/api/v2/users/${user.username}/keys/${idOf(user)}`],
    ["POST", `/api/v2/users/${user.username}/keys/tokens`],
    ["DELETE", `/api/v2/users/${user.username}/keys/${idOf(user)}`],
  ];
  const statuses = async (as: TestUser) => {
    const seen: number[] = [];
    for (const [method, path] of paths(server.alice)) {
      seen.push((await server.send(method as "GET", path as string, { as })).statusCode);
    }
    return seen;
  };
  assert.deepEqual(await statuses(server.bob), [404, 404, 404, 404]);
  assert.deepEqual(await statuses(server.nobody), [404, 404, 404, 404]);
  for (const given of [{ siteRoles: ["user-admin"] }, { siteRoles: ["auditor"] }, { roles: ["organization-admin"] }]) {
    assert.deepEqual(await statuses(await givenUser(server, given)), [403, 404, 403, 404], JSON.stringify(given));
  }
  const path = `/api/v2/users/bob/keys/${idOf(server.alice)}`;
  assert.equal((await server.send("DELETE", path, { as: server.admin })).statusCode, 404, "alice's token is not bob's");
  assert.deepEqual(await statuses(server.admin), [200, 200, 201, 204]);
});

test("making and revoking tokens is written down without their secrets", async (t) => {
  const server = await startTestServer(t);
  const limits = { scopes: ["workspace:read"], allow_list: ["*:*"] };
  const ci = await mint(server, server.alice, { token_name: "ci", ...limits });
  await server.send("DELETE", `/api/v2/users/alice/keys/${idOf(ci)}`, { as: server.admin });
  const { rows } = await server.pool.query(
    "select user_id, action, resource_type, resource_id, resource_target, diff from audit_logs order by id",
  );
  const about = { resource_type: "api_key", resource_id: idOf(ci), resource_target: "alice/ci" };
  const fields = Object.entries({ user_id: server.alice.id, token_name: "ci", ...limits });
  const diff = (at: (value: unknown) => object) => Object.fromEntries(fields.map(([key, value]) => [key, at(value)]));
  assert.deepEqual(rows, [
    {
      ...about,
      user_id: server.alice.id,
      action: "create",
      diff: diff((value) => ({ old: null, new: value })),
    },
    {
      ...about,
      user_id: server.admin.id,
      action: "delete",
      diff: diff((value) => ({ old: value, new: null })),
    },
  ]);
  assert.ok(!JSON.stringify(rows).includes(ci.token.slice(11)));
});

test("a token that cannot be is refused with a sentence for each wrong entry", async (t) => {
  const server = await startTestServer(t);
  const cases: readonly [json: unknown, field: string, says: RegExp][] = [
    [{ scopes: ["workspace:read", "workspaces:read"] }, "scopes.1", /^there is no resource type "workspaces"$/],
    [{ scopes: ["workspace:fly"] }, "scopes.0", /^workspace has no action "fly"; it has create, read/],
    [{ scopes: ["workspace"] }, "scopes.0", /^must be `all`, type:action or type:\*/],
    [{ scopes: ["*:*"] }, "scopes.0", /^must be `all`, type:action or type:\*/],
    [{ scopes: [7] }, "scopes.0", /^must be text$/],
    [{ scopes: ["x".repeat(101)] }, "scopes.0", /^must have at most 100 characters$/],
    [{ scopes: "all" }, "scopes", /^must be a list of words$/],
    [{ scopes: null }, "scopes", /^must be a list of words$/],
    [{ scopes: [] }, "scopes", /^must have at least one entry/],
    [{ scopes: Array(101).fill("all") }, "scopes", /^must have at most 100 entries$/],
    [{ allow_list: ["template:devbox"] }, "allow_list.0", /^must be type:id, with a UUID as id/],
    [{ allow_list: ["box:*"] }, "allow_list.0", /^there is no resource type "box"$/],
    [{ allow_list: ["*"] }, "allow_list.0", /^must be type:id/],
    [{ allow_list: [] }, "allow_list", /^must have at least one entry/],
    [{ token_name: "x".repeat(65) }, "token_name", /^must have at most 64 characters$/],
    [{ lifetime_seconds: 0 }, "lifetime_seconds", /^at least 1 second$/],
    [{ scope: "all" }, "scope", /^there is no such field$/],
  ];
  for (const [json, field, says] of cases) {
    const answer = await server.send("POST", TOKENS, { as: server.alice, json });
    assert.equal(answer.statusCode, 400, `${JSON.stringify(json).slice(0, 80)}: ${answer.body}`);
    const [wrong] = answer.json().validations;
    assert.equal(wrong.field, field);
    assert.match(wrong.detail, says);
  }
  const both = { scopes: ["a:b", "all", "c:d"], allow_list: ["e:*"] };
  const answer = await server.send("POST", TOKENS, { as: server.alice, json: both });
  const named = answer.json().validations.map(({ field }: { field: string }) => field);
  assert.deepEqual(named, ["scopes.0", "scopes.2", "allow_list.0"]);
});

test("a token cannot make one that reaches further than itself", async (t) => {
  const server = await startTestServer(t);
  const id = randomUUID();
  const held = await mint(server, server.admin, {
    scopes: ["api_key:*", "workspace:read", "template:*"],
    allow_list: ["api_key:*", `template:${id}`],
  });
  const make = async (json: object, user = "me") => {
    const path = `/api/v2/users/${user}/keys/tokens`;
    const answer = await server.send("POST", path, { as: held, json });
    return answer.statusCode === 201 ? 201 : [answer.statusCode, answer.json().message];
  };
  const says =
    "a token cannot make one that reaches further than itself: give it scopes and an allow_list that are within yours";
  const within = { scopes: ["workspace:read"], allow_list: [`template:${id.toUpperCase()}`] };
  assert.equal(await make(within), 201);
  assert.equal(await make({ ...within, scopes: ["template:use", "api_key:create"] }), 201);
  for (const json of [
    {},
    { scopes: within.scopes },
    { allow_list: within.allow_list },
    { ...within, scopes: ["workspace:update"] },
    { ...within, scopes: ["workspace:*"] },
    { ...within, scopes: ["workspace:read", "all"] },
    { ...within, allow_list: ["template:*"] },
    { ...within, allow_list: ["*:*"] },
    { ...within, allow_list: [`workspace:${id}`] },
  ]) {
    assert.deepEqual(await make(json), [403, says], JSON.stringify(json));
  }
  assert.equal(((await make({}, "alice")) as unknown[])[0], 403, "for somebody else either");
});
