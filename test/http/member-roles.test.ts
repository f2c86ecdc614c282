import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ORGANIZATION_ROLES } from "../../src/rbac/roles.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { newEntries, untilSomebodyWaits } from "./effects.ts";
import { rolesOf, setRoles } from "./roles.ts";
import { givenUser, startTestServer } from "./server.ts";

const MEMBERS = "/api/v2/organizations/default/members";

describe("the roles that members can be given", () => {
  it("are the built-in ones of organizations, and callers are told which of them they may give", async (t) => {
    const server = await startTestServer(t);
    const assignable = async (as: typeof server.admin) => {
      const answer = await server.send("GET", `${MEMBERS}/roles`, { as });
      assert.deepEqual(
        answer.json().map(({ name }: { name: string }) => name),
        ORGANIZATION_ROLES,
      );
      return answer.json().filter((role: { assignable: boolean }) => role.assignable).length;
    };
    const all = ORGANIZATION_ROLES.length;
    assert.equal(await assignable(server.admin), all);
    assert.equal(await assignable(await givenUser(server, { roles: ["organization-admin"] })), all);
    assert.equal(await assignable(await givenUser(server, { roles: ["organization-user-admin"] })), 0);
    assert.equal(await assignable(await givenUser(server, { siteRoles: ["user-admin"], organization: null })), 0);
    assert.equal(await assignable(server.alice), 0);
    const readOnly = { siteRoles: ["owner"], scopes: ["assign_org_role:read", "assign_org_role:assign"] };
    assert.equal(await assignable(await givenUser(server, readOnly)), 0, "a token that may not take roles away");
    const last = (await server.send("GET", `${MEMBERS}/roles`, { as: server.admin })).json().at(-1);
    assert.deepEqual(last, {
      name: "organization-workspace-creation-ban",
      display_name: "Organization Workspace Creation Ban",
      organization_id: server.defaultOrganizationId,
      built_in: true,
      assignable: true,
      site_permissions: [],
      organization_permissions: ["create", "delete", "create_agent", "delete_agent"].map((action) => ({
        negate: true,
        resource_type: "workspace",
        action,
      })),
      organization_member_permissions: [],
      user_permissions: [],
    });
  });
});

