import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { givenUser, type TestServer, type TestUser } from "./server.ts";
import { givenDev, givenGroup } from "./sharing.ts";
import { givenWorkspace } from "./world.ts";

type Answer = ReturnType<TestServer["send"]>;
type Ids = { readonly id: string; readonly buildId: string };

type Ask = (server: TestServer, as: TestUser, ids: Ids) => Answer;

const get =
  (pathOf: (ids: Ids) => string): Ask =>
  (server, as, ids) =>
    server.send("GET", `/api/v2${pathOf(ids)}`, { as });
const build =
  (transition: string): Ask =>
  (server, as, { id }) =>
    server.send("POST", `/api/v2/workspaces/${id}/builds`, { as, json: { transition } });
const change: Ask = (server, as, { id }) =>
  server.send("PUT", `/api/v2/workspaces/${id}/autoupdates`, { as, json: { automatic_updates: "always" } });
const share: Ask = (server, as, { id }) => server.send("PATCH", `/api/v2/workspaces/${id}/acl`, { as, json: {} });

/** Cancels the latest build, which is made to run again. */
const cancel: Ask = async (server, as, { id }) => {
  const { rows } = await server.pool.query("select latest_build_id as build from workspaces where id = $1", [id]);
  await server.pool.query("update provisioner_jobs set completed_at = null, canceled_at = null");
  return server.send("PATCH", `/api/v2/workspacebuilds/${rows[0].build}/cancel`, { as });
};

const READ = { use: 200, admin: 200, dormant: [200, 200] } as const;

/**
 * What is asked of a workspace and how it is answered to who has it shared in each role, also when it is dormant; to
 * others it is not there. It is in an order in which each can be done.
 */
const ROWS: readonly {
  readonly what: string;
  readonly ask: Ask;
  readonly use: number;
  readonly admin: number;
  readonly dormant: readonly [use: number, admin: number];
}[] = [
  { what: "read it", ask: get(({ id }) => `/workspaces/${id}`), ...READ },
  { what: "find it by name", ask: get(() => "/users/alice/workspace/dev"), ...READ },
  { what: "list its builds", ask: get(({ id }) => `/workspaces/${id}/builds`), ...READ },
  { what: "read a build", ask: get(({ buildId }) => `/workspacebuilds/${buildId}`), ...READ },
  { what: "find a build", ask: get(() => "/users/alice/workspace/dev/builds/1"), ...READ },
  { what: "read a log", ask: get(({ buildId }) => `/workspacebuilds/${buildId}/logs`), ...READ },
  { what: "see whom it is shared with", ask: get(({ id }) => `/workspaces/${id}/acl`), ...READ },
  { what: "stop it", ask: build("stop"), use: 201, admin: 201, dormant: [201, 201] },
  { what: "start it", ask: build("start"), use: 201, admin: 201, dormant: [403, 403] },
  { what: "change it", ask: change, use: 403, admin: 204, dormant: [403, 204] },
  { what: "cancel a build", ask: cancel, use: 403, admin: 200, dormant: [403, 200] },
  { what: "share it", ask: share, use: 403, admin: 204, dormant: [403, 403] },
  { what: "delete it", ask: build("delete"), use: 403, admin: 403, dormant: [403, 403] },
];

/** The names of the workspaces that a list shows, whose count must be right. */
async function list(server: TestServer, as: TestUser, query = ""): Promise<string[]> {
  // What is remembered of a token is believed for three seconds.
  server.advance(3_001);
  const answer = await server.send("GET", `/api/v2/workspaces?${query}`, { as });
  assert.equal(answer.statusCode, 200, answer.body);
  const { workspaces, count } = answer.json();
  assert.equal(count, workspaces.length);
  return workspaces.map(({ name }: { name: string }) => name);
}

