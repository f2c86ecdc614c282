import assert from "node:assert/strict";
import { test } from "node:test";
import { addMember } from "../../src/organizations/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { buildsWithStatus } from "../../src/workspaces/view.ts";
import { countStatements, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenPrebuild, givenTemplate, givenWorkspace, type TestTemplate } from "./world.ts";

const create = "/api/v2/organizations/default/members/me/workspaces";

function ask(server: TestServer, as: TestUser, json: object, path = create) {
  return server.send("POST", path, { as, json });
}

async function names(server: TestServer, as: TestUser, query: string): Promise<string[]> {
  const answer = await server.send("GET", `/api/v2/workspaces?${query}`, { as });
  assert.equal(answer.statusCode, 200, answer.body);
  return answer.json().workspaces.map(({ name }: { name: string }) => name);
}

test("a ready prebuild is handed over, and the answer says so", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const prebuild = await givenPrebuild(server, template);
  const answer = await ask(server, server.alice, {
    name: "dev",
    template_id: template.id,
    template_version_preset_id: template.smallId,
  });
  assert.equal(answer.statusCode, 201, answer.body);
  const workspace = answer.json();
  assert.equal(workspace.id, prebuild.id);
  assert.equal(workspace.claimed, true);
  assert.ok(!("miss_reason" in workspace));
  assert.deepEqual(
    [workspace.name, workspace.owner_name, workspace.organization_name, workspace.template_name],
    ["dev", "alice", "default", "devbox"],
  );
  assert.deepEqual([workspace.is_prebuild, workspace.outdated, workspace.ttl_ms], [false, false, 8 * 3_600_000]);
  assert.deepEqual(
    [workspace.latest_build.build_number, workspace.latest_build.transition, workspace.latest_build.status],
    [2, "start", "pending"],
  );
  assert.equal(workspace.latest_build.initiator_name, "alice");
  assert.equal(workspace.latest_build.template_version_preset_id, template.smallId);
  const read = await server.send("GET", "/api/v2/users/me/workspace/DEV", { as: server.alice });
  const { claimed, ...shown } = workspace;
  assert.deepEqual(read.json(), shown);
});

test("a claim asks the database nothing about its caller that is known already", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  await givenPrebuild(server, template);
  await server.send("GET", "/api/v2/buildinfo", { as: server.alice });
  const statements = countStatements(server.pool);
  const claim = { name: "dev", template_id: template.id, template_version_preset_id: template.smallId };
  assert.equal((await ask(server, server.alice, claim)).json().claimed, true);
  assert.ok(
    !statements.some((text) => /hashed_secret|from users u\s+where|^select from organization_members/.test(text)),
  );
});

test("without a prebuild a new workspace is built, and the answer says why", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const preset = await ask(server, server.alice, {
    name: "one",
    template_id: template.id,
    template_version_preset_id: template.smallId,
  });
  assert.deepEqual([preset.statusCode, preset.json().claimed, preset.json().miss_reason], [201, false, "pool_empty"]);
  const none = await ask(server, server.alice, { name: "two", template_version_id: template.versionId });
  assert.deepEqual([none.statusCode, none.json().claimed, none.json().miss_reason], [201, false, "no_preset"]);
  assert.equal(none.json().latest_build.status, "pending");
});

test("a name that is taken is a conflict that names the field", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const json = { name: "dev", template_id: template.id };
  assert.equal((await ask(server, server.alice, json)).statusCode, 201);
  const again = await ask(server, server.alice, { ...json, name: "DEV" });
  assert.equal(again.statusCode, 409);
  assert.equal(again.json().validations[0].field, "name");
});

test("the site owner makes workspaces for members, and for nobody else", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const make = (user: string) =>
    ask(
      server,
      server.admin,
      { name: "dev", template_id: template.id },
      `/api/v2/organizations/${server.defaultOrganizationId}/members/${user}/workspaces`,
    );
  const forAlice = await make("alice");
  assert.equal(forAlice.statusCode, 201, forAlice.body);
  assert.deepEqual([forAlice.json().owner_name, forAlice.json().latest_build.initiator_name], ["alice", "admin"]);
  assert.equal((await make("bob")).statusCode, 404);
  assert.equal((await make("prebuilds")).statusCode, 403);
  assert.equal((await make("who")).statusCode, 404);
});

