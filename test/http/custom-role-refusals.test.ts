import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ORGANIZATION_ROLES, SITE_ROLES } from "../../src/rbac/roles.ts";
import { newEntries } from "./effects.ts";
import { fingerprint } from "./fingerprint.ts";
import { customRoles, fieldsOf, givenRole, permissionsOf, ROLES, removeRole, sendRole } from "./roles.ts";
import { givenUser, startTestServer } from "./server.ts";

const RESERVED = [
  "member",
  "organization-member",
  "organization-service-account",
  ...SITE_ROLES,
  ...ORGANIZATION_ROLES,
];

describe("what is refused about roles", () => {
  it("ORG-08 and the like: names of roles that are there anyway, names of bad form, and what such a role cannot grant", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    await newEntries(server);
    const before = await fingerprint(server.pool);
    const some = permissionsOf("workspace:read");
    const cases: [field: string, name: string, more: object][] = [
      ...RESERVED.flatMap((name): [string, string, object][] => [
        ["name", name, {}],
        ["name", name.toUpperCase(), {}],
      ]),
      ...["", "two words", "-x", "x_y", "x".repeat(65)].map((name): [string, string, object] => ["name", name, {}]),
      ["site_permissions", "new", { site_permissions: some }],
      ["user_permissions", "new", { user_permissions: some }],
      ["organization_member_permissions", "new", { organization_member_permissions: some }],
      ["is_system", "new", { is_system: true }],
      ["organization_permissions", "new", { organization_permissions: undefined }],
      ["organization_permissions", "new", { organization_permissions: Array(501).fill(some[0]) }],
      ["organization_permissions.0.negate", "new", { organization_permissions: [{ ...some[0], negate: true }] }],
      ...["workspace:*", "*:read", "*:*", "workspace:fly", "spaceship:read", "prebuilt_workspace:create"].map(
        (word): [string, string, object] => [
          "organization_permissions.0",
          "new",
          { organization_permissions: permissionsOf(word) },
        ],
      ),
    ];
    for (const [field, name, more] of cases) {
      const answer = await sendRole(server, name, "", { more });
      assert.equal(answer.statusCode, 400, `${name} ${JSON.stringify(more)}`);
      assert.deepEqual(fieldsOf(answer), [field], `${name} ${answer.body}`);
    }
    for (const [field, name, more] of cases) {
      const changed = await sendRole(server, name === "new" ? "reader" : name, "", { more, method: "PUT" });
      const hidden = name.toLowerCase() === "organization-member";
      assert.equal(changed.statusCode, hidden ? 404 : 400, `${name} ${changed.body}`);
      if (!hidden) assert.deepEqual(fieldsOf(changed), [field], `${name} ${changed.body}`);
    }
    assert.deepEqual(await fingerprint(server.pool), before);
  });

  it("ORG-10, ORG-11: permissions on levels that such a role does not have, with the field that is wrong", async (t) => {
    const server = await startTestServer(t);
    const some = permissionsOf("workspace:read");
    const wrong = await sendRole(server, "new", "workspace:read", {
      more: { user_permissions: some, organization_member_permissions: some },
    });
    assert.equal(wrong.statusCode, 400);
    assert.deepEqual(fieldsOf(wrong), ["user_permissions", "organization_member_permissions"]);
    assert.deepEqual(await customRoles(server), {});
  });

  it("ORG-13: a role that there is not can neither be changed nor deleted", async (t) => {
    const server = await startTestServer(t);
    for (const name of ["unknown", ...ORGANIZATION_ROLES, "owner", "x".repeat(200), "%27", "a%20b"]) {
      assert.equal((await removeRole(server, name)).statusCode, 404, name);
    }
    const messageFor = async (name: string) => (await removeRole(server, name)).json().message;
    assert.match(await messageFor("unknown"), /^the role unknown does not exist/);
    assert.match(await messageFor("organization-member"), /^the role organization-member does not exist/);
    assert.equal(
      await messageFor("Organization-Admin"),
      "the role organization-admin is built in and cannot be deleted",
    );
    const builtIn = await sendRole(server, "organization-admin", "workspace:read", { method: "PUT" });
    assert.match(builtIn.json().validations[0].detail, /organization-admin is a role of .*; it cannot be changed$/);
    const changed = await sendRole(server, "unknown", "workspace:read", { method: "PUT" });
    assert.equal(changed.statusCode, 404);
    assert.match(changed.json().message, /^the role unknown does not exist/);
  });
});

describe("the role that every member has", () => {
  it("ORG-05, ORG-07: is in no list, and nobody makes, changes or deletes it", async (t) => {
    const server = await startTestServer(t);
    const before = await fingerprint(server.pool);
    for (const as of [server.admin, await givenUser(server, { roles: ["organization-admin"] })]) {
      for (const name of ["organization-member", "Organization-Member"]) {
        assert.equal((await removeRole(server, name, as)).statusCode, 404);
        const grants = "workspace:read";
        assert.equal((await sendRole(server, name, grants, { as, method: "PUT" })).statusCode, 404);
        const more = { organization_permissions: [] };
        assert.equal((await sendRole(server, name, "", { as, method: "PUT", more })).statusCode, 404);
        assert.equal((await sendRole(server, name, grants, { as })).statusCode, 400);
      }
      const listed = (await server.send("GET", ROLES, { as })).json();
      assert.deepEqual(
        listed.map(({ name }: { name: string }) => name),
        ORGANIZATION_ROLES,
      );
    }
    const { custom_roles: roles } = await fingerprint(server.pool);
    assert.equal(roles, before["custom_roles"]);
    const { rows } = await server.pool.query("select is_system, org_permissions <> '[]' as filled from custom_roles");
    assert.deepEqual(rows, Array(2).fill({ is_system: true, filled: true }));
  });

  it("is not reached through a row that has the name of a built-in role", async (t) => {
    const server = await startTestServer(t);
    await server.pool.query("insert into custom_roles (name, organization_id) values ('organization-admin', $1)", [
      server.defaultOrganizationId,
    ]);
    const admin = await givenUser(server, { roles: ["organization-admin"] });
    assert.deepEqual(await customRoles(server), {});
    assert.equal((await removeRole(server, "organization-admin")).statusCode, 404);
    const changed = await sendRole(server, "organization-admin", "workspace:read", { method: "PUT" });
    assert.deepEqual([changed.statusCode, fieldsOf(changed)], [400, ["name"]]);
    const { rows } = await server.pool.query("select roles from organization_members where user_id = $1", [admin.id]);
    assert.deepEqual(rows, [{ roles: ["organization-admin"] }]);
  });
});
