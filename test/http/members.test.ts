import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { lockMember } from "../../src/organizations/member-store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { newEntries } from "./effects.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";

const MEMBERS = "/api/v2/organizations/default/members";

/** The usernames in the answer to a list of members, and how many there are in all. */
async function list(server: TestServer, query = "", as = server.admin): Promise<[string[], unknown]> {
  const answer = await server.send("GET", `${MEMBERS}?${query}`, { as });
  assert.equal(answer.statusCode, 200, answer.body);
  return [answer.json().map(({ username }: { username: string }) => username), answer.headers["x-total-count"]];
}

const add = (server: TestServer, user: string, as = server.admin) => server.send("POST", `${MEMBERS}/${user}`, { as });
const remove = (server: TestServer, user: string, as = server.admin) =>
  server.send("DELETE", `${MEMBERS}/${user}`, { as });

describe("the list of members", () => {
  it("SYS-05: leaves out system users, and counts them, only where they are not asked for", async (t) => {
    const server = await startTestServer(t);
    assert.deepEqual(await list(server), [["admin", "alice"], "2"]);
    assert.deepEqual(await list(server, "include_system=true"), [["admin", "alice", "prebuilds"], "3"]);
    assert.deepEqual(await list(server, "include_system=false&limit=1&offset=1"), [["alice"], "2"]);
    assert.deepEqual(await list(server, "include_system=true&limit=1&offset=2"), [["prebuilds"], "3"]);
    assert.deepEqual(await list(server, "offset=7"), [[], "2"]);
  });

  it("finds members by a part of the username, the name or the email address, in any case", async (t) => {
    const server = await startTestServer(t);
    await server.pool.query("update users set name = 'Ada_100% Lovelace' where username = 'alice'");
    for (const q of ["LIC", "love", "ICE@example", "a_100%25", "alice"]) {
      assert.deepEqual(await list(server, `q=${q}`), [["alice"], "1"], q);
    }
    for (const q of ["bob", "a%25e", "al_ce", "%27", "%5C"])
      assert.deepEqual(await list(server, `q=${q}`), [[], "0"], q);
    assert.deepEqual(await list(server, "q="), [["admin", "alice"], "2"]);
  });

  it("shows who members are, and what they may do in this organization and everywhere", async (t) => {
    const server = await startTestServer(t);
    const user = await givenUser(server, { siteRoles: ["auditor"], roles: ["organization-admin"] });
    const [shown] = (await server.send("GET", `${MEMBERS}?q=${user.username}`, { as: server.admin })).json();
    const { created_at, updated_at, ...rest } = shown;
    assert.ok(Date.parse(created_at) > 0 && Date.parse(updated_at) > 0);
    assert.deepEqual(rest, {
      organization_id: server.defaultOrganizationId,
      user_id: user.id,
      username: user.username,
      name: "",
      email: `${user.username}@example.com`,
      avatar_url: "",
      status: "active",
      is_system: false,
      roles: [{ name: "organization-admin", organization_id: server.defaultOrganizationId }],
      global_roles: [{ name: "auditor" }],
    });
  });

  it("has only those whom the token may be used on", async (t) => {
    const server = await startTestServer(t);
    const allowList = [`organization:${server.defaultOrganizationId}`, `organization_member:${server.alice.id}`];
    const limited = await givenUser(server, { siteRoles: ["owner"], allowList });
    assert.deepEqual(await list(server, "", limited), [["alice"], "1"]);
  });

  it("refuses a query that it does not understand", async (t) => {
    const server = await startTestServer(t);
    for (const query of ["include_system=yes", "limit=0", "limit=1001", "offset=-1", `q=${"x".repeat(257)}`, "q=%00"]) {
      assert.equal((await server.send("GET", `${MEMBERS}?${query}`, { as: server.admin })).statusCode, 400, query);
    }
  });

  it("leaves out users who have been deleted", async (t) => {
    const server = await startTestServer(t);
    await server.pool.query("update users set deleted = true where username = 'alice'");
    assert.deepEqual(await list(server), [["admin"], "1"]);
    assert.equal((await server.send("GET", `${MEMBERS}/${server.alice.id}`, { as: server.admin })).statusCode, 404);
  });
});