describe("who has a workspace shared with them", () => {
  for (const [way, role, state] of [
    ["by their own id", "use", "awake"],
    ["by their own id", "use", "dormant"],
    ["by their own id", "admin", "awake"],
    ["by their own id", "admin", "dormant"],
    ["by a group", "use", "awake"],
    ["by Everyone", "admin", "awake"],
  ] as const) {
    it(`${way}, as ${role}, may do with it what the role says while it is ${state}, and nobody else may`, async (t) => {
      const { server, dev, shared } = await givenDev(t);
      const sharee = await givenUser(server);
      const outsider = way === "by Everyone" ? server.bob : await givenUser(server);
      const crew = await givenGroup(server, server.defaultOrganizationId, [sharee]);
      const group = way === "by a group" ? crew : server.defaultOrganizationId;
      await (way === "by their own id" ? shared({ [sharee.id]: role }) : shared({}, { [group]: role }));
      if (state === "dormant") {
        await server.pool.query("update workspaces set dormant_at = now() where id = $1", [dev.id]);
      }
      for (const { what, ask, dormant, ...awake } of ROWS) {
        const expected = state === "awake" ? awake[role] : dormant[role === "use" ? 0 : 1];
        await server.pool.query("update provisioner_jobs set completed_at = now(), started_at = now()");
        const refused = await ask(server, outsider, dev);
        assert.equal(refused.statusCode, 404, `${what}, as somebody else: ${refused.body}`);
        const answer = await ask(server, sharee, dev);
        assert.equal(answer.statusCode, expected, `${what}: ${answer.body}`);
      }
      assert.deepEqual(await list(server, sharee), ["dev"]);
      assert.deepEqual(await list(server, outsider), []);
    });
  }

  it("DEC-10: needs no role, and not even to be a member, where it is shared by their own id", async (t) => {
    const { server, dev } = await givenDev(t);
    await server.pool.query("update workspaces set user_acl = $2 where id = $1", [
      dev.id,
      { [server.nobody.id]: "use" },
    ]);
    const answer = await server.send("GET", `/api/v2/workspaces/${dev.id}`, { as: server.nobody });
    assert.equal(answer.statusCode, 200, answer.body);
  });

  it("DEC-11: sees it although the organization denies that to its members", async (t) => {
    const { server, dev, shared } = await givenDev(t);
    const [sharee, other] = [await givenUser(server), await givenUser(server, { roles: ["organization-admin"] })];
    await shared({ [sharee.id]: "use" });
    const denial = [{ negate: true, resource_type: "workspace", action: "read" }];
    await server.pool.query(
      "update custom_roles set org_permissions = org_permissions || $2::jsonb where organization_id = $1 and is_system",
      [server.defaultOrganizationId, JSON.stringify(denial)],
    );
    server.advance(3_001);
    const path = `/api/v2/workspaces/${dev.id}`;
    assert.equal((await server.send("GET", path, { as: sharee })).statusCode, 200);
    for (const as of [server.alice, other]) assert.equal((await server.send("GET", path, { as })).statusCode, 404);
    assert.deepEqual(await list(server, server.admin), ["dev"], "what the deployment allows, is allowed all the same");
  });

  it("DEC-12, DEC-13: by a group or by Everyone is a member of the organization", async (t) => {
    const { server, dev, shared } = await givenDev(t);
    const member = await givenUser(server);
    const crew = await givenGroup(server, server.defaultOrganizationId, [server.bob, member]);
    const path = `/api/v2/workspaces/${dev.id}`;
    for (const group of [crew, server.defaultOrganizationId]) {
      await shared({}, { [crew]: "", [server.defaultOrganizationId]: "", [group]: "use" });
      assert.equal((await server.send("GET", path, { as: member })).statusCode, 200);
      assert.equal((await server.send("GET", path, { as: server.bob })).statusCode, 404);
      assert.deepEqual([await list(server, member), await list(server, server.bob)], [["dev"], []]);
    }
  });

  it("DEC-14: sees and does with it no more than the token is for", async (t) => {
    const { server, dev, template, shared } = await givenDev(t);
    const second = await givenWorkspace(server, { ownerId: server.alice.id, name: "second", template });
    const limits = {
      reader: { scopes: ["workspace:read"] },
      other: { scopes: ["template:read", "workspace:create"] },
      second: { allowList: [`workspace:${second.id}`] },
      elsewhere: { allowList: ["template:*"] },
    };
    const holders = new Map<string, TestUser>();
    for (const [name, limit] of Object.entries(limits)) holders.set(name, await givenUser(server, limit));
    const ids = [...holders.values()].map(({ id }) => [id, "admin"]);
    await shared(Object.fromEntries(ids));
    await server.pool.query("update workspaces set group_acl = $2 where id = $1", [
      second.id,
      { [server.defaultOrganizationId]: "use" },
    ]);
    const seen = async (name: string) => {
      const as = holders.get(name) ?? assert.fail();
      const one = await server.send("GET", `/api/v2/workspaces/${dev.id}`, { as });
      const all = await server.send("GET", "/api/v2/workspaces", { as });
      const names = all.json().workspaces?.map((workspace: { name: string }) => workspace.name);
      return [one.statusCode, all.statusCode, names];
    };
    assert.deepEqual(await seen("reader"), [200, 200, ["dev", "second"]]);
    assert.deepEqual(await seen("other"), [404, 403, undefined]);
    assert.deepEqual(await seen("second"), [404, 200, ["second"]]);
    assert.deepEqual(await seen("elsewhere"), [404, 403, undefined]);
    const as = holders.get("reader") ?? assert.fail();
    assert.equal((await build("stop")(server, as, dev)).statusCode, 403);
  });

  it("finds it in lists beside their own, by owner, name and state, and dormant ones too", async (t) => {
    const { server, template, shared } = await givenDev(t);
    const sharee = await givenUser(server);
    await givenWorkspace(server, { ownerId: sharee.id, name: "own", template });
    const asleep = await givenWorkspace(server, { ownerId: server.alice.id, name: "asleep", template });
    await givenWorkspace(server, { ownerId: server.alice.id, name: "private", template });
    await server.pool.query("update workspaces set dormant_at = now(), user_acl = $2 where id = $1", [
      asleep.id,
      { [sharee.id]: "use" },
    ]);
    await shared({ [sharee.id]: "use" }, { [server.defaultOrganizationId]: "admin" });
    for (const [query, expected] of [
      ["", ["asleep", "dev", "own"]],
      ["owner=alice", ["asleep", "dev"]],
      ["owner=me", ["own"]],
      ["name=e", ["asleep", "dev"]],
      ["status=running&dormant=false", ["dev", "own"]],
      ["dormant=true", ["asleep"]],
      ["template=devbox", ["asleep", "dev", "own"]],
    ] as const) {
      assert.deepEqual(await list(server, sharee, query), expected, query);
    }
    const page = await server.send("GET", "/api/v2/workspaces?limit=1&offset=1", { as: sharee });
    assert.deepEqual([page.json().count, page.json().workspaces.length], [3, 1]);
    assert.deepEqual(await list(server, await givenUser(server)), ["dev"], "it is shared with everyone");
  });
});

