import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { addMember } from "../../src/organizations/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { givenWorker, settled } from "../support/given.ts";
import { CALLERS } from "./callers.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenTemplate, givenWorkspace, type TestTemplate, givenPrebuild as worldPrebuild } from "./world.ts";

type Place = { readonly server: TestServer; readonly template: TestTemplate };

const name = () => `w-${randomUUID().slice(0, 8)}`;
const givenPrebuild = ({ server, template }: Place) => worldPrebuild(server, template, name());
const givenNormal = ({ server, template }: Place, owner: TestUser = server.alice) =>
  givenWorkspace(server, { ownerId: owner.id, name: name(), template });

async function build(server: TestServer, as: TestUser, id: string, json: object = { transition: "delete" }) {
  return (await server.send("POST", `/api/v2/workspaces/${id}/builds`, { as, json })).statusCode;
}

async function isDeleted({ pool }: TestServer, id: string): Promise<boolean> {
  return (await pool.query("select deleted from workspaces where id = $1", [id])).rows[0].deleted;
}

for (const [vectors, caller, prebuild, normal] of [
  ["DEL-01, DEL-02", "organization-admin", 201, 201],
  ["DEL-03, DEL-04", "template-admin", 201, 403],
  ["DEL-05, DEL-06", "organization-template-admin", 201, 403],
  ["DEL-08, DEL-09", "member", 404, 404],
  ["DEL-11, DEL-12", "owner", 201, 201],
  ["DEL-13", "organization-auditor", 404, 404],
  ["DEL-20", "organization-admin who may not create workspaces", 201, 403],
  ["the rest", "auditor", 404, 404],
  ["the rest", "user-admin", 404, 404],
  ["the rest", "organization-user-admin", 404, 404],
] as const) {
  test(`deleting as ${caller} is answered ${prebuild} for a prebuild and ${normal} for another's workspace (${vectors})`, async (t) => {
    const server = await startTestServer(t);
    const template = await givenTemplate(server);
    const as = await givenUser(server, CALLERS[caller]);
    const targets = [
      [await givenPrebuild({ server, template }), prebuild],
      [await givenNormal({ server, template }), normal],
    ] as const;
    for (const [{ id }, expected] of targets) assert.equal(await build(server, as, id), expected);
    givenWorker(t, server.context).poke();
    await settled(server);
    for (const [{ id }, expected] of targets) assert.equal(await isDeleted(server, id), expected === 201);
  });
}

test("a member deletes what is theirs, and nobody does so twice (DEL-10)", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenNormal({ server, template });
  assert.equal(await build(server, server.alice, id), 201);
  givenWorker(t, server.context).poke();
  await settled(server);
  assert.equal(await isDeleted(server, id), true);
  for (const transition of ["delete", "start"]) {
    const path = `/api/v2/workspaces/${id}/builds`;
    const again = await server.send("POST", path, { as: server.alice, json: { transition } });
    assert.deepEqual([again.statusCode, again.json().message], [404, "the workspace has been deleted"]);
  }
});

test("an admin of another organization finds no prebuild to delete (DEL-07)", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenPrebuild({ server, template });
  for (const role of ["organization-template-admin", "organization-admin"]) {
    const as = await givenUser(server, { organization: server.otherOrganizationId, roles: [role] });
    assert.equal(await build(server, as, id), 404, role);
    // Being a member of the prebuild's organization changes nothing: the role is held in the other one.
    await addMember(server.pool, { organizationId: server.defaultOrganizationId, userId: as.id });
    server.advance(3_000);
    assert.equal(await build(server, as, id), 404, role);
  }
});

test("a template admin neither starts nor stops a prebuild; who may do that with workspaces does (DEL-14, DEL-15)", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenPrebuild({ server, template });
  for (const caller of ["template-admin", "organization-template-admin"] as const) {
    const as = await givenUser(server, CALLERS[caller]);
    for (const transition of ["start", "stop"]) assert.equal(await build(server, as, id, { transition }), 403, caller);
  }
  const admin = await givenUser(server, CALLERS["organization-admin"]);
  assert.equal(await build(server, admin, id, { transition: "stop" }), 201);
});

