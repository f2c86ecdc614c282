import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newEntries } from "./effects.ts";
import { fingerprint } from "./fingerprint.ts";
import { customRoles, fieldsOf, givenRole, permissionsOf, ROLES, removeRole, sendRole } from "./roles.ts";
import { givenUser, startTestServer } from "./server.ts";

describe("a role that people make", () => {
  it("is made, shown with everything that it grants, changed and deleted, and each is written down", async (t) => {
    const server = await startTestServer(t);
    const made = await sendRole(server, "Reader", "workspace:read template:read workspace:read", {
      more: { display_name: "The Reader", site_permissions: [], user_permissions: null },
    });
    assert.equal(made.statusCode, 201, made.body);
    const view = (display_name: string, grants: string) => ({
      name: "reader",
      display_name,
      organization_id: server.defaultOrganizationId,
      built_in: false,
      assignable: true,
      site_permissions: [],
      organization_permissions: permissionsOf(grants).map((one) => ({ negate: false, ...one })),
      organization_member_permissions: [],
      user_permissions: [],
    });
    assert.deepEqual(made.json(), view("The Reader", "workspace:read template:read"));
    const listed = (await server.send("GET", ROLES, { as: server.alice })).json();
    assert.deepEqual(listed.at(-1), { ...made.json(), assignable: false });
    const changed = await sendRole(server, "READER", "group:create", { method: "PUT" });
    assert.equal(changed.statusCode, 200, changed.body);
    assert.deepEqual(changed.json(), view("", "group:create"));
    assert.deepEqual(await customRoles(server), { reader: ["group:create"] });
    const gone = await removeRole(server, "Reader");
    assert.deepEqual([gone.statusCode, gone.body], [204, ""]);
    assert.deepEqual(await customRoles(server), {});
    const entry = { by: "admin", type: "custom_role", target: "reader" };
    assert.deepEqual(await newEntries(server), [
      {
        ...entry,
        action: "create",
        diff: {
          name: { old: null, new: "reader" },
          display_name: { old: null, new: "The Reader" },
          organization_permissions: { old: null, new: ["template:read", "workspace:read"] },
        },
      },
      {
        ...entry,
        action: "write",
        diff: {
          display_name: { old: "The Reader", new: "" },
          organization_permissions: { old: ["template:read", "workspace:read"], new: ["group:create"] },
        },
      },
      {
        ...entry,
        action: "delete",
        diff: {
          name: { old: "reader", new: null },
          display_name: { old: "", new: null },
          organization_permissions: { old: ["group:create"], new: null },
          members: { old: 0, new: null },
        },
      },
    ]);
  });

  it("is not written again when nothing changes", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read template:read");
    const before = await fingerprint(server.pool);
    const again = await sendRole(server, "reader", "template:read workspace:read", { method: "PUT" });
    assert.equal(again.statusCode, 200);
    assert.deepEqual(await fingerprint(server.pool), before);
  });

  it("shows text as it is stored, and so is not written again when that text had half characters", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const put = () =>
      sendRole(server, "reader", "workspace:read", { method: "PUT", more: { display_name: "half \udc00" } });
    assert.equal((await put()).json().display_name, "half \ufffd");
    const before = await fingerprint(server.pool);
    const again = await put();
    assert.deepEqual([again.statusCode, again.json().display_name], [200, "half \ufffd"]);
    assert.deepEqual(await fingerprint(server.pool), before);
  });

  it("is one organization's: others may have one of the name, and one has no two", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const taken = await sendRole(server, "READER", "template:read");
    assert.equal(taken.statusCode, 409);
    assert.equal(taken.json().message, 'there is a role "reader" in this organization already');
    const path = ROLES.replace("default", "other");
    const json = { name: "reader", organization_permissions: [] };
    assert.equal((await server.send("POST", path, { as: server.admin, json })).statusCode, 201);
    assert.equal((await server.send("DELETE", `${path}/reader`, { as: server.admin })).statusCode, 204);
    assert.deepEqual(await customRoles(server), { reader: ["workspace:read"] });
  });

  it("drops what there is no longer when it is changed, and takes nothing else that there is not", async (t) => {
    const server = await startTestServer(t);
    const stored = permissionsOf("workspace:fly spaceship:read workspace:read");
    await server.pool.query(
      "insert into custom_roles (name, organization_id, org_permissions) values ('pilot', $1, $2)",
      [server.defaultOrganizationId, JSON.stringify(stored)],
    );
    const wrong = await sendRole(server, "pilot", "workspace:fly spaceship:dock", { method: "PUT" });
    assert.deepEqual([wrong.statusCode, fieldsOf(wrong)], [400, ["organization_permissions.1"]]);
    const shown = (await server.send("GET", ROLES, { as: server.admin })).json().at(-1);
    const { organization_permissions, name } = shown;
    const json = { name, display_name: "Pilot", organization_permissions };
    const changed = await server.send("PUT", ROLES, { as: server.admin, json });
    assert.equal(changed.statusCode, 200, changed.body);
    assert.deepEqual(await customRoles(server), { pilot: ["workspace:read"] });
    assert.equal((await sendRole(server, "pilot", "workspace:fly", { method: "PUT" })).statusCode, 400);
  });
});