test("a member makes workspaces for themselves only, and only where they are a member", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const json = { name: "dev", template_id: template.id };
  for (const [organization, user, status] of [
    ["default", "admin", 403],
    ["default", "bob", 404],
    ["default", "nobody-at-all", 404],
    ["other", "me", 404],
    ["nowhere", "me", 404],
  ] as const) {
    const path = `/api/v2/organizations/${organization}/members/${user}/workspaces`;
    assert.equal((await ask(server, server.alice, json, path)).statusCode, status, path);
  }
  // A template of another organization is not reached by going through one's own.
  const through = await ask(server, server.bob, json, "/api/v2/organizations/other/members/me/workspaces");
  assert.equal(through.statusCode, 404);
});

test("a list shows members their own workspaces and the site owner all of them, page by page", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  for (const name of ["c", "a", "B"]) await givenWorkspace(server, { ownerId: server.alice.id, name, template });
  await givenWorkspace(server, { ownerId: server.admin.id, name: "z", template });
  assert.deepEqual(await names(server, server.alice, ""), ["a", "B", "c"]);
  assert.deepEqual(await names(server, server.admin, ""), ["z", "a", "B", "c"]);
  assert.deepEqual(await names(server, server.bob, ""), []);
  assert.deepEqual(await names(server, server.admin, "limit=2&offset=1"), ["a", "B"]);
  for (const query of ["limit=1", "limit=1&offset=3", "offset=100"]) {
    const page = await server.send("GET", `/api/v2/workspaces?${query}`, { as: server.admin });
    assert.equal(page.json().count, 4, query);
  }
});

test("workspaces left in an organization that one has left are no longer shown", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  await givenWorkspace(server, { ownerId: server.nobody.id, name: "left", template });
  await addMember(server.pool, { organizationId: server.otherOrganizationId, userId: server.nobody.id });
  assert.deepEqual(await names(server, server.nobody, ""), []);
});

test("a list is narrowed by parameters and by a search", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const other = await givenTemplate(server, "gpu");
  await givenWorkspace(server, { ownerId: server.alice.id, name: "web-1", template });
  await givenWorkspace(server, { ownerId: server.alice.id, name: "web-2", template: other, job: "running" });
  await givenWorkspace(server, { ownerId: server.admin.id, name: "api", template, job: "failed" });
  const cases: [string, string[]][] = [
    ["owner=alice", ["web-1", "web-2"]],
    ["owner=ALICE&template=gpu", ["web-2"]],
    ["name=WEB", ["web-1", "web-2"]],
    ["name=%25", []],
    ["status=running", ["web-1"]],
    ["status=starting", ["web-2"]],
    ["organization=default&status=failed", ["api"]],
    ["q=owner:me", ["api"]],
    ["q=owner:alice%20name:1", ["web-1"]],
    ["q=alice/web-2", ["web-2"]],
    ["q=template:devbox&owner=alice", ["web-1"]],
    ["owner=nobody", []],
  ];
  for (const [query, expected] of cases) assert.deepEqual(await names(server, server.admin, query), expected, query);
});

test("the status in a list and the filter by status agree for every state of a build", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  for (const transition of ["start", "stop", "delete"] as const) {
    for (const job of ["pending", "running", "succeeded", "failed", "canceling", "canceled"] as const) {
      await givenWorkspace(server, {
        ownerId: server.alice.id,
        name: `${transition}-${job}`,
        template,
        transition,
        job,
      });
    }
  }
  const all = await server.send("GET", "/api/v2/workspaces", { as: server.alice });
  for (const { name, latest_build: build } of all.json().workspaces) {
    assert.ok((await names(server, server.alice, `status=${build.status}&limit=100`)).includes(name), name);
    const [transition, job] = name.split("-");
    assert.ok(
      buildsWithStatus(build.status).some((pair) => pair.transition === transition && pair.job === job),
      name,
    );
  }
  assert.equal(all.json().count, 18);
});

