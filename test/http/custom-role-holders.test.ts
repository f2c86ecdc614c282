import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newEntries } from "./effects.ts";
import { fingerprint } from "./fingerprint.ts";
import { fieldsOf, givenRole, permissionsOf, ROLES, removeRole, rolesOf, sendRole, setRoles } from "./roles.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenTemplate, givenWorkspace } from "./world.ts";

/** What a user can do with another one's workspace and with the template, each as a status; the list as a count. */
async function reach(server: TestServer, as: TestUser, { workspace, template }: Record<string, string>) {
  const json = { description: `by ${as.username} ${Math.random()}` };
  const found = await server.send("GET", "/api/v2/workspaces", { as });
  return {
    read: (await server.send("GET", `/api/v2/workspaces/${workspace}`, { as })).statusCode,
    listed: found.json().count,
    edit: (await server.send("PATCH", `/api/v2/templates/${template}`, { as, json })).statusCode,
    group: (await server.send("DELETE", `/api/v2/groups/${server.defaultOrganizationId}`, { as })).statusCode,
  };
}

const NOTHING = { read: 404, listed: 0, edit: 403, group: 403 };

async function givenThings(server: TestServer) {
  const template = await givenTemplate(server);
  const workspace = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
  return { workspace: workspace.id, template: template.id };
}

const addTo = ({ pool }: TestServer, organizationId: string, { id }: TestUser) =>
  pool.query("insert into organization_members (organization_id, user_id) values ($1, $2)", [organizationId, id]);

