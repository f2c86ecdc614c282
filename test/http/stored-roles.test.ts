import assert from "node:assert/strict";
import { it } from "node:test";
import { reconcileSystemRoles } from "../../src/organizations/reconcile.ts";
import { createRoleReader } from "../../src/organizations/stored-role-store.ts";
import type { Permission } from "../../src/rbac/permission.ts";
import { countStatements, givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenTemplate, givenWorkspace, type TestTemplate } from "./world.ts";

/** For so long a server may go on with what it knows of a caller, unless rights are needed for a change. */
const BELIEVED_MS = 3_000;

const ORGANIZATION = "/api/v2/organizations/default";

type Lists = { readonly org?: readonly unknown[]; readonly member?: readonly unknown[] };

/** Writes the role of all members of the default organization by hand. */
async function editRole({ pool, defaultOrganizationId }: TestServer, { org, member }: Lists): Promise<void> {
  await pool.query(
    `update custom_roles set org_permissions = coalesce($2, org_permissions),
       member_permissions = coalesce($3, member_permissions)
     where organization_id = $1 and is_system`,
    [defaultOrganizationId, org && JSON.stringify(org), member && JSON.stringify(member)],
  );
}

/** What the role of all members of the default organization grants there, and of one's own. */
async function readRole({ pool, defaultOrganizationId }: TestServer) {
  const { rows } = await pool.query<{ org: Permission[]; member: Permission[] }>(
    `select org_permissions as org, member_permissions as member from custom_roles
     where organization_id = $1 and is_system`,
    [defaultOrganizationId],
  );
  return rows[0] ?? assert.fail("there is no such role");
}

const permission = (resource_type: string, action: string): Permission => ({ negate: false, resource_type, action });

const get = async (server: TestServer, path: string, as: TestUser = server.alice): Promise<number> =>
  (await server.send("GET", path, { as })).statusCode;

let made = 0;
/** Asks for a new workspace of the caller's own, about which the server believes what it knows. */
async function create(server: TestServer, { id: template_id }: TestTemplate, as: TestUser = server.alice) {
  made += 1;
  const json = { name: `made-${made}`, template_id };
  return (await server.send("POST", `${ORGANIZATION}/members/me/workspaces`, { as, json })).statusCode;
}

/** Asks to change something of alice's own workspace. */
async function change(server: TestServer, workspaceId: string): Promise<number> {
  made += 1;
  const json = { automatic_updates: made % 2 === 0 ? "always" : "never" };
  return (await server.send("PUT", `/api/v2/workspaces/${workspaceId}/autoupdates`, { as: server.alice, json }))
    .statusCode;
}

/** Asks to rename the default organization, as anybody but its administrators should be refused. */
async function rename(server: TestServer, as: TestUser = server.alice) {
  made += 1;
  return (await server.send("PATCH", ORGANIZATION, { as, json: { display_name: `Named ${made}` } })).statusCode;
}