test("one page of workspaces takes one statement, however many there are", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  for (let i = 0; i < 5; i += 1) await givenWorkspace(server, { ownerId: server.alice.id, name: `w${i}`, template });
  await server.send("GET", "/api/v2/buildinfo", { as: server.alice });
  const statements = countStatements(server.pool);
  assert.equal((await names(server, server.alice, "")).length, 5);
  assert.equal(statements.length, 1);
});

test("an owner stops, starts and deletes a workspace, one build at a time", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
  const build = (transition: string) =>
    server.send("POST", `/api/v2/workspaces/${id}/builds`, { as: server.alice, json: { transition } });
  const stop = await build("stop");
  assert.equal(stop.statusCode, 201, stop.body);
  assert.deepEqual([stop.json().build_number, stop.json().status, stop.json().transition], [2, "pending", "stop"]);
  assert.equal((await build("delete")).statusCode, 409);
  const canceled = await server.send("PATCH", `/api/v2/workspacebuilds/${stop.json().id}/cancel`, { as: server.alice });
  assert.equal(canceled.statusCode, 200, canceled.body);
  const again = await server.send("PATCH", `/api/v2/workspacebuilds/${stop.json().id}/cancel`, { as: server.alice });
  assert.equal(again.statusCode, 409);
  const read = await server.send("GET", `/api/v2/workspacebuilds/${stop.json().id}`, { as: server.alice });
  assert.equal(read.json().status, "canceled");
  assert.equal((await build("delete")).statusCode, 201);
  const builds = await server.send("GET", `/api/v2/workspaces/${id}/builds?limit=2`, { as: server.alice });
  assert.deepEqual(
    builds.json().map(({ transition }: { transition: string }) => transition),
    ["delete", "stop"],
  );
  assert.equal((await build("restart")).statusCode, 400);
});

test("a deleted workspace is gone, unless it is asked for as such; its builds can be read", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const given = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template, transition: "delete" });
  await server.pool.query("update workspaces set deleted = true where id = $1", [given.id]);
  const status = async (path: string) => (await server.send("GET", `/api/v2${path}`, { as: server.alice })).statusCode;
  assert.equal(await status(`/workspaces/${given.id}`), 404);
  assert.equal(await status("/users/me/workspace/dev"), 404);
  assert.equal(await status(`/workspaces/${given.id}?include_deleted=true`), 200);
  assert.equal(await status(`/workspacebuilds/${given.buildId}`), 200);
  assert.deepEqual(await names(server, server.alice, ""), []);
});

test("a build's log is read in order, and from where one stopped reading", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { buildId, jobId } = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
  await server.pool.query(
    `insert into provisioner_job_logs (job_id, source, level, stage, output)
      select $1, 'provisioner', 'info', 'start', 'line ' || n from generate_series(1, 3) n`,
    [jobId],
  );
  const read = (after: number) =>
    server.send("GET", `/api/v2/workspacebuilds/${buildId}/logs?after=${after}`, { as: server.alice });
  const lines = (await read(0)).json();
  assert.deepEqual(
    lines.map(({ output }: { output: string }) => output),
    ["line 1", "line 2", "line 3"],
  );
  const { id, created_at, ...line } = lines[0];
  assert.deepEqual(line, { log_source: "provisioner", log_level: "info", stage: "start", output: "line 1" });
  assert.ok(Number.isInteger(id) && !Number.isNaN(Date.parse(created_at)));
  assert.deepEqual((await read(lines[1].id)).json(), [lines[2]]);
});

test("prebuilds are marked as such for who sees them", async (t) => {
  const server = await startTestServer(t);
  const template: TestTemplate = await givenTemplate(server);
  const { id } = await givenPrebuild(server, template);
  const { owner_id, is_prebuild, latest_build } = (
    await server.send("GET", `/api/v2/workspaces/${id}`, { as: server.admin })
  ).json();
  assert.deepEqual([owner_id, is_prebuild, latest_build.agents.length], [PREBUILDS_SYSTEM_USER_ID, true, 1]);
  assert.deepEqual(
    [latest_build.agents[0].name, latest_build.agents[0].lifecycle_state, latest_build.job.status],
    ["main", "ready", "succeeded"],
  );
});
