import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { listGroups } from "../../src/organizations/group-store.ts";
import { newEntries } from "./effects.ts";
import { givenUser, startTestServer, type TestServer } from "./server.ts";

const GROUPS = "/api/v2/organizations/default/groups";

const create = (server: TestServer, json: unknown) => server.send("POST", GROUPS, { as: server.admin, json });
const change = (server: TestServer, id: string, json: unknown) =>
  server.send("PATCH", `/api/v2/groups/${id}`, { as: server.admin, json });
const remove = (server: TestServer, id: string) => server.send("DELETE", `/api/v2/groups/${id}`, { as: server.admin });

/** A group of the default organization; returns its id. */
async function givenGroup(server: TestServer, name = "crew"): Promise<string> {
  const { id } = (await create(server, { name })).json();
  await newEntries(server);
  return id;
}

/** The names in the answer to a list of groups, and how many there are in all. */
async function list(server: TestServer, query = "", as = server.admin): Promise<[string[], unknown]> {
  const answer = await server.send("GET", `${GROUPS}?${query}`, { as });
  assert.equal(answer.statusCode, 200, answer.body);
  return [answer.json().map(({ name }: { name: string }) => name), answer.headers["x-total-count"]];
}

describe("making a group", () => {
  it("answers with it, nobody in it, and writes down who did", async (t) => {
    const server = await startTestServer(t);
    const settings = {
      name: "crew",
      display_name: "The Crew",
      avatar_url: "https://example.com/a.png",
      quota_allowance: 7,
    };
    const answer = await create(server, settings);
    assert.equal(answer.statusCode, 201, answer.body);
    const { id, created_at, updated_at, ...shown } = answer.json();
    assert.equal(created_at, updated_at);
    assert.deepEqual(shown, {
      ...settings,
      source: "user",
      organization_id: server.defaultOrganizationId,
      organization_name: "default",
      organization_display_name: "",
      total_member_count: 0,
    });
    for (const path of [`/api/v2/groups/${id}`, `${GROUPS}/crew`]) {
      assert.deepEqual((await server.send("GET", path, { as: server.admin })).json(), answer.json(), path);
    }
    const diff = Object.fromEntries(
      Object.entries(settings).map(([field, value]) => [field, { old: null, new: value }]),
    );
    const entry = { by: "admin", action: "create", type: "group", target: "crew", diff };
    assert.deepEqual(await newEntries(server), [entry]);
  });

  it("refuses the reserved name, and one that is taken in the same organization", async (t) => {
    const server = await startTestServer(t);
    await givenGroup(server);
    for (const name of ["Everyone", "everyone"]) {
      const { statusCode, json } = await create(server, { name });
      assert.deepEqual([statusCode, json().message], [400, "the name Everyone is reserved"]);
    }
    const taken = await create(server, { name: "crew" });
    assert.deepEqual(
      [taken.statusCode, taken.json().message],
      [409, 'there is a group "crew" in this organization already'],
    );
    const path = "/api/v2/organizations/other/groups";
    const elsewhere = await server.send("POST", path, { as: server.admin, json: { name: "crew" } });
    assert.equal(elsewhere.statusCode, 201);
    assert.equal((await newEntries(server)).length, 1);
  });

  it("names each field that is wrong", async (t) => {
    const server = await startTestServer(t);
    for (const [json, field] of [
      [{}, "name"],
      [{ name: "a b" }, "name"],
      [{ name: "x".repeat(33) }, "name"],
      [{ name: "a", quota_allowance: -1 }, "quota_allowance"],
      [{ name: "a", quota_allowance: 1.5 }, "quota_allowance"],
      [{ name: "a", quota_allowance: 2_147_483_648 }, "quota_allowance"],
      [{ name: "a", quota_allowance: "7" }, "quota_allowance"],
      [{ name: "a", display_name: "x".repeat(65) }, "display_name"],
      [{ name: "a", avatar_url: "x".repeat(2_049) }, "avatar_url"],
      [{ name: "a", members: [] }, "members"],
      [{ name: "a", display_name: "\0" }, "display_name"],
    ] as const) {
      const answer = await create(server, json);
      assert.equal(answer.statusCode, 400, JSON.stringify(json).slice(0, 60));
      assert.equal(answer.json().validations[0].field, field);
    }
    assert.deepEqual(await list(server), [["Everyone"], "1"]);
  });
});

describe("the list of groups", () => {
  it("comes in pages, in the order of the names, with how many there are in all and in each", async (t) => {
    const server = await startTestServer(t);
    for (const name of ["b", "A", "Zz"]) await givenGroup(server, name);
    assert.deepEqual(await list(server), [["A", "b", "Everyone", "Zz"], "4"]);
    assert.deepEqual(await list(server, "limit=2&offset=1"), [["b", "Everyone"], "4"]);
    assert.deepEqual(await list(server, "offset=4"), [[], "4"]);
    const counts = async (query: string) =>
      (await server.send("GET", `${GROUPS}?${query}`, { as: server.admin }))
        .json()
        .map((group: { total_member_count: number }) => group.total_member_count);
    assert.deepEqual(await counts(""), [0, 0, 2, 0], "the system user does not count");
    assert.deepEqual(await counts("include_system=true"), [0, 0, 3, 0]);
  });

  it("has only those that the token may be used on", async (t) => {
    const server = await startTestServer(t);
    const crew = await givenGroup(server);
    await givenGroup(server, "others");
    const allowList = [`organization:${server.defaultOrganizationId}`, `group:${crew}`];
    for (const rights of [{ siteRoles: ["owner"] }, {}]) {
      const limited = await givenUser(server, { ...rights, allowList });
      assert.deepEqual(await list(server, "", limited), [["crew"], "1"]);
    }
  });

  it("has one's own groups where no role shows any", async (t) => {
    const server = await startTestServer(t);
    const crew = await givenGroup(server);
    await givenGroup(server, "others");
    const nothing = {
      everything: false,
      userId: server.alice.id,
      organizationIds: [],
      ownIn: [],
      own: false,
      shared: { withUser: false, withGroups: [], groupsIn: [] },
      ids: null,
    };
    const own = { byRole: nothing, own: [crew, server.defaultOrganizationId, server.otherOrganizationId] };
    const page = { limit: 10, offset: 0, includeSystem: false };
    const { groups, total } = await listGroups(server.pool, server.defaultOrganizationId, own, page);
    assert.deepEqual([groups.map(({ name }) => name), total], [["crew", "Everyone"], 2]);
  });
});