describe("one member", () => {
  it("is found by id, username, email address and me, and so is the system user", async (t) => {
    const server = await startTestServer(t);
    for (const reference of ["me", "alice", "ALICE", "alice@example.com", server.alice.id]) {
      const answer = await server.send("GET", `${MEMBERS}/${reference}`, { as: server.alice });
      assert.equal(answer.json().user_id, server.alice.id, reference);
    }
    for (const reference of ["prebuilds", "prebuilds@system", PREBUILDS_SYSTEM_USER_ID]) {
      const answer = await server.send("GET", `${MEMBERS}/${reference}`, { as: server.admin });
      assert.deepEqual([answer.json().user_id, answer.json().is_system], [PREBUILDS_SYSTEM_USER_ID, true], reference);
    }
  });

  it("who is in another organization, or nowhere, looks like one who is not there", async (t) => {
    const server = await startTestServer(t);
    for (const reference of ["bob", server.nobody.id, "nobody", "gone", randomUUID(), "%25", "' or true --"]) {
      const answer = await server.send("GET", `${MEMBERS}/${encodeURI(reference)}`, { as: server.admin });
      assert.equal(answer.statusCode, 404, reference);
    }
  });
});

describe("adding a member", () => {
  it("gives the user the organization within three seconds, and is written down", async (t) => {
    const server = await startTestServer(t);
    const see = async () => (await server.send("GET", MEMBERS, { as: server.nobody })).statusCode;
    assert.equal(await see(), 404);
    const answer = await add(server, "nobody");
    assert.deepEqual([answer.statusCode, answer.json().user_id, answer.json().roles], [200, server.nobody.id, []]);
    server.advance(3_000);
    assert.equal(await see(), 200);
    const now = (value: unknown) => ({ old: null, new: value });
    assert.deepEqual(await newEntries(server), [
      {
        by: "admin",
        action: "create",
        type: "organization_member",
        target: "nobody",
        diff: { username: now("nobody"), roles: now([]) },
      },
    ]);
  });

  it("is a conflict for who is one already, whatever roles they have", async (t) => {
    const server = await startTestServer(t);
    const { id, username } = await givenUser(server, { roles: ["organization-admin"] });
    const answer = await add(server, id);
    assert.equal(answer.statusCode, 409);
    assert.equal(answer.json().message, `${username} is a member of this organization already`);
    const { json } = await server.send("GET", `${MEMBERS}/${id}`, { as: server.admin });
    assert.equal(json().roles.length, 1);
    assert.deepEqual(await newEntries(server), []);
  });

  it("tells who may not add any nothing about who there is", async (t) => {
    const server = await startTestServer(t);
    const [known, unknown] = [await add(server, "nobody", server.alice), await add(server, "nobody2", server.alice)];
    assert.equal(known.statusCode, 403);
    assert.deepEqual([known.statusCode, known.body], [unknown.statusCode, unknown.body]);
    assert.equal((await add(server, "nobody2")).statusCode, 404);
  });

  it("needs a token that may give the role of all members", async (t) => {
    const server = await startTestServer(t);
    const scopes = ["organization_member:*", "organization:read", "user:read"];
    const limited = await givenUser(server, { siteRoles: ["owner"], scopes });
    const refused = await add(server, "nobody", limited);
    assert.equal(refused.statusCode, 403);
    assert.match(refused.json().message, /needs the right assign_org_role:assign$/);
    const wider = await givenUser(server, { siteRoles: ["owner"], scopes: [...scopes, "assign_org_role:assign"] });
    assert.equal((await add(server, "nobody", wider)).statusCode, 200);
  });

  it("makes one membership of two requests at once", async (t) => {
    const server = await startTestServer(t);
    const answers = await Promise.all([add(server, "nobody"), add(server, "nobody")]);
    assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [200, 409]);
    assert.equal((await newEntries(server)).length, 1);
  });
});

