import assert from "node:assert/strict";
import { test } from "node:test";
import { givenVersion } from "../support/given.ts";
import { givenDev, runBuilds } from "./building.ts";

test("a template that requires its active version is not built from another one, except by who may change it", async (t) => {
  const { server, template, build } = await givenDev(t);
  const old = template.versionId;
  const active = await givenVersion(server, template.id);
  await server.pool.query("update templates set require_active_version = true where id = $1", [template.id]);
  const refused = await build({ transition: "start", template_version_id: old });
  assert.equal(refused.statusCode, 403, refused.body);
  assert.match(refused.json().message, /template:update/);

  const path = `/api/v2/organizations/default/members/${server.alice.id}/workspaces`;
  const create = (as: typeof server.alice, name: string, version: string) =>
    server.send("POST", path, { as, json: { name, template_version_id: version } });
  assert.equal((await create(server.alice, "old", old)).statusCode, 403);
  assert.equal((await create(server.alice, "new", active)).statusCode, 201);
  assert.equal((await create(server.admin, "by-admin", old)).statusCode, 201);
  assert.equal((await build({ transition: "start", template_version_id: old }, server.admin)).statusCode, 201);
});

test("a start of a template that requires its active version takes that, whatever the workspace was built from", async (t) => {
  const { server, template, build } = await givenDev(t);
  const active = await givenVersion(server, template.id);
  assert.equal((await build({ transition: "start" })).json().template_version_id, template.versionId);
  await runBuilds(t, server);
  await server.pool.query("update templates set require_active_version = true where id = $1", [template.id]);
  assert.equal((await build({ transition: "start" })).json().template_version_id, active);
});
