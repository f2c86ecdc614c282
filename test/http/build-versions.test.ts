import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { givenVersion } from "../support/given.ts";
import { givenDev, runBuilds } from "./building.ts";
import { givenUser, type TestServer } from "./server.ts";
import { givenTemplate, givenWorkspace } from "./world.ts";

/** Says which parameters a version declares; those that are named with `!` cannot change. */
async function declare({ pool }: TestServer, versionId: string, ...names: string[]): Promise<void> {
  for (const name of names) {
    await pool.query(
      `insert into template_version_parameters (template_version_id, name, mutable, required, default_value, options)
       values ($1, $2, $3, false, 'small', '[{"name":"s","value":"small"},{"name":"l","value":"large"}]')`,
      [versionId, name.replace("!", ""), !name.includes("!")],
    );
  }
}

const parametersOf = async ({ pool }: TestServer, buildId: string) =>
  (
    await pool.query<{ parameters: object }>(
      `select coalesce(json_object_agg(name, value), '{}') as parameters from workspace_build_parameters
        where workspace_build_id = $1`,
      [buildId],
    )
  ).rows[0]?.parameters;

test("a start takes another version of the template, and none of another template or one that is archived", async (t) => {
  const { server, template, workspace, build } = await givenDev(t);
  const other = await givenTemplate(server, "gpu");
  const [newer, archived] = [await givenVersion(server, template.id), await givenVersion(server, template.id)];
  await server.pool.query("update template_versions set archived = true where id = $1", [archived]);
  for (const [template_version_id, detail] of [
    [other.versionId, "is not a version of the workspace's template"],
    [randomUUID(), "is not a version of the workspace's template"],
    [archived, "is archived; choose another version"],
  ]) {
    const answer = await build({ transition: "start", template_version_id });
    assert.deepEqual(answer.json().validations, [{ field: "template_version_id", detail }]);
  }
  const answer = await build({ transition: "start", template_version_id: newer });
  assert.equal(answer.statusCode, 201, answer.body);
  assert.equal(answer.json().template_version_id, newer);
  await runBuilds(t, server);
  // What comes after it stays with the version, also when that was chosen by hand.
  assert.equal((await build({ transition: "stop" })).json().template_version_id, newer);
  const { rows } = await server.pool.query("select preset_id from workspaces where id = $1", [workspace.id]);
  assert.equal(rows[0].preset_id, null);
});

test("a token that may not use templates does not choose a version", async (t) => {
  const { server, template } = await givenDev(t);
  const as = await givenUser(server, { scopes: ["workspace:*", "template:read"] });
  const { id } = await givenWorkspace(server, { ownerId: as.id, name: "dev", template });
  const json = { transition: "start", template_version_id: template.versionId };
  const answer = await server.send("POST", `/api/v2/workspaces/${id}/builds`, { as, json });
  assert.equal(answer.statusCode, 403);
  assert.match(answer.json().message, /template:use/);
});

test("the preset of another version is not written on a build", async (t) => {
  const { server, template } = await givenDev(t);
  const presetId = template.smallId;
  const { id } = await givenWorkspace(server, { ownerId: server.alice.id, name: "preset", template, presetId });
  const newer = await givenVersion(server, template.id);
  const send = (json: object) => server.send("POST", `/api/v2/workspaces/${id}/builds`, { as: server.alice, json });
  assert.equal((await send({ transition: "start" })).json().template_version_preset_id, presetId);
  await runBuilds(t, server);
  const updated = await send({ transition: "start", template_version_id: newer });
  assert.equal(updated.json().template_version_preset_id, null);
});

test("parameters change with a start if the version takes them, and what it fixes does not", async (t) => {
  const { server, template, workspace, build } = await givenDev(t);
  await declare(server, template.versionId, "size", "!region");
  await server.pool.query(
    "insert into workspace_build_parameters values ($1, 'size', 'small'), ($1, 'region', 'small')",
    [workspace.buildId],
  );
  const start = (values: Record<string, string>) =>
    build({
      transition: "start",
      rich_parameter_values: Object.entries(values).map(([name, value]) => ({ name, value })),
    });
  for (const [values, detail] of [
    [{ size: "huge" }, /^size must be one of small, large$/],
    [{ region: "large" }, /^region cannot be changed any more/],
    [{ colour: "red" }, /^colour is not a parameter of this template version/],
  ] as const) {
    const answer = await start(values);
    assert.equal(answer.statusCode, 400);
    assert.match(answer.json().validations[0].detail, detail);
  }
  const answer = await start({ size: "large", region: "small" });
  assert.equal(answer.statusCode, 201, answer.body);
  assert.deepEqual(await parametersOf(server, answer.json().id), { region: "small", size: "large" });
  await runBuilds(t, server);
  const stop = await build({ transition: "stop" });
  assert.deepEqual(await parametersOf(server, stop.json().id), { region: "small", size: "large" });
});

test("who wants automatic updates gets the active version with the next start, and its new parameters", async (t) => {
  const { server, template, workspace, build } = await givenDev(t);
  const path = `/api/v2/workspaces/${workspace.id}/autoupdates`;
  const set = (automatic_updates: string) =>
    server.send("PUT", path, { as: server.alice, json: { automatic_updates } });
  const versionOf = async (json: object) => {
    const answer = await build(json);
    await runBuilds(t, server);
    return answer.json().template_version_id;
  };
  const newer = await givenVersion(server, template.id);
  await declare(server, newer, "size");
  assert.equal(await versionOf({ transition: "start" }), template.versionId);
  for (const status of [204, 204]) assert.equal((await set("always")).statusCode, status);
  assert.equal((await set("sometimes")).statusCode, 400);
  const shown = await server.send("GET", `/api/v2/workspaces/${workspace.id}`, { as: server.alice });
  assert.equal(shown.json().automatic_updates, "always");
  assert.equal(await versionOf({ transition: "stop" }), template.versionId);
  assert.equal(await versionOf({ transition: "start" }), newer);
  const latest = await server.send("GET", `/api/v2/workspaces/${workspace.id}`, { as: server.alice });
  assert.deepEqual(await parametersOf(server, latest.json().latest_build.id), { size: "small" });
  assert.equal(await versionOf({ transition: "start", template_version_id: template.versionId }), template.versionId);
});