describe("a workspace is no longer shared", () => {
  it("with somebody who has left the organization, and not again when they come back", async (t) => {
    const { server, template, shared, stored } = await givenDev(t);
    const [leaver, stayer] = [await givenUser(server), await givenUser(server)];
    await shared({ [leaver.id]: "use", [stayer.id]: "use" });
    const elsewhere = await givenWorkspace(server, { ownerId: server.bob.id, name: "elsewhere", template });
    await server.pool.query("update workspaces set organization_id = $2, user_acl = $3 where id = $1", [
      elsewhere.id,
      server.otherOrganizationId,
      { [leaver.id]: "use" },
    ]);
    const path = `/api/v2/organizations/default/members/${leaver.id}`;
    assert.equal((await server.send("DELETE", path, { as: server.admin })).statusCode, 204);
    assert.deepEqual((await stored()).users, { [stayer.id]: "use" });
    const { rows } = await server.pool.query("select user_acl from workspaces where id = $1", [elsewhere.id]);
    assert.deepEqual(rows, [{ user_acl: { [leaver.id]: "use" } }], "that of another organization is shared as it was");
    assert.equal((await server.send("POST", path, { as: server.admin })).statusCode, 200);
    assert.deepEqual(await list(server, leaver), ["elsewhere"]);
    assert.deepEqual(await list(server, stayer), ["dev"]);
  });

  it("with a group that has been deleted, nor with who has left a group", async (t) => {
    const { server, shared, stored } = await givenDev(t);
    const member = await givenUser(server);
    const [one, two] = [
      await givenGroup(server, server.defaultOrganizationId, [member], "one"),
      await givenGroup(server, server.defaultOrganizationId, [member], "two"),
    ];
    await shared({}, { [one]: "use", [two]: "admin" });
    assert.equal((await server.send("DELETE", `/api/v2/groups/${one}`, { as: server.admin })).statusCode, 204);
    assert.deepEqual((await stored()).groups, { [two]: "admin" });
    assert.deepEqual(await list(server, member), ["dev"]);
    const left = await server.send("PATCH", `/api/v2/groups/${two}`, {
      as: server.admin,
      json: { remove_users: [member.id] },
    });
    assert.equal(left.statusCode, 200, left.body);
    assert.deepEqual(await list(server, member), []);
  });

  it("with anybody when it is deleted together with its organization", async (t) => {
    const { server, template } = await givenDev(t);
    const made = await server.send("POST", "/api/v2/organizations", { as: server.admin, json: { name: "lab" } });
    const old = await givenWorkspace(server, { ownerId: server.admin.id, name: "old", template });
    await server.pool.query("update workspaces set organization_id = $2, deleted = true, user_acl = $3 where id = $1", [
      old.id,
      made.json().id,
      { [server.alice.id]: "use" },
    ]);
    const path = `/api/v2/workspaces/${old.id}?include_deleted=true`;
    assert.equal((await server.send("GET", path, { as: server.alice })).statusCode, 200);
    assert.equal((await server.send("DELETE", "/api/v2/organizations/lab", { as: server.admin })).statusCode, 204);
    assert.equal((await server.send("GET", path, { as: server.alice })).statusCode, 404);
  });
});
