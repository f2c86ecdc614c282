import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { givenUser, type TestServer, type TestUser } from "./server.ts";
import { givenDev, givenGroup, storedLists } from "./sharing.ts";
import { givenWorkspace } from "./world.ts";

/** Writes both lists of a workspace, whatever is in them. */
async function write({ pool }: TestServer, id: string, users: unknown, groups: unknown = {}): Promise<void> {
  await pool.query("update workspaces set user_acl = $2, group_acl = $3 where id = $1", [
    id,
    JSON.stringify(users),
    JSON.stringify(groups),
  ]);
}

/** How a workspace is answered to who asks for it, and which ones the list shows. */
async function seen(server: TestServer, as: TestUser, id: string): Promise<[number, string[]]> {
  // What is remembered of a token is believed for three seconds.
  server.advance(3_001);
  const one = await server.send("GET", `/api/v2/workspaces/${id}`, { as });
  const list = await server.send("GET", "/api/v2/workspaces", { as });
  assert.equal(list.statusCode, 200, list.body);
  const { workspaces, count } = list.json();
  assert.equal(count, workspaces.length);
  return [one.statusCode, workspaces.map(({ name }: { name: string }) => name)];
}

async function join({ pool }: TestServer, organizationId: string, ...users: readonly TestUser[]): Promise<void> {
  for (const { id } of users) {
    await pool.query("insert into organization_members (organization_id, user_id) values ($1, $2)", [
      organizationId,
      id,
    ]);
  }
}

describe("access lists that are not written by this daemon", () => {
  it("lose those whose memberships are deleted in SQL, in that organization only", async (t) => {
    const { server, dev, template } = await givenDev(t);
    const { pool, alice, defaultOrganizationId, otherOrganizationId } = server;
    const [one, two, stayer] = [await givenUser(server), await givenUser(server), await givenUser(server)];
    await join(server, otherOrganizationId, one, two);
    const second = await givenWorkspace(server, { ownerId: alice.id, name: "second", template });
    const foreign = await givenWorkspace(server, { ownerId: server.bob.id, name: "foreign", template });
    await pool.query("update workspaces set organization_id = $2 where id = $1", [foreign.id, otherOrganizationId]);
    const all = { [one.id]: "admin", [two.id]: "use", [stayer.id]: "use" };
    for (const { id } of [dev, second, foreign]) await write(server, id, all, { [defaultOrganizationId]: "use" });
    const users = async ({ id }: { id: string }) => (await storedLists(server, id)).users;

    const version = async () => (await pool.query("select xmin from workspaces where id = $1", [foreign.id])).rows;
    const before = await version();
    await pool.query("delete from organization_members where user_id = $1 and organization_id = $2", [
      one.id,
      defaultOrganizationId,
    ]);
    for (const workspace of [dev, second]) {
      assert.deepEqual(await users(workspace), { [two.id]: "use", [stayer.id]: "use" });
    }
    assert.deepEqual([await users(foreign), await version()], [all, before]);
    assert.deepEqual(await seen(server, one, dev.id), [404, ["foreign"]]);

    await pool.query(
      `delete from organization_members
        where (user_id = $1 and organization_id = $2) or (user_id = $3 and organization_id = $4)`,
      [one.id, otherOrganizationId, two.id, defaultOrganizationId],
    );
    for (const workspace of [dev, second]) assert.deepEqual(await users(workspace), { [stayer.id]: "use" });
    assert.deepEqual(await users(foreign), { [two.id]: "use", [stayer.id]: "use" });
    await join(server, defaultOrganizationId, one);
    await write(server, second.id, {});
    assert.deepEqual(await seen(server, one, second.id), [404, ["dev"]], "what Everyone has, and nothing else");
  });

  it("give nothing to and show nobody whose role, or id, is not one that is known", async (t) => {
    const { server, dev, share, acl } = await givenDev(t);
    const member = await givenUser(server);
    const everyone = server.defaultOrganizationId;
    const crew = await givenGroup(server, everyone, [member]);
    for (const role of ["bogus", "", "Use", 1, true, null, ["use"], { use: "use" }]) {
      for (const lists of [
        [{ [member.id]: role }, {}],
        [{}, { [everyone]: role }],
        [{}, { [crew]: role }],
      ]) {
        await write(server, dev.id, ...(lists as [unknown, unknown]));
        assert.deepEqual(await seen(server, member, dev.id), [404, []], JSON.stringify(lists));
        const shown = await acl();
        assert.deepEqual([shown.statusCode, shown.json()], [200, { users: [], groups: [] }], JSON.stringify(lists));
      }
    }
    for (const spell of [(id: string) => id.toUpperCase(), (id: string) => `{${id}}`, () => "alice", () => ""]) {
      const groups = { [spell(everyone)]: "use", [spell(crew)]: "use" };
      await write(server, dev.id, { [spell(member.id)]: "use" }, groups);
      assert.deepEqual(await seen(server, member, dev.id), [404, []], spell(member.id));
      const shown = await acl();
      assert.deepEqual([shown.statusCode, shown.json()], [200, { users: [], groups: [] }]);
    }
    const given = await share({ user_roles: { [member.id]: "use" } });
    assert.equal(given.statusCode, 204, given.body);
    assert.deepEqual(await seen(server, member, dev.id), [200, ["dev"]]);
  });

  it("are objects, and nothing else can be written in their place", async (t) => {
    const { server, dev } = await givenDev(t);
    for (const value of [null, [], "use", 1, true]) {
      for (const lists of [
        [value, {}],
        [{}, value],
      ]) {
        const writing = write(server, dev.id, ...(lists as [unknown, unknown]));
        await assert.rejects(writing, { constraint: "workspaces_access_lists" });
      }
    }
  });

  it("count nothing for groups of another organization, nor for everyone there", async (t) => {
    const { server, dev, acl } = await givenDev(t);
    const { defaultOrganizationId: everyone, otherOrganizationId: elsewhere } = server;
    const member = await givenUser(server);
    await join(server, elsewhere, member);
    const foreign = await givenGroup(server, elsewhere, [member], "foreign");
    for (const groups of [{ [foreign]: "admin" }, { [elsewhere]: "admin" }]) {
      await write(server, dev.id, {}, groups);
      assert.deepEqual(await seen(server, member, dev.id), [404, []]);
      assert.deepEqual((await acl()).json().groups, []);
    }
    await write(server, dev.id, {}, { [foreign]: "admin", [everyone]: "use" });
    assert.deepEqual(await seen(server, member, dev.id), [200, ["dev"]]);
    const path = `/api/v2/workspaces/${dev.id}/acl`;
    assert.equal((await server.send("PATCH", path, { as: member, json: {} })).statusCode, 403, "not as admin");
  });
});