test("a token deletes prebuilds when its scopes let it read, change and delete them, and workspaces never (DEL-16 to DEL-19)", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const prebuild = await givenPrebuild({ server, template });
  const normal = await givenNormal({ server, template });
  const scoped = (...scopes: string[]) => givenUser(server, { ...CALLERS["organization-admin"], scopes });
  const holds = ["prebuilt_workspace:update", "prebuilt_workspace:delete"];
  for (const [scopes, ofPrebuild, ofNormal] of [
    [["prebuilt_workspace:delete"], 404, 404],
    [holds, 404, 404],
    [["workspace:read", "prebuilt_workspace:delete"], 403, 403],
    [["workspace:read", "prebuilt_workspace:update"], 403, 403],
    [["workspace:read", "workspace:delete"], 403, 403],
    [["workspace:read", ...holds], 201, 403],
    [["workspace:read", "workspace:update", "workspace:delete"], 409, 201],
  ] as const) {
    const as = await scoped(...scopes);
    // 409: the right is there, and the deletion that the row before it asked for is under way.
    assert.equal(await build(server, as, prebuild.id), ofPrebuild, scopes.join(" "));
    assert.equal(await build(server, as, normal.id), ofNormal, scopes.join(" "));
  }
  const blind = await scoped(...holds);
  assert.equal((await server.send("GET", `/api/v2/workspaces/${prebuild.id}`, { as: blind })).statusCode, 404);
});

test("a prebuild that has been claimed is no longer a template admin's to delete (DEL-21)", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenPrebuild({ server, template });
  await server.pool.query("update workspaces set owner_id = $2, name = 'dev' where id = $1", [id, server.alice.id]);
  const admin = await givenUser(server, CALLERS["template-admin"]);
  assert.equal(await build(server, admin, id), 403);
  assert.equal(await build(server, server.alice, id), 201);
});

test("while a build is under way a prebuild is not deleted, whoever asks (DEL-22)", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const admin = await givenUser(server, CALLERS["organization-admin"]);
  for (const job of ["pending", "running", "canceling"] as const) {
    const ownerId = PREBUILDS_SYSTEM_USER_ID;
    const { id } = await givenWorkspace(server, { ownerId, name: job, template, presetId: template.smallId, job });
    assert.equal(await build(server, admin, id), 409, job);
  }
});

test("to orphan a workspace, and to give it a state, one must be able to change its template (DEL-23)", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const scopes = ["workspace:*", "prebuilt_workspace:*"];
  const withoutTemplates = await givenUser(server, { ...CALLERS["organization-admin"], scopes });
  const orphan = { transition: "delete", orphan: true };
  const prebuild = await givenPrebuild({ server, template });
  assert.equal(await build(server, withoutTemplates, prebuild.id, orphan), 403);
  const own = await givenNormal({ server, template });
  for (const json of [orphan, { transition: "stop", state: "" }, { transition: "delete", state: "c3RhdGU=" }]) {
    const answer = await server.send("POST", `/api/v2/workspaces/${own.id}/builds`, { as: server.alice, json });
    assert.equal(answer.statusCode, 403);
    assert.match(answer.json().message, /template:update/);
  }
  // A template admin may change the template, and yet not delete what is somebody's.
  const admin = await givenUser(server, CALLERS["template-admin"]);
  assert.equal(await build(server, admin, own.id, orphan), 403);
  assert.equal(await build(server, admin, prebuild.id, orphan), 201);
});

test("a build is canceled by who may change its workspace, which template admins may as long as it is a prebuild", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const cancel = async (as: TestUser, buildId: string) =>
    (await server.send("PATCH", `/api/v2/workspacebuilds/${buildId}/cancel`, { as })).statusCode;
  for (const [caller, prebuild, normal] of [
    ["organization-admin", 200, 200],
    ["template-admin", 200, 403],
    ["organization-template-admin", 200, 403],
    ["member", 404, 404],
    ["organization-auditor", 404, 404],
  ] as const) {
    const as = await givenUser(server, CALLERS[caller]);
    const pending = { template, job: "pending" } as const;
    const one = await givenWorkspace(server, { ...pending, ownerId: PREBUILDS_SYSTEM_USER_ID, name: name() });
    const other = await givenWorkspace(server, { ...pending, ownerId: server.alice.id, name: name() });
    assert.deepEqual([await cancel(as, one.buildId), await cancel(as, other.buildId)], [prebuild, normal], caller);
  }
});
