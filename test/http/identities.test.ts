import assert from "node:assert/strict";
import { test } from "node:test";
import { createOrganization, ensureDefaultOrganization, findOrganization } from "../../src/organizations/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { createUser, ensureAdmin, findUser } from "../../src/users/store.ts";
import { createTestDatabase } from "../support/database.ts";
import { startTestServer } from "./server.ts";
import { givenTemplate } from "./world.ts";

test("replicas that start at once end up with one default organization and one admin", async (t) => {
  const { pool } = await createTestDatabase(t);
  const admins = await Promise.all(Array.from({ length: 5 }, () => ensureAdmin(pool)));
  assert.equal(new Set(admins.map(({ id }) => id)).size, 1);
  assert.deepEqual([admins[0]?.rbac_roles, admins[0]?.organization_ids.length], [["owner"], 1]);
  const { rows } = await pool.query(
    `select o.name, o.is_default, g.id = o.id as same_id, g.name as group_name,
        array(select user_id::text from organization_members m where m.organization_id = o.id order by user_id) as members
      from organizations o join groups g on g.organization_id = o.id`,
  );
  assert.deepEqual(rows, [
    {
      name: "default",
      is_default: true,
      same_id: true,
      group_name: "Everyone",
      members: [PREBUILDS_SYSTEM_USER_ID, admins[0]?.id].sort(),
    },
  ]);
});

test("an organization that is called default already becomes the default one", async (t) => {
  const { pool } = await createTestDatabase(t);
  const made = await createOrganization(pool, { name: "Default" });
  const ensured = await ensureDefaultOrganization(pool);
  assert.deepEqual([ensured.id, ensured.is_default], [made.id, true]);
});

test("the default organization is found by that word also under another name", async (t) => {
  const { pool } = await createTestDatabase(t);
  const { id } = await ensureDefaultOrganization(pool);
  await pool.query("update organizations set name = 'main'");
  const impostor = await createOrganization(pool, { name: "default" });
  assert.equal((await findOrganization(pool, "default"))?.id, id);
  assert.equal((await findOrganization(pool, "MAIN"))?.id, id);
  assert.equal((await findOrganization(pool, impostor.id))?.id, impostor.id);
  assert.equal((await ensureDefaultOrganization(pool)).id, id);
});

test("an admin who was given other roles keeps them", async (t) => {
  const { pool } = await createTestDatabase(t);
  await createUser(pool, { username: "admin", email: "admin@example.com", siteRoles: ["auditor"] });
  assert.deepEqual((await ensureAdmin(pool)).rbac_roles, ["auditor"]);
});

test("a name or an email address that is taken is a conflict", async (t) => {
  const { pool } = await createTestDatabase(t);
  await createUser(pool, { username: "alice", email: "alice@example.com" });
  await assert.rejects(createUser(pool, { username: "ALICE", email: "a@example.com" }), { kind: "conflict" });
  await assert.rejects(createUser(pool, { username: "a", email: "ALICE@example.com" }), { kind: "conflict" });
  await createOrganization(pool, { name: "lab" });
  await assert.rejects(createOrganization(pool, { name: "LAB" }), { kind: "conflict" });
  const { id } = (await findUser(pool, "ALICE@example.com")) ?? {};
  assert.ok(id !== undefined && (await findUser(pool, id.toUpperCase()))?.username === "alice");
});

test("SYS-02, SYS-04: system users are left out of the list of users, and of its count, unless they are asked for", async (t) => {
  const server = await startTestServer(t);
  const list = async (query: string) => {
    const answer = (await server.send("GET", `/api/v2/users?${query}`, { as: server.admin })).json();
    return { names: answer.users.map(({ username }: { username: string }) => username), count: answer.count };
  };
  assert.deepEqual(await list(""), { names: ["admin", "alice", "bob", "nobody"], count: 4 });
  assert.deepEqual(await list("limit=2&offset=1"), { names: ["alice", "bob"], count: 4 });
  assert.deepEqual(await list("include_system=true&limit=1&offset=4"), { names: ["prebuilds"], count: 5 });
  assert.deepEqual(await list("offset=9"), { names: [], count: 4 });
  await server.pool.query("update users set status = 'dormant' where username = 'nobody'");
  assert.equal((await list("status=active")).count, 3);
  assert.equal((await list("status=active&include_system=true")).count, 4);
});