describe("one group", () => {
  it("is found by its id or its name in its own organization, and otherwise not", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server);
    const everyone = `/api/v2/groups/${server.defaultOrganizationId}?include_system=true`;
    assert.equal((await server.send("GET", everyone, { as: server.admin })).json().total_member_count, 3);
    for (const path of [
      "/api/v2/organizations/other/groups/crew",
      `${GROUPS}/CREW`,
      `${GROUPS}/gone`,
      `/api/v2/groups/${randomUUID()}`,
      `/api/v2/groups/${server.admin.id}`,
    ]) {
      assert.equal((await server.send("GET", path, { as: server.admin })).statusCode, 404, path);
    }
    for (const path of [`/api/v2/groups/${id}`, `${GROUPS}/crew`, `/api/v2/groups/${id}/members`]) {
      assert.equal((await server.send("GET", path, { as: server.bob })).statusCode, 404, path);
    }
    for (const path of ["/api/v2/groups/crew", "/api/v2/groups/%27"]) {
      const { statusCode } = await server.send("GET", path, { as: server.admin });
      assert.equal(statusCode, 404, path);
    }
  });
});

describe("changing a group", () => {
  it("changes what is named and nothing else, and writes down the difference", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server);
    server.advance(60_000);
    const before = (await change(server, id, {})).json();
    const answer = await change(server, id, { name: "team", quota_allowance: 9 });
    const { updated_at, ...shown } = answer.json();
    const { updated_at: earlier, ...unchanged } = before;
    assert.ok(updated_at > earlier);
    assert.deepEqual(shown, { ...unchanged, name: "team", quota_allowance: 9 });
    const diff = { name: { old: "crew", new: "team" }, quota_allowance: { old: 0, new: 9 } };
    assert.deepEqual(await newEntries(server), [{ by: "admin", action: "write", type: "group", target: "team", diff }]);
  });

  it("writes nothing when nothing changes", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server);
    const { updated_at } = (await change(server, id, {})).json();
    server.advance(60_000);
    for (const json of [{}, { name: "crew" }, { quota_allowance: 0, add_users: [], remove_users: [server.alice.id] }]) {
      const answer = await change(server, id, json);
      assert.deepEqual([answer.statusCode, answer.json().updated_at], [200, updated_at]);
    }
    assert.deepEqual(await newEntries(server), []);
  });

  it("refuses a name that is taken or reserved", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server);
    await givenGroup(server, "team");
    assert.equal((await change(server, id, { name: "team" })).statusCode, 409);
    assert.equal((await change(server, id, { name: "everyone" })).statusCode, 400);
    assert.deepEqual(await newEntries(server), []);
  });
});

describe("deleting a group", () => {
  it("leaves its members in the organization, and is written down", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server);
    await change(server, id, { add_users: [server.alice.id] });
    await newEntries(server);
    const answer = await remove(server, id);
    assert.deepEqual([answer.statusCode, answer.body], [204, ""]);
    assert.equal((await remove(server, id)).statusCode, 404);
    assert.deepEqual(await list(server, "", server.alice), [["Everyone"], "1"]);
    const [entry, ...others] = await newEntries(server);
    assert.deepEqual(
      [entry?.action, entry?.target, entry?.diff["name"]],
      ["delete", "crew", { old: "crew", new: null }],
    );
    assert.deepEqual(others, []);
  });
});

describe("the group Everyone", () => {
  it("cannot be renamed, deleted or have its members changed, and says why", async (t) => {
    const server = await startTestServer(t);
    const id = server.defaultOrganizationId;
    for (const [answer, says] of [
      [await change(server, id, { name: "all" }), "the group Everyone cannot be renamed; give it another display name"],
      [
        await change(server, id, { add_users: [server.bob.id] }),
        "the group Everyone holds all members of default; add or remove members of the organization",
      ],
      [
        await change(server, id, { remove_users: [server.alice.id], quota_allowance: 5 }),
        "the group Everyone holds all members of default; add or remove members of the organization",
      ],
      [await remove(server, id), "the group Everyone holds all members, and cannot be deleted"],
    ] as const) {
      assert.deepEqual([answer.statusCode, answer.json().message], [400, says]);
    }
    assert.deepEqual(await newEntries(server), []);
  });

  it("can be given an allowance and another display name", async (t) => {
    const server = await startTestServer(t);
    const json = { name: "Everyone", display_name: "All of us", quota_allowance: 5 };
    const answer = await change(server, server.defaultOrganizationId, json);
    assert.equal(answer.statusCode, 200);
    const { name, display_name, quota_allowance } = answer.json();
    assert.deepEqual({ name, display_name, quota_allowance }, json);
  });
});