describe("removing a member", () => {
  it("takes the groups of that organization with it, and no others", async (t) => {
    const server = await startTestServer(t);
    await server.pool.query(
      `with g as (insert into groups (organization_id, name) select id, 'crew' from organizations returning id),
        m as (insert into organization_members (organization_id, user_id) select $2, $1)
        insert into group_members (group_id, user_id) select id, $1 from g`,
      [server.alice.id, server.otherOrganizationId],
    );
    const answer = await remove(server, "alice");
    assert.deepEqual([answer.statusCode, answer.body], [204, ""]);
    const { rows } = await server.pool.query(
      `select o.name as organization, e.group_name from group_members_expanded e
        join organizations o on o.id = e.organization_id where e.user_id = $1 order by e.group_name`,
      [server.alice.id],
    );
    assert.deepEqual(
      rows,
      [
        { organization: "other", group_name: "Everyone" },
        { organization: "other", group_name: "crew" },
      ].sort((one, other) => (one.group_name < other.group_name ? -1 : 1)),
    );
    server.advance(3_000);
    assert.equal((await server.send("GET", MEMBERS, { as: server.alice })).statusCode, 404);
    const [entry] = await newEntries(server);
    assert.deepEqual(
      [entry?.action, entry?.type, entry?.target, entry?.diff["username"]],
      ["delete", "organization_member", "alice", { old: "alice", new: null }],
    );
    assert.equal((await remove(server, "alice")).statusCode, 404);
  });

  it("does not find the system user", async (t) => {
    const server = await startTestServer(t);
    for (const reference of ["prebuilds", PREBUILDS_SYSTEM_USER_ID]) {
      for (const as of [server.admin, server.alice]) {
        assert.equal((await remove(server, reference, as)).statusCode, 404);
      }
    }
    const locked = withTransaction(server.pool, BEGIN.readWrite, (client) =>
      lockMember(client, server.defaultOrganizationId, PREBUILDS_SYSTEM_USER_ID),
    );
    assert.equal(await locked, undefined, "nor does the statement that all changes begin with");
    assert.equal((await list(server, "include_system=true"))[1], "3");
    assert.deepEqual(await newEntries(server), []);
  });

  it("is not for who may not take the roles that would be lost", async (t) => {
    const server = await startTestServer(t);
    const powerful = await givenUser(server, { roles: ["organization-admin"] });
    const userAdmin = await givenUser(server, { roles: ["organization-user-admin"] });
    const refused = await remove(server, powerful.id, userAdmin);
    assert.equal(refused.statusCode, 403);
    assert.equal(refused.json().message, "your own roles do not let you give or take organization-admin");
    assert.equal((await remove(server, powerful.id)).statusCode, 204);
  });

  it("can be done to oneself by who may do it to others", async (t) => {
    const server = await startTestServer(t);
    assert.equal((await remove(server, "me", server.alice)).statusCode, 403);
    const admin = await givenUser(server, { roles: ["organization-admin"] });
    assert.equal((await remove(server, "me", admin)).statusCode, 204);
  });

  it("and adding to a group at the same moment never leave somebody in the group alone", async (t) => {
    const server = await startTestServer(t);
    const created = await server.send("POST", "/api/v2/organizations/default/groups", {
      as: server.admin,
      json: { name: "crew" },
    });
    const path = `/api/v2/groups/${created.json().id}`;
    const join = ({ id }: TestUser) => server.send("PATCH", path, { as: server.admin, json: { add_users: [id] } });
    for (let round = 0; round < 10; round += 1) {
      const user = await givenUser(server);
      const requests = [() => remove(server, user.id), () => join(user)];
      if (round % 2 === 1) requests.reverse();
      for (const { statusCode, body } of await Promise.all(requests.map((send) => send()))) {
        assert.ok([200, 204, 400].includes(statusCode), body);
      }
    }
    const { rows } = await server.pool.query("select from group_members");
    assert.equal(rows.length, 0);
  });
});
