import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { cancelBuild } from "../../src/workspaces/builds.ts";
import { givenDev, runBuilds } from "./building.ts";
import { givenPrebuild, givenWorkspace } from "./world.ts";

const fieldsOf = (answer: { json(): { validations?: { field: string }[] } }) =>
  answer.json().validations?.map(({ field }) => field);

test("an orphaned workspace is gone at once, its template's delete is not run, and its log says so", async (t) => {
  const { server, workspace, build } = await givenDev(t);
  const answer = await build({ transition: "delete", orphan: true }, server.admin);
  assert.equal(answer.statusCode, 201, answer.body);
  assert.deepEqual([answer.json().status, answer.json().build_number], ["deleted", 2]);
  const gone = await server.send("GET", `/api/v2/workspaces/${workspace.id}`, { as: server.alice });
  assert.equal(gone.statusCode, 404);
  assert.deepEqual(await runBuilds(t, server), []);
  const log = await server.send("GET", `/api/v2/workspacebuilds/${answer.json().id}/logs`, { as: server.alice });
  assert.match(log.json()[0].output, /the template's delete was not run/);
});

test("an orphaned prebuild leaves its pool", async (t) => {
  const { server, template } = await givenDev(t);
  const { id } = await givenPrebuild(server, template);
  const path = `/api/v2/workspaces/${id}/builds`;
  const { statusCode } = await server.send("POST", path, {
    as: server.admin,
    json: { transition: "delete", orphan: true },
  });
  assert.equal(statusCode, 201);
  const listed = await server.send("GET", "/api/v2/workspaces?owner=prebuilds", { as: server.admin });
  assert.equal(listed.json().count, 0);
});

test("a build goes by the state that is given with it, and otherwise by the one that was left last", async (t) => {
  const { server, workspace, build } = await givenDev(t);
  await server.pool.query("update workspace_builds set provisioner_state = 'left' where id = $1", [workspace.buildId]);
  const states = [];
  for (const given of [{}, { state: Buffer.from("mine").toString("base64") }, { state: "" }]) {
    assert.equal((await build({ transition: "stop", ...given }, server.admin)).statusCode, 201);
    const [request] = await runBuilds(t, server);
    states.push(request?.state?.toString() ?? null);
    await server.pool.query("update workspace_builds set provisioner_state = 'left' where build_number > 1");
  }
  assert.deepEqual(states, ["left", "mine", null]);
});

test("what only one kind of build can be asked with is refused with the others, by the name of the field", async (t) => {
  const { server, build } = await givenDev(t);
  const versionId = randomUUID();
  const parameters = [{ name: "size", value: "large" }];
  for (const [json, fields] of [
    [{ transition: "start", orphan: true }, ["orphan"]],
    [{ transition: "delete", orphan: true, state: "eA==" }, ["state"]],
    [{ transition: "stop", template_version_id: versionId }, ["template_version_id"]],
    [{ transition: "delete", rich_parameter_values: parameters }, ["rich_parameter_values"]],
    [{ transition: "start", rich_parameter_values: [...parameters, ...parameters] }, ["rich_parameter_values.1.name"]],
    [{ transition: "start", state: "not base64!" }, ["state"]],
    [{ transition: "start", orphan: "yes" }, ["orphan"]],
    [{ transition: "start", dry_run: true }, ["dry_run"]],
    [{ transition: "start", template_version_id: "1" }, ["template_version_id"]],
  ] as const) {
    const answer = await build(json, server.admin);
    assert.deepEqual([answer.statusCode, fieldsOf(answer)], [400, fields], answer.body);
  }
});

test("a state may be larger than other requests are, up to a limit", async (t) => {
  const { server, build } = await givenDev(t);
  const state = (megabytes: number) => Buffer.alloc(megabytes * 1_048_576, 1).toString("base64");
  assert.equal((await build({ transition: "stop", state: state(4.5) }, server.admin)).statusCode, 400);
  assert.equal((await build({ transition: "stop", state: state(8) }, server.admin)).statusCode, 413);
  assert.equal((await build({ transition: "stop", state: state(3) }, server.admin)).statusCode, 201);
});

test("a prebuild is not updated and keeps what its pool has given it, and the answer says what to do instead", async (t) => {
  const { server, template } = await givenDev(t);
  const { id } = await givenPrebuild(server, template);
  const as = server.admin;
  const autoupdates = await server.send("PUT", `/api/v2/workspaces/${id}/autoupdates`, {
    as,
    json: { automatic_updates: "always" },
  });
  assert.equal(autoupdates.statusCode, 409);
  assert.match(autoupdates.json().message, /its pool replaces it/);
  for (const change of [
    { template_version_id: template.versionId },
    { rich_parameter_values: [{ name: "size", value: "xl" }] },
  ]) {
    const json = { transition: "start", ...change };
    const answer = await server.send("POST", `/api/v2/workspaces/${id}/builds`, { as, json });
    assert.equal(answer.statusCode, 409);
    assert.match(answer.json().message, /claim it first/);
  }
});

test("builds are listed with how many there are, and found by their number", async (t) => {
  const { server, workspace, build } = await givenDev(t);
  for (const transition of ["stop", "start", "stop"]) {
    assert.equal((await build({ transition })).statusCode, 201);
    await server.pool.query("update provisioner_jobs set completed_at = now() where completed_at is null");
  }
  const list = async (query: string) => {
    const answer = await server.send("GET", `/api/v2/workspaces/${workspace.id}/builds?${query}`, { as: server.alice });
    const numbers = answer.json().map((one: { build_number: number }) => one.build_number);
    return [answer.headers["x-total-count"], numbers];
  };
  assert.deepEqual(await list(""), ["4", [4, 3, 2, 1]]);
  assert.deepEqual(await list("limit=2&offset=1"), ["4", [3, 2]]);
  assert.deepEqual(await list("offset=9"), ["4", []]);
  const byNumber = (number: string, as = server.alice, user = "me") =>
    server.send("GET", `/api/v2/users/${user}/workspace/DEV/builds/${number}`, { as });
  assert.deepEqual((await byNumber("3")).json().transition, "start");
  for (const [number, status] of [
    ["5", 404],
    ["0", 400],
    ["x", 400],
    ["99999999999", 400],
  ] as const) {
    assert.equal((await byNumber(number)).statusCode, status, number);
  }
  assert.equal((await byNumber("1", server.bob, "alice")).statusCode, 404);
});

test("builds, cancellations and automatic updates are in the audit log, with who, what and what changed", async (t) => {
  const { server, workspace, build } = await givenDev(t);
  const [stop, as] = [(await build({ transition: "stop" })).json().id, server.alice];
  await server.send("PATCH", `/api/v2/workspacebuilds/${stop}/cancel`, { as });
  assert.equal((await build({ transition: "stop" }, server.admin)).statusCode, 201);
  const again = (await build({ transition: "stop" })).statusCode;
  const path = `/api/v2/workspaces/${workspace.id}/autoupdates`;
  for (const automatic_updates of ["always", "always"])
    await server.send("PUT", path, { as, json: { automatic_updates } });
  const { rows } = await server.pool.query(
    `select user_id, action, resource_type, resource_target, organization_id, diff from audit_logs
      where resource_type like 'workspace%' order by id`,
  );
  const about = { resource_target: "alice/dev", organization_id: server.defaultOrganizationId };
  const byAlice = { user_id: server.alice.id, ...about };
  const ofBuild = { ...byAlice, resource_type: "workspace_build" };
  const updates = { automatic_updates: { old: "never", new: "always" } };
  assert.deepEqual(
    [again, rows],
    [
      409,
      [
        { ...ofBuild, action: "stop", diff: { build_number: { old: 1, new: 2 } } },
        {
          ...ofBuild,
          action: "cancel",
          diff: { build_number: { old: 2, new: 2 }, status: { old: "pending", new: "canceled" } },
        },
        { ...ofBuild, user_id: server.admin.id, action: "stop", diff: { build_number: { old: 2, new: 3 } } },
        { ...byAlice, resource_type: "workspace", action: "write", diff: updates },
      ],
    ],
  );
});

test("a build is not canceled for who could do that before its workspace changed hands", async (t) => {
  const { server, template } = await givenDev(t);
  const pending = { template, name: "waits", job: "pending" } as const;
  const { buildId } = await givenWorkspace(server, { ...pending, ownerId: server.alice.id });
  const before = { buildId, ownerId: PREBUILDS_SYSTEM_USER_ID };
  await assert.rejects(cancelBuild(server.context, before), { kind: "conflict", message: /has changed hands/ });
  const build = await server.send("GET", `/api/v2/workspacebuilds/${buildId}`, { as: server.alice });
  assert.equal(build.json().status, "pending");
  await cancelBuild(server.context, { buildId, ownerId: server.alice.id });
});