describe("who has a role that people have made", () => {
  it("may do what it grants in its organization, from when it is given until it is changed, taken or deleted", async (t) => {
    const server = await startTestServer(t);
    const things = await givenThings(server);
    const user = await givenUser(server);
    const can = async () => {
      server.advance(3_000);
      return reach(server, user, things);
    };
    assert.deepEqual(await can(), NOTHING);
    await givenRole(server, "keeper", "workspace:read template:update");
    assert.deepEqual(await can(), NOTHING, "nobody has a new role");
    const given = await setRoles(server, user.id, ["keeper"]);
    assert.deepEqual(given.json().roles, [{ name: "keeper", organization_id: server.defaultOrganizationId }]);
    assert.deepEqual(await can(), { read: 200, listed: 1, edit: 200, group: 403 });
    await sendRole(server, "keeper", "group:delete", { method: "PUT" });
    // The group Everyone cannot be deleted, which is said to who could otherwise.
    assert.deepEqual(await can(), { ...NOTHING, group: 400 });
    await sendRole(server, "keeper", "workspace:read group:delete", { method: "PUT" });
    assert.deepEqual(await can(), { read: 200, listed: 1, edit: 403, group: 400 });
    await setRoles(server, user.id, []);
    assert.deepEqual(await can(), NOTHING);
    await setRoles(server, user.id, ["keeper"]);
    assert.equal((await removeRole(server, "keeper")).statusCode, 204);
    assert.deepEqual(await can(), NOTHING);
    await givenRole(server, "keeper", "workspace:read template:update group:delete");
    assert.deepEqual(await can(), NOTHING, "a later role of the name is another one");
  });

  it("may change nothing from the moment on in which the role no longer lets it, and see nothing after three seconds", async (t) => {
    const server = await startTestServer(t);
    const things = await givenThings(server);
    const user = await givenUser(server);
    await givenRole(server, "keeper", "workspace:read template:update");
    await setRoles(server, user.id, ["keeper"]);
    assert.deepEqual(await reach(server, user, things), { read: 200, listed: 1, edit: 200, group: 403 });
    await sendRole(server, "keeper", "workspace:read", { method: "PUT" });
    assert.deepEqual((await reach(server, user, things)).edit, 403);
    await sendRole(server, "keeper", "workspace:read template:update", { method: "PUT" });
    assert.deepEqual((await reach(server, user, things)).edit, 200);
    await removeRole(server, "keeper");
    const read = async () =>
      (await server.send("GET", `/api/v2/workspaces/${things.workspace}`, { as: user })).statusCode;
    assert.equal(await read(), 200, "what was found out a moment ago");
    server.advance(3_000);
    assert.equal(await read(), 404);
    assert.deepEqual(await reach(server, user, things), NOTHING);
  });

  it("may do nothing by it in another organization, nor what is stored in it and is not for such roles", async (t) => {
    const server = await startTestServer(t);
    const things = await givenThings(server);
    const path = ROLES.replace("default", "other");
    const json = { name: "keeper", organization_permissions: permissionsOf("workspace:read template:update") };
    assert.equal((await server.send("POST", path, { as: server.admin, json })).statusCode, 201);
    const user = await givenUser(server);
    await addTo(server, server.otherOrganizationId, user);
    const roles = path.replace("roles", `${user.id}/roles`);
    assert.equal((await server.send("PUT", roles, { as: server.admin, json: { roles: ["keeper"] } })).statusCode, 200);
    server.advance(3_000);
    assert.deepEqual(await reach(server, user, things), NOTHING);
    const here = await setRoles(server, user.id, ["keeper"]);
    assert.deepEqual([here.statusCode, fieldsOf(here)], [400, ["roles.0"]], "this organization has no such role");
    const stale = permissionsOf("spaceship:read workspace:fly");
    await server.pool.query(
      "insert into custom_roles (name, organization_id, org_permissions) values ('stale', $1, $2)",
      [server.defaultOrganizationId, JSON.stringify(stale)],
    );
    assert.equal((await setRoles(server, user.id, ["stale"])).statusCode, 200);
    server.advance(3_000);
    assert.deepEqual(await reach(server, user, things), NOTHING);
  });

  it("may do nothing by a stored role that has the name of a built-in one in other letters", async (t) => {
    const server = await startTestServer(t);
    const things = await givenThings(server);
    const grants = JSON.stringify(permissionsOf("workspace:read template:update group:delete"));
    await server.pool.query(
      `insert into custom_roles (name, organization_id, org_permissions)
        values ('Organization-Auditor', $1, $2), ('Keeper', $1, $2)`,
      [server.defaultOrganizationId, grants],
    );
    const user = await givenUser(server, { roles: ["Organization-Auditor"] });
    assert.deepEqual(await reach(server, user, things), NOTHING);
    assert.equal((await setRoles(server, user.id, ["KEEPER"])).statusCode, 200);
    server.advance(3_000);
    assert.deepEqual(await reach(server, user, things), { read: 200, listed: 1, edit: 200, group: 400 }, "any other");
  });

  it("loses it with the role, however many they are, and nothing else of theirs changes", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const both = await givenUser(server, { roles: ["organization-auditor", "reader"] });
    const one = await givenUser(server, { roles: ["reader"] });
    const none = await givenUser(server, { roles: ["organization-auditor"] });
    const other = await givenUser(server, { organization: server.otherOrganizationId, roles: ["reader"] });
    const rowOf = async ({ id }: TestUser) =>
      (await server.pool.query("select *, xmin from organization_members where user_id = $1", [id])).rows[0];
    const before = [await rowOf(none), await rowOf(other)];
    await newEntries(server);
    assert.equal((await removeRole(server, "reader")).statusCode, 204);
    assert.deepEqual([await rolesOf(server, both.id), await rolesOf(server, one.id)], [["organization-auditor"], []]);
    assert.deepEqual([await rowOf(none), await rowOf(other)], before);
    const [entry, ...more] = await newEntries(server);
    assert.deepEqual([entry?.diff["members"], more], [{ old: 2, new: null }, []]);
  });
});