it("what a hand writes into a role counts from the next change on, and for what is read within three seconds", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
  const right = await readRole(server);
  assert.deepEqual([await change(server, id), await get(server, ORGANIZATION)], [204, 200]);

  await t.test("what is taken away", async () => {
    await editRole(server, {
      org: [],
      member: right.member.filter(({ resource_type }) => resource_type !== "workspace"),
    });
    assert.equal(await get(server, ORGANIZATION), 200, "what was just looked up is believed");
    assert.deepEqual([await create(server, template), await get(server, ORGANIZATION)], [201, 200]);
    assert.equal(await change(server, id), 404);
    assert.equal(await create(server, template), 404);
    assert.equal(await get(server, ORGANIZATION), 404, "what a change has looked up anew is known at once");
    await editRole(server, right);
    server.advance(BELIEVED_MS);
    assert.equal(await get(server, ORGANIZATION), 200);
    await editRole(server, { org: [] });
    server.advance(BELIEVED_MS);
    assert.equal(await get(server, ORGANIZATION), 404);
  });

  await t.test("what is added", async () => {
    await editRole(server, right);
    assert.equal(await rename(server), 403);
    await editRole(server, { org: [...right.org, permission("organization", "update")] });
    assert.equal(await rename(server), 200);
  });

  await t.test("a denial of what another role allows", async () => {
    const admin = await givenUser(server, { roles: ["organization-admin"] });
    assert.equal(await rename(server, admin), 200);
    await editRole(server, { org: [...right.org, { ...permission("organization", "update"), negate: true }] });
    assert.deepEqual([await rename(server, admin), await rename(server, server.admin)], [403, 200], "but not an owner");
  });

  await t.test("and so does what the daemon puts right", async () => {
    await editRole(server, { org: [...right.org, permission("organization", "update")], member: [] });
    assert.deepEqual([await rename(server), await change(server, id)], [200, 404]);
    assert.equal((await reconcileSystemRoles(server.context)).length, 1);
    assert.deepEqual([await rename(server), await change(server, id)], [403, 204]);
  });

  await t.test("edits that follow one another at once are never taken for one another", async () => {
    const updating = [...right.org, permission("organization", "update")];
    for (let round = 0; round < 5; round += 1) {
      await editRole(server, { org: updating });
      assert.equal(await rename(server), 200);
      await editRole(server, { org: right.org });
      assert.equal(await rename(server), 403);
    }
  });
});

it("where the role of all members is empty, or not there, a member can do nothing that it would allow", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id, buildId } = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
  const admin = await givenUser(server, { roles: ["organization-admin"] });
  const member = `${ORGANIZATION}/members/me`;
  const reading = [
    ...[ORGANIZATION, `${ORGANIZATION}/members`, member, `${ORGANIZATION}/members/roles`, `${ORGANIZATION}/groups`],
    ...[`${ORGANIZATION}/templates`, `${ORGANIZATION}/settings/workspace-sharing`, "/api/v2/organizations"],
    ...[`/api/v2/workspaces/${id}`, `/api/v2/users/me/workspace/dev`, "/api/v2/prebuilds/settings"],
    ...[`/api/v2/workspacebuilds/${buildId}`, `/api/v2/workspacebuilds/${buildId}/logs`],
  ];
  const changing = [
    ["PUT", `/api/v2/workspaces/${id}/autoupdates`, { automatic_updates: "always" }],
    ["PATCH", `/api/v2/workspaces/${id}/acl`, { user_roles: {} }],
    ["POST", `/api/v2/workspaces/${id}/builds`, { transition: "stop" }],
  ] as const;
  /** How everything that the role allows is answered to a member, without repetitions. */
  const ask = async (as: TestUser) => {
    server.advance(BELIEVED_MS);
    const read = await Promise.all(reading.map((path) => get(server, path, as)));
    const changed = [];
    for (const [method, path, json] of changing)
      changed.push((await server.send(method, path, { as, json })).statusCode);
    return [...read, ...changed, await create(server, template, as)];
  };
  const isRefused = (status: number) => status === 403 || status === 404;
  const right = await readRole(server);
  for (const [state, put] of [
    ["empty", () => editRole(server, { org: [], member: [] })],
    ["full of what is not a permission", () => editRole(server, { org: ["x", null, {}], member: [[], 3] })],
    ["not there", () => server.pool.query("delete from custom_roles")],
  ] as const) {
    await t.test(`when it is ${state}`, async () => {
      await put();
      const refused = await ask(server.alice);
      assert.deepEqual(
        refused.filter((status) => !isRefused(status)),
        [],
        String(refused),
      );
      const listed = await server.send("GET", "/api/v2/workspaces", { as: server.alice });
      assert.deepEqual(listed.json(), { workspaces: [], count: 0 }, "only what is shared is listed");
      assert.equal(await get(server, "/api/v2/users/me"), 200, "what is nobody's but one's own stays");
      assert.equal(await get(server, `/api/v2/templates/${template.id}`), 200, "and so does what is shared");
      assert.deepEqual(
        [await get(server, ORGANIZATION, admin), await rename(server, admin)],
        [200, 200],
        "and roles given",
      );
      assert.equal(await get(server, ORGANIZATION, server.admin), 200);
    });
  }

  await t.test("until the daemon has put it right", async () => {
    await reconcileSystemRoles(server.context);
    assert.deepEqual(await readRole(server), right);
    const allowed = await ask(server.alice);
    assert.deepEqual(allowed.filter(isRefused), [], String(allowed));
  });
});