for (const [number, by, reference] of [
  ["SYS-07", "id", PREBUILDS_SYSTEM_USER_ID],
  ["SYS-08", "email address", "prebuilds@system"],
]) {
  test(`${number}: the system user is found by its ${by} like any other`, async (t) => {
    const server = await startTestServer(t);
    const answer = await server.send("GET", `/api/v2/users/${reference}`, { as: server.admin });
    const { id, username, email, name, status, login_type, is_system, roles } = answer.json();
    assert.deepEqual(
      { id, username, email, name, status, login_type, is_system, roles },
      {
        ...{ id: PREBUILDS_SYSTEM_USER_ID, username: "prebuilds", email: "prebuilds@system", name: "Prebuilds Owner" },
        ...{ status: "active", login_type: "none", is_system: true, roles: [] },
      },
    );
  });
}

test("users see themselves by id, name and me, and nobody else", async (t) => {
  const server = await startTestServer(t);
  for (const reference of ["me", "alice", "ALICE", server.alice.id]) {
    const answer = await server.send("GET", `/api/v2/users/${reference}`, { as: server.alice });
    assert.equal(answer.json().id, server.alice.id);
  }
  assert.equal((await server.send("GET", "/api/v2/users/bob", { as: server.alice })).statusCode, 404);
  assert.equal((await server.send("GET", "/api/v2/users/bob", { as: server.admin })).json().username, "bob");
  const list = (await server.send("GET", "/api/v2/users", { as: server.alice })).json();
  assert.deepEqual([list.count, list.users[0].username], [1, "alice"]);
});

test("members see their organizations, and the site owner all of them", async (t) => {
  const server = await startTestServer(t);
  const list = async (as: typeof server.alice) =>
    (await server.send("GET", "/api/v2/organizations", { as })).json().map(({ name }: { name: string }) => name);
  assert.deepEqual(await list(server.alice), ["default"]);
  assert.deepEqual(await list(server.bob), ["other"]);
  assert.deepEqual(await list(server.admin), ["default", "other"]);
  for (const reference of ["default", "DEFAULT", server.defaultOrganizationId]) {
    const answer = await server.send("GET", `/api/v2/organizations/${reference}`, { as: server.alice });
    assert.equal(answer.json().id, server.defaultOrganizationId, reference);
  }
});

test("members read the templates, versions and presets of their organizations only", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const paths = [
    `/templates/${template.id}`,
    "/organizations/default/templates",
    "/organizations/default/templates/DEVBOX",
    `/templateversions/${template.versionId}`,
    `/templateversions/${template.versionId}/presets`,
  ];
  for (const path of paths) {
    assert.equal((await server.send("GET", `/api/v2${path}`, { as: server.alice })).statusCode, 200, path);
    assert.equal((await server.send("GET", `/api/v2${path}`, { as: server.bob })).statusCode, 404, path);
  }
  const seen = async (as: typeof server.alice) => (await server.send("GET", "/api/v2/templates", { as })).json();
  assert.equal((await seen(server.bob)).length, 0);
  const [shown] = await seen(server.alice);
  assert.deepEqual(
    [shown.id, shown.active_version_id, shown.default_ttl_ms, shown.deprecated, shown.organization_name],
    [template.id, template.versionId, 8 * 3_600_000, false, "default"],
  );
});

test("presets are shown with their parameters, the default one first", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const path = `/api/v2/templateversions/${template.versionId}/presets`;
  assert.deepEqual((await server.send("GET", path, { as: server.alice })).json(), [
    {
      id: template.plainId,
      name: "plain",
      desired_prebuild_instances: null,
      default: true,
      description: "nothing in it",
      icon: "",
      parameters: [{ name: "size", value: "plain" }],
    },
    {
      id: template.smallId,
      name: "small",
      desired_prebuild_instances: 3,
      default: false,
      description: "",
      icon: "",
      parameters: [{ name: "size", value: "small" }],
    },
  ]);
});

test("members see the pools of their organizations only", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const pools = async (as: typeof server.alice) => (await server.send("GET", "/api/v2/prebuilds/pools", { as })).json();
  for (const as of [server.alice, server.admin]) {
    assert.deepEqual(
      (await pools(as)).map(({ preset_id }: { preset_id: string }) => preset_id),
      [template.smallId],
    );
  }
  assert.deepEqual(await pools(server.bob), []);
  const plan = (await server.send("GET", "/api/v2/prebuilds/plan", { as: server.admin })).json();
  assert.equal(plan.presets[0].preset_name, "small");
});
