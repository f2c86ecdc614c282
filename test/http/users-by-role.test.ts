import assert from "node:assert/strict";
import { test } from "node:test";
import { givenUser, startTestServer, type TestUser } from "./server.ts";

/** Whoever holds these roles may do everything to users, is told that they may not, or does not see other users. */
const HOLDERS = [
  { name: "owner", siteRoles: ["owner"], may: "all" },
  { name: "user-admin", siteRoles: ["user-admin"], may: "all" },
  { name: "user-admin who is a member of nothing", siteRoles: ["user-admin"], organization: null, may: "all" },
  { name: "template-admin", siteRoles: ["template-admin"], may: "see" },
  { name: "auditor", siteRoles: ["auditor"], may: "see" },
  { name: "organization-admin", roles: ["organization-admin"], may: "see" },
  { name: "organization-user-admin", roles: ["organization-user-admin"], may: "see" },
  { name: "organization-auditor", roles: ["organization-auditor"], may: "see" },
  { name: "organization-template-admin", roles: ["organization-template-admin"], may: "nothing" },
  {
    name: "organization-workspace-creation-ban",
    roles: ["organization-workspace-creation-ban"],
    may: "nothing",
  },
  { name: "member", may: "nothing" },
  { name: "member of nothing", organization: null, may: "nothing" },
] as const;

const STATUS = { all: [200, 201, 204], see: [403], nothing: [404] };

for (const { name, may, ...roles } of HOLDERS) {
  test(`${name}: may do ${may} with users`, async (t) => {
    const server = await startTestServer(t);
    const as = await givenUser(server, roles);
    const target = await givenUser(server);
    const path = `/api/v2/users/${target.username}`;
    const json = { username: "new", email: "new@example.com" };
    const created = await server.send("POST", "/api/v2/users", { as, json });
    assert.equal(created.statusCode, may === "all" ? 201 : 403, created.body);
    for (const [method, at, body] of [
      ["PUT", "/profile", { name: "Somebody" }],
      ["PUT", "/status/suspend", {}],
      ["PUT", "/status/activate", {}],
      ["PUT", "/status/dormant", {}],
      ["PUT", "/login-type", { login_type: "none" }],
      ["DELETE", "", {}],
    ] as const) {
      const answer = await server.send(method, path + at, { as, json: body });
      assert.ok(STATUS[may].includes(answer.statusCode), `${method} ${at}: ${answer.statusCode} ${answer.body}`);
    }
  });
}

test("what is done to users is written down: who did it, to whom, and what is different", async (t) => {
  const server = await startTestServer(t);
  const as = server.admin;
  const json = { username: "carl", email: "carl@example.com", roles: ["auditor"] };
  const { id } = (await server.send("POST", "/api/v2/users", { as, json })).json();
  for (const [method, at, body] of [
    ["PUT", "/profile", { username: "charles", name: "Charles" }],
    ["PUT", "/profile", { username: "charles" }],
    ["PUT", "/status/suspend", {}],
    ["PUT", "/status/suspend", {}],
    ["PUT", "/roles", { roles: ["template-admin"] }],
    ["PUT", "/roles", { roles: ["member", "template-admin"] }],
    ["PUT", "/login-type", { login_type: "none" }],
    ["DELETE", "", {}],
  ] as const) {
    const answer = await server.send(method, `/api/v2/users/${id}${at}`, { as, json: body });
    assert.ok(answer.statusCode < 300, `${method} ${at}: ${answer.body}`);
  }
  const { rows } = await server.pool.query(
    `select action, resource_type as type, resource_target as target, organization_id as organization, diff
      from audit_logs where resource_id = $1 and user_id = $2 order by id`,
    [id, as.id],
  );
  const diff = (old: object, now: object) =>
    Object.fromEntries(
      Object.keys({ ...old, ...now }).map((key) => [
        key,
        { old: (old as Record<string, unknown>)[key] ?? null, new: (now as Record<string, unknown>)[key] ?? null },
      ]),
    );
  const first = {
    username: "carl",
    email: "carl@example.com",
    name: "",
    status: "active",
    login_type: "token",
    roles: ["auditor"],
  };
  const last = {
    ...first,
    username: "charles",
    name: "Charles",
    status: "suspended",
    login_type: "none",
    roles: ["template-admin"],
  };
  const entry = (action: string, target: string, changed: object) => ({
    action,
    type: "user",
    target,
    organization: null,
    diff: changed,
  });
  assert.deepEqual(rows, [
    entry("create", "carl", diff({}, first)),
    {
      ...entry("create", "carl", diff({}, { username: "carl", roles: [] })),
      type: "organization_member",
      organization: server.defaultOrganizationId,
    },
    entry("write", "charles", diff({ username: "carl", name: "" }, { username: "charles", name: "Charles" })),
    entry("write", "charles", diff({ status: "active" }, { status: "suspended" })),
    entry("write", "charles", diff({ roles: ["auditor"] }, { roles: ["template-admin"] })),
    entry("write", "charles", diff({ login_type: "token" }, { login_type: "none" })),
    entry("delete", "charles", diff(last, {})),
  ]);
});