describe("a list of workspaces", () => {
  it("shows of what is shared only that which the token is for, be it awake or dormant", async (t) => {
    const { server, dev, template } = await givenDev(t);
    const asleep = await givenWorkspace(server, { ownerId: server.alice.id, name: "asleep", template });
    await server.pool.query("update workspaces set dormant_at = now() where id = $1", [asleep.id]);
    const awakeOnly = await givenUser(server, { scopes: ["workspace:read"] });
    const both = await givenUser(server, { scopes: ["workspace:read", "workspace_dormant:read"] });
    const byId = await givenUser(server, { allowList: [`workspace:${dev.id}`, `workspace:${asleep.id}`] });
    for (const [users, groups] of [
      [Object.fromEntries([awakeOnly, both, byId].map(({ id }) => [id, "use"])), {}],
      [{}, { [server.defaultOrganizationId]: "use" }],
    ] as const) {
      for (const { id } of [dev, asleep]) await write(server, id, users, groups);
      assert.deepEqual(await seen(server, awakeOnly, asleep.id), [404, ["dev"]]);
      assert.deepEqual(await seen(server, both, asleep.id), [200, ["asleep", "dev"]]);
      assert.deepEqual(await seen(server, byId, asleep.id), [404, ["dev"]]);
    }
  });

  it("is open to members whose roles let them see nothing, for what is shared with them, and to nobody else", async (t) => {
    const { server, dev, template } = await givenDev(t);
    const member = await givenUser(server);
    await server.pool.query(
      "update custom_roles set org_permissions = '[]', member_permissions = '[]' where is_system",
    );
    await givenWorkspace(server, { ownerId: member.id, name: "own", template });
    assert.deepEqual(await seen(server, member, dev.id), [404, []]);
    for (const lists of [
      [{ [member.id]: "use" }, {}],
      [{}, { [server.defaultOrganizationId]: "use" }],
    ]) {
      await write(server, dev.id, ...(lists as [object, object]));
      assert.deepEqual(await seen(server, member, dev.id), [200, ["dev"]]);
    }
    const list = (as: TestUser) => server.send("GET", "/api/v2/workspaces", { as });
    assert.equal((await list(server.nobody)).statusCode, 403);
    assert.equal((await list(await givenUser(server, { scopes: ["template:read"] }))).statusCode, 403);
    assert.equal((await server.send("GET", "/api/v2/audit", { as: member })).statusCode, 403);
  });
});
