import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { newEntries } from "./effects.ts";
import { givenUser, startTestServer, type TestServer } from "./server.ts";

const change = (server: TestServer, id: string, json: unknown) =>
  server.send("PATCH", `/api/v2/groups/${id}`, { as: server.admin, json });

/** A group of the default organization with these members; returns its id. */
async function givenGroup(server: TestServer, members: readonly string[] = []): Promise<string> {
  const path = "/api/v2/organizations/default/groups";
  const { id } = (await server.send("POST", path, { as: server.admin, json: { name: "crew" } })).json();
  const answer = await change(server, id, { add_users: members });
  assert.equal(answer.statusCode, 200, answer.body);
  await newEntries(server);
  return id;
}

/** The usernames in the answer to a list of a group's members, and how many there are in all. */
async function list(server: TestServer, id: string, query = "", as = server.admin): Promise<[string[], number]> {
  const answer = await server.send("GET", `/api/v2/groups/${id}/members?${query}`, { as });
  assert.equal(answer.statusCode, 200, answer.body);
  const { users, count } = answer.json();
  return [users.map(({ username }: { username: string }) => username), count];
}

describe("the members of a group", () => {
  it("come in pages, with system users only where they are asked for", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server, [server.alice.id, server.admin.id, PREBUILDS_SYSTEM_USER_ID]);
    for (const group of [id, server.defaultOrganizationId]) {
      assert.deepEqual(await list(server, group), [["admin", "alice"], 2]);
      assert.deepEqual(await list(server, group, "include_system=true"), [["admin", "alice", "prebuilds"], 3]);
      assert.deepEqual(await list(server, group, "limit=1&offset=1"), [["alice"], 2]);
      assert.deepEqual(await list(server, group, "offset=2"), [[], 2]);
    }
    const { users } = (await server.send("GET", `/api/v2/groups/${id}/members`, { as: server.admin })).json();
    const { created_at, updated_at, ...alice } = users[1];
    assert.ok(Date.parse(created_at) > 0 && Date.parse(updated_at) > 0);
    assert.deepEqual(alice, {
      id: server.alice.id,
      username: "alice",
      name: "",
      email: "alice@example.com",
      avatar_url: "",
      status: "active",
      is_system: false,
      last_seen_at: null,
    });
  });

  it("are shown to who may see all of them, and to others only as far as they are themselves among them", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server, [server.alice.id, server.admin.id]);
    const auditor = await givenUser(server, { roles: ["organization-auditor"] });
    const member = await givenUser(server);
    assert.deepEqual(await list(server, id, "", auditor), [["admin", "alice"], 2]);
    assert.deepEqual(await list(server, id, "", server.alice), [["alice"], 1]);
    assert.deepEqual(await list(server, id, "", member), [[], 0]);
    for (const as of [server.bob, server.nobody]) {
      assert.equal((await server.send("GET", `/api/v2/groups/${id}/members`, { as })).statusCode, 404);
    }
  });

  it("no longer include who has been deleted", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server, [server.alice.id]);
    await server.pool.query("update users set deleted = true where username = 'alice'");
    assert.deepEqual(await list(server, id), [[], 0]);
    assert.deepEqual(await list(server, server.defaultOrganizationId), [["admin"], 1]);
  });
});

describe("adding to a group and removing from it", () => {
  it("is done in one request together with other changes, and written down with who moved", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server, [server.admin.id]);
    server.advance(60_000);
    const answer = await change(server, id, {
      display_name: "Crew",
      add_users: [server.alice.id.toUpperCase(), server.alice.id, PREBUILDS_SYSTEM_USER_ID],
      remove_users: [server.admin.id, randomUUID()],
    });
    assert.equal(answer.statusCode, 200, answer.body);
    assert.deepEqual([answer.json().total_member_count, answer.json().display_name], [1, "Crew"]);
    assert.ok(answer.json().updated_at > answer.json().created_at);
    assert.deepEqual(await list(server, id, "include_system=true"), [["alice", "prebuilds"], 2]);
    assert.deepEqual(await newEntries(server), [
      {
        by: "admin",
        action: "write",
        type: "group",
        target: "crew",
        diff: {
          display_name: { old: "", new: "Crew" },
          members_added: {
            old: null,
            new: [
              { id: server.alice.id, username: "alice" },
              { id: PREBUILDS_SYSTEM_USER_ID, username: "prebuilds" },
            ],
          },
          members_removed: { old: [{ id: server.admin.id, username: "admin" }], new: null },
        },
      },
    ]);
    const again = await change(server, id, { add_users: [server.alice.id], remove_users: [server.admin.id] });
    assert.equal(again.statusCode, 200);
    assert.deepEqual(await newEntries(server), []);
  });

  it("takes members of the organization, and the system user even where it is none", async (t) => {
    const server = await startTestServer(t);
    await server.pool.query("delete from organization_members where user_id = $1", [PREBUILDS_SYSTEM_USER_ID]);
    const id = await givenGroup(server, [PREBUILDS_SYSTEM_USER_ID]);
    assert.deepEqual(await list(server, id, "include_system=true"), [["prebuilds"], 1]);
    const gone = await givenUser(server);
    await server.pool.query("update users set deleted = true where id = $1", [gone.id]);
    const answer = await change(server, id, {
      name: "team",
      add_users: [server.alice.id, server.bob.id, randomUUID(), gone.id],
    });
    assert.equal(answer.statusCode, 400);
    const detail = "is no member of the group's organization";
    assert.deepEqual(
      answer.json().validations,
      [1, 2, 3].map((place) => ({ field: `add_users.${place}`, detail })),
    );
    assert.deepEqual(await list(server, id, "include_system=true"), [["prebuilds"], 1], "nothing was changed");
    assert.deepEqual(await newEntries(server), []);
  });

  it("refuses what makes no sense", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server);
    const both = await change(server, id, { add_users: [server.alice.id], remove_users: [server.alice.id] });
    assert.equal(both.statusCode, 400);
    assert.deepEqual(both.json().validations, [{ field: "add_users.0", detail: "is to be added and removed at once" }]);
    for (const json of [
      { add_users: ["alice"] },
      { add_users: server.alice.id },
      { remove_users: [null] },
      { add_users: Array(1_001).fill(server.alice.id) },
      { members: [server.alice.id] },
      { quota_allowance: null },
    ]) {
      assert.equal((await change(server, id, json)).statusCode, 400, JSON.stringify(json).slice(0, 60));
    }
    assert.deepEqual(await list(server, id), [[], 0]);
  });

  it("of one user by two requests at once is done once", async (t) => {
    const server = await startTestServer(t);
    const id = await givenGroup(server);
    const join = () => change(server, id, { add_users: [server.alice.id] });
    for (const { statusCode } of await Promise.all([join(), join(), join()])) assert.equal(statusCode, 200);
    assert.equal((await newEntries(server)).length, 1);
  });
});