it("permissions that nobody knows, and system roles of another name, grant nothing and do no harm", async (t) => {
  const server = await startTestServer(t);
  const { pool, defaultOrganizationId } = server;
  const unknown = [
    ...["x", null, 3, {}, [permission("organization", "update")], { resource_type: "organization", action: 7 }],
    ...[permission("spaceship", "fly"), permission("organization", "fly"), permission("", "")],
    ...[permission("Organization", "update"), permission("organization:update", "")],
  ];
  const everything = [permission("*", "*")];

  await t.test("in the role of all members", async () => {
    const { org, member } = await readRole(server);
    await editRole(server, { org: [...unknown, ...org], member: [...unknown, ...member] });
    assert.deepEqual([await get(server, ORGANIZATION), await rename(server)], [200, 403]);
    await reconcileSystemRoles(server.context);
  });

  await t.test("in a role that people have made", async () => {
    const org = [...unknown, permission("organization", "update")];
    await pool.query("insert into custom_roles (name, organization_id, org_permissions) values ('renamer', $1, $2)", [
      defaultOrganizationId,
      JSON.stringify(org),
    ]);
    const holder = await givenUser(server, { roles: ["renamer", "gone"] });
    assert.deepEqual([await rename(server, holder), await rename(server)], [200, 403]);
  });

  await t.test("in a system role that another release may have made", async () => {
    await pool.query(
      `insert into custom_roles (name, organization_id, is_system, site_permissions, org_permissions, user_permissions,
         member_permissions) values ('organization-service-account', $1, true, $2, $2, $2, $2)`,
      [defaultOrganizationId, JSON.stringify(everything)],
    );
    assert.equal(await rename(server), 403);
    const named = await givenUser(server, { roles: ["organization-service-account"] });
    assert.equal(await rename(server, named), 403);
  });

  await t.test("in the lists of the role of all members that are for the whole deployment", async () => {
    await pool.query("update custom_roles set site_permissions = $1, user_permissions = $1 where is_system", [
      JSON.stringify(everything),
    ]);
    assert.equal(await rename(server), 403);
    assert.equal(await get(server, "/api/v2/users/bob"), 404);
  });
});

it("what a version of a role grants is read once, and what is gone is not remembered", async (t) => {
  const server = await startTestServer(t);
  const { pool, defaultOrganizationId } = server;
  const statements = countStatements(pool);
  const reads = () => statements.splice(0).filter((text) => text.includes("from custom_roles where id = any")).length;
  const lookUp = async (as: TestUser) => {
    server.advance(BELIEVED_MS);
    assert.equal(await get(server, ORGANIZATION, as), 200);
    return reads();
  };
  assert.deepEqual([await lookUp(server.alice), await lookUp(server.alice)], [1, 0]);
  assert.equal(await lookUp(await givenUser(server)), 0, "nor for another member");
  await pool.query("update custom_roles set updated_at = now() where organization_id = $1", [defaultOrganizationId]);
  assert.deepEqual([await lookUp(server.alice), await lookUp(server.alice)], [1, 0]);

  const { rows } = await pool.query<{ id: string; name: string; version: string }>(
    "select id, name, xmin::text as version from custom_roles where organization_id = $1",
    [defaultOrganizationId],
  );
  const [role = assert.fail()] = rows;
  const readRoles = createRoleReader(pool);
  assert.equal((await readRoles([role])).get(role.id)?.name, "organization-member");
  await pool.query("delete from custom_roles where id = $1", [role.id]);
  assert.deepEqual([...(await readRoles([{ ...role, version: "1" }]))], []);
});