describe("giving and taking roles that people have made", () => {
  it("is for who may give every role of the organization", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const admin = await givenUser(server, { roles: ["organization-admin"] });
    const userAdmins = [
      await givenUser(server, { roles: ["organization-user-admin"] }),
      await givenUser(server, { siteRoles: ["user-admin"] }),
    ];
    const { id } = await givenUser(server);
    for (const as of userAdmins) {
      const refused = await setRoles(server, id, ["reader"], as);
      assert.equal(refused.statusCode, 403);
      assert.equal(refused.json().message, "your own roles do not let you give or take reader");
    }
    for (const as of [server.admin, admin]) {
      assert.equal((await setRoles(server, id, ["reader", "organization-auditor"], as)).statusCode, 200);
      assert.deepEqual(await rolesOf(server, id), ["organization-auditor", "reader"]);
      for (const one of userAdmins) {
        assert.equal((await setRoles(server, id, ["organization-auditor"], one)).statusCode, 403);
        const member = `/api/v2/organizations/default/members/${id}`;
        assert.equal((await server.send("DELETE", member, { as: one })).statusCode, 403, "nor by removing the member");
      }
      assert.equal((await setRoles(server, id, ["reader"], as)).statusCode, 200);
      for (const one of userAdmins) {
        const refused = await server.send("DELETE", `/api/v2/organizations/default/members/${id}`, { as: one });
        assert.equal(refused.statusCode, 403, "nor when it is the only role");
        assert.equal(refused.json().message, "your own roles do not let you give or take reader");
      }
      assert.equal((await setRoles(server, id, [], as)).statusCode, 200);
    }
    const holder = await givenUser(server, { roles: ["reader"] });
    const removed = await server.send("DELETE", `/api/v2/organizations/default/members/${holder.id}`, { as: admin });
    assert.equal(removed.statusCode, 204);
  });

  it("goes by the name of the role in any case, and system roles of the database are none", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const answer = await setRoles(server, "alice", ["reader", "Reader", "organization-member", "writer"]);
    assert.deepEqual([answer.statusCode, fieldsOf(answer)], [400, ["roles.3"]]);
    const given = await setRoles(server, "alice", ["READER", "Organization-Auditor", "reader", "ORGANIZATION-MEMBER"]);
    assert.equal(given.statusCode, 200, given.body);
    assert.deepEqual(await rolesOf(server, server.alice.id), ["organization-auditor", "reader"]);
    assert.equal((await setRoles(server, "alice", ["organization-member"])).statusCode, 200);
    assert.deepEqual(await rolesOf(server, server.alice.id), []);
  });

  it("is not made impossible by a role that a member has and that there is no longer; it goes", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const stored = ["Gone", "organization-auditor"];
    const { id } = await givenUser(server, { roles: stored });
    const other = await setRoles(server, "alice", ["gone"]);
    assert.deepEqual([other.statusCode, fieldsOf(other)], [400, ["roles.0"]], "nobody else is given it");
    assert.equal((await setRoles(server, id, [...stored, "gone", "reader"])).statusCode, 200);
    assert.deepEqual(await rolesOf(server, id), ["organization-auditor", "reader"]);
    const userAdmin = await givenUser(server, { roles: ["organization-user-admin"] });
    const left = await givenUser(server, { roles: ["gone"] });
    const member = `/api/v2/organizations/default/members/${left.id}`;
    assert.equal((await server.send("DELETE", member, { as: userAdmin })).statusCode, 204);
  });

  it("does not happen by making a role whose name somebody has been left with", async (t) => {
    const server = await startTestServer(t);
    const { id } = await givenUser(server, { roles: ["gone", "organization-auditor"] });
    await givenRole(server, "gone", "workspace:read");
    assert.deepEqual(await rolesOf(server, id), ["organization-auditor"]);
  });

  it("writes nothing when it is refused", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const before = await fingerprint(server.pool);
    assert.equal((await setRoles(server, "me", ["reader"], server.alice)).statusCode, 403);
    assert.equal((await setRoles(server, "alice", ["reader", "writer"])).statusCode, 400);
    assert.deepEqual(await fingerprint(server.pool), before);
  });
});