describe("who may make, change and delete roles", () => {
  it("ORG-14: is who administers the organization; its members may read them, and others know of none", async (t) => {
    const server = await startTestServer(t);
    const as = (roles: readonly string[], siteRoles: readonly string[] = []) => givenUser(server, { roles, siteRoles });
    await givenRole(server, "first", "workspace:read");
    const able = [server.admin, await as(["organization-admin"])];
    const unable = [
      server.alice,
      await as(["organization-user-admin", "organization-auditor", "organization-template-admin"]),
      await as([], ["user-admin", "template-admin", "auditor"]),
      await givenUser(server, { siteRoles: ["owner"], scopes: ["assign_org_role:read", "organization:read"] }),
    ];
    for (const user of unable) {
      const read = await server.send("GET", ROLES, { as: user });
      assert.equal(read.statusCode, 200);
      for (const [answer, action] of [
        [await sendRole(server, "second", "", { as: user }), "create"],
        [await sendRole(server, "first", "", { as: user, method: "PUT" }), "update"],
        [await removeRole(server, "first", user), "delete"],
        [await removeRole(server, "unknown", user), "delete"],
        [await sendRole(server, "organization-member", "", { as: user, method: "PUT" }), "update"],
      ] as const) {
        assert.equal(answer.statusCode, 403, answer.body);
        assert.match(answer.json().message, new RegExp(`it needs the right assign_org_role:${action}$`));
      }
    }
    const elsewhere = await givenUser(server, {
      organization: server.otherOrganizationId,
      roles: ["organization-admin"],
    });
    for (const user of [server.bob, server.nobody, elsewhere]) {
      assert.equal((await server.send("GET", ROLES, { as: user })).statusCode, 404);
      assert.equal((await sendRole(server, "second", "", { as: user })).statusCode, 404);
      assert.equal((await sendRole(server, "first", "", { as: user, method: "PUT" })).statusCode, 404);
      assert.equal((await removeRole(server, "first", user)).statusCode, 404);
    }
    assert.deepEqual(await customRoles(server), { first: ["workspace:read"] });
    for (const user of able) {
      assert.equal((await sendRole(server, "second", "workspace:read", { as: user })).statusCode, 201);
      assert.equal((await sendRole(server, "second", "group:read", { as: user, method: "PUT" })).statusCode, 200);
      assert.equal((await removeRole(server, "second", user)).statusCode, 204);
    }
  });

  it("nobody makes or changes a role to grant what they may not do themselves, with their token", async (t) => {
    const server = await startTestServer(t);
    const roles = ["organization-admin"];
    const admin = await givenUser(server, { roles });
    const banned = await givenUser(server, { roles: [...roles, "organization-workspace-creation-ban"] });
    const scopes = ["assign_org_role:*", "organization:read", "workspace:read"];
    const limited = await givenUser(server, { siteRoles: ["owner"], scopes });
    await givenRole(server, "shell", "workspace:ssh workspace:read");
    await newEntries(server);
    for (const [as, grants, missing] of [
      [server.admin, "workspace:read user_secret:read", "user_secret:read"],
      [admin, "workspace:ssh workspace:read assign_role:assign", "workspace:ssh, assign_role:assign"],
      [banned, "workspace:create workspace:delete workspace:read", "workspace:create, workspace:delete"],
      [limited, "workspace:read workspace:delete template:read", "workspace:delete, template:read"],
    ] as const) {
      for (const method of ["POST", "PUT"] as const) {
        const answer = await sendRole(server, method === "POST" ? "new" : "shell", grants, { as, method });
        assert.equal(answer.statusCode, 403, answer.body);
        assert.equal(answer.json().message, `you cannot let others do what you may not do yourself: ${missing}`);
      }
    }
    // To leave a permission of somebody else's in place is to grant it, too.
    const kept = await sendRole(server, "shell", "workspace:ssh", { as: admin, method: "PUT" });
    assert.equal(kept.statusCode, 403);
    assert.deepEqual(await newEntries(server), []);
    assert.deepEqual(await customRoles(server), { shell: ["workspace:ssh", "workspace:read"] });
    const taken = await sendRole(server, "shell", "workspace:read", { as: admin, method: "PUT" });
    assert.equal(taken.statusCode, 200);
    assert.equal((await sendRole(server, "new", "workspace:read", { as: limited })).statusCode, 201);
  });

  it("may be who has a role that people have made, and then no further than that role goes", async (t) => {
    const server = await startTestServer(t);
    const rights = "assign_org_role:create assign_org_role:update assign_org_role:delete workspace:read";
    await givenRole(server, "role-keeper", rights);
    const keeper = await givenUser(server, { roles: ["role-keeper"] });
    assert.equal((await sendRole(server, "reader", "workspace:read", { as: keeper })).statusCode, 201);
    assert.equal((await sendRole(server, "writer", "workspace:update", { as: keeper })).statusCode, 403);
    const wider = await sendRole(server, "role-keeper", `${rights} workspace:update`, { as: keeper, method: "PUT" });
    assert.equal(wider.statusCode, 403);
    assert.equal((await removeRole(server, "reader", keeper)).statusCode, 204);
  });
});