test("who may see all users is told which roles there are, and which of them they may give", async (t) => {
  const server = await startTestServer(t);
  const roles = async (as: TestUser) => {
    const answer = await server.send("GET", "/api/v2/users/roles", { as });
    return answer.statusCode === 200
      ? answer.json().map(({ name, assignable }: { name: string; assignable: boolean }) => [name, assignable])
      : answer.statusCode;
  };
  const all = (assignable: boolean) =>
    ["owner", "auditor", "template-admin", "user-admin"].map((name) => [name, assignable]);
  assert.deepEqual(await roles(server.admin), all(true));
  assert.deepEqual(await roles(await givenUser(server, { siteRoles: ["user-admin"], organization: null })), all(false));
  assert.deepEqual(await roles(await givenUser(server, { roles: ["organization-admin"] })), all(false));
  assert.deepEqual(await roles(server.alice), all(false));
  assert.equal(await roles(server.nobody), 403);
  const scopes = ["assign_role:read", "assign_role:assign"];
  assert.deepEqual(await roles(await givenUser(server, { siteRoles: ["owner"], scopes })), all(false));
  const [first] = (await server.send("GET", "/api/v2/users/roles", { as: server.admin })).json();
  assert.deepEqual(first, { name: "owner", display_name: "Owner", built_in: true, assignable: true });
});

test("giving a role needs the right to assign, taking one the right to unassign, and both the role itself", async (t) => {
  const server = await startTestServer(t);
  const target = await givenUser(server, { siteRoles: ["auditor"] });
  const set = async (as: TestUser, roles: string[]) => {
    const answer = await server.send("PUT", `/api/v2/users/${target.id}/roles`, { as, json: { roles } });
    return [answer.statusCode, answer.json().message ?? answer.json().roles.map(({ name }: { name: string }) => name)];
  };
  const owner = (...scopes: string[]) => givenUser(server, { siteRoles: ["owner"], scopes: ["user:*", ...scopes] });
  const lacks = (right: string) => `you are not allowed to do this: it needs the right assign_role:${right}`;
  const userAdmin = await givenUser(server, { siteRoles: ["user-admin"] });
  assert.deepEqual(await set(await owner(), []), [403, lacks("assign")]);
  assert.deepEqual(await set(await owner("assign_role:assign"), []), [403, lacks("unassign")]);
  assert.deepEqual(await set(await owner("assign_role:unassign"), ["auditor", "owner"]), [403, lacks("assign")]);
  assert.deepEqual(await set(server.alice, []), [404, "what you asked for does not exist, or you may not see it"]);
  assert.deepEqual(await set(await givenUser(server, { siteRoles: ["template-admin"] }), []), [403, lacks("assign")]);
  for (const roles of [["auditor", "user-admin"], []]) {
    const [status, message] = await set(userAdmin, roles);
    assert.deepEqual(
      [status, message],
      [403, `${target.username} has the role auditor; only who may give and take that may do this`],
    );
  }
  assert.deepEqual(await set(server.admin, ["user-admin", "auditor", "user-admin"]), [200, ["auditor", "user-admin"]]);
  assert.deepEqual(await set(server.admin, ["member"]), [200, []]);
  assert.deepEqual(await set(userAdmin, ["owner"]), [403, "you may neither give nor take the role owner"]);
});

test("who makes a user with roles must be able to give them", async (t) => {
  const server = await startTestServer(t);
  const create = async (as: TestUser, username: string, roles: string[]) => {
    const json = { username, email: `${username}@example.com`, roles };
    return (await server.send("POST", "/api/v2/users", { as, json })).statusCode;
  };
  const userAdmin = await givenUser(server, { siteRoles: ["user-admin"] });
  assert.equal(await create(userAdmin, "a", ["owner"]), 403);
  assert.equal(await create(userAdmin, "a", ["member"]), 201);
  const scopes = ["user:create", "organization_member:create", "organization:read"];
  const limited = await givenUser(server, { siteRoles: ["owner"], scopes });
  assert.equal(await create(limited, "b", ["auditor"]), 403);
  assert.equal(await create(limited, "b", []), 201);
  assert.equal(await create(server.admin, "c", ["owner"]), 201);
});