describe("setting the roles of a member", () => {
  it("replaces them, takes effect within three seconds, and is written down", async (t) => {
    const server = await startTestServer(t);
    const mayChange = async () => {
      const json = { description: "changed" };
      return (await server.send("PATCH", "/api/v2/organizations/default", { as: server.alice, json })).statusCode;
    };
    assert.equal(await mayChange(), 403);
    const given = ["organization-auditor", "organization-admin", "organization-auditor", "organization-member"];
    const answer = await setRoles(server, "alice", given);
    assert.equal(answer.statusCode, 200, answer.body);
    assert.deepEqual(
      answer.json().roles.map(({ name }: { name: string }) => name),
      ["organization-admin", "organization-auditor"],
    );
    server.advance(3_000);
    assert.equal(await mayChange(), 200);
    await newEntries(server);
    assert.deepEqual((await setRoles(server, server.alice.id, ["organization-auditor"])).json().roles.length, 1);
    assert.deepEqual(await newEntries(server), [
      {
        by: "admin",
        action: "write",
        type: "organization_member",
        target: "alice",
        diff: { roles: { old: ["organization-admin", "organization-auditor"], new: ["organization-auditor"] } },
      },
    ]);
    server.advance(3_000);
    assert.equal(await mayChange(), 403);
  });

  it("writes nothing when they are the same", async (t) => {
    const server = await startTestServer(t);
    const { id } = await givenUser(server, { roles: ["organization-auditor", "organization-admin"] });
    const before = await server.pool.query("select * from organization_members where user_id = $1", [id]);
    server.advance(60_000);
    const answer = await setRoles(server, id, ["organization-admin", "organization-auditor"]);
    assert.equal(answer.statusCode, 200);
    const after = await server.pool.query("select * from organization_members where user_id = $1", [id]);
    assert.deepEqual(after.rows, before.rows);
    assert.deepEqual(await newEntries(server), []);
  });

  it("lets nobody give or take more than their own roles do", async (t) => {
    const server = await startTestServer(t);
    const admin = await givenUser(server, { roles: ["organization-admin"] });
    for (const roles of [["organization-user-admin"], ["organization-user-admin", "organization-auditor"]]) {
      const as = await givenUser(server, { roles });
      for (const [user, wanted] of [
        ["me", ["organization-admin"]],
        ["alice", roles],
        [admin.id, []],
      ] as const) {
        const before = await rolesOf(server, admin.id);
        assert.equal((await setRoles(server, user, wanted, as)).statusCode, 403);
        assert.deepEqual(await rolesOf(server, admin.id), before);
      }
    }
    const elsewhere = await givenUser(server, {
      organization: server.otherOrganizationId,
      roles: ["organization-admin"],
    });
    await server.pool.query("insert into organization_members (organization_id, user_id) values ($1, $2)", [
      server.defaultOrganizationId,
      elsewhere.id,
    ]);
    server.advance(3_000);
    assert.equal((await setRoles(server, "alice", ["organization-admin"], elsewhere)).statusCode, 403);
    assert.equal((await setRoles(server, elsewhere.id, ["organization-admin"], elsewhere)).statusCode, 403);
    assert.equal((await setRoles(server, "alice", ["organization-admin"], admin)).statusCode, 200);
    assert.deepEqual((await newEntries(server)).length, 1);
  });

  it("is not for members, to whom their roles are not things of their own", async (t) => {
    const server = await startTestServer(t);
    for (const roles of [["organization-admin"], []]) {
      assert.equal((await setRoles(server, "me", roles, server.alice)).statusCode, 403);
    }
    assert.deepEqual(await rolesOf(server, server.alice.id), []);
  });

  it("decides by the roles that the member has at the moment of the change", async (t) => {
    const server = await startTestServer(t);
    const as = await givenUser(server, { roles: ["organization-user-admin"] });
    const other = await server.pool.connect();
    t.after(() => other.release(true));
    await other.query("begin");
    await other.query("update organization_members set roles = '{organization-admin}' where user_id = $1", [
      server.alice.id,
    ]);
    const answer = setRoles(server, "alice", [], as);
    await untilSomebodyWaits(server);
    await other.query("commit");
    assert.equal((await answer).statusCode, 403);
    assert.deepEqual(await rolesOf(server, server.alice.id), ["organization-admin"]);
  });

  it("does not find the system user, nor who is no member", async (t) => {
    const server = await startTestServer(t);
    for (const user of ["prebuilds", PREBUILDS_SYSTEM_USER_ID, "bob", "nobody", "gone"]) {
      for (const as of [server.admin, server.alice]) {
        assert.equal((await setRoles(server, user, ["organization-auditor"], as)).statusCode, 404, user);
      }
    }
    assert.deepEqual(await newEntries(server), []);
  });

  it("names each role that there is not, and those that there are", async (t) => {
    const server = await startTestServer(t);
    const answer = await setRoles(server, "alice", ["organization-auditor", "owner", "Organization-Admin", ""]);
    assert.equal(answer.statusCode, 400);
    const { validations } = answer.json();
    assert.deepEqual(
      validations.map(({ field }: { field: string }) => field),
      ["roles.1", "roles.3"],
    );
    assert.match(validations[0].detail, /^there is no such role; there are organization-admin, /);
    for (const roles of [undefined, null, "organization-admin", [7], [null], ["x".repeat(65)], Array(65).fill("a")]) {
      assert.equal((await setRoles(server, "alice", roles)).statusCode, 400, JSON.stringify(roles)?.slice(0, 40));
    }
    assert.deepEqual(await rolesOf(server, server.alice.id), []);
  });
});
