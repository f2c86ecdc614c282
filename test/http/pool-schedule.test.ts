import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import type { SchedulePreview } from "../../src/prebuilds/schedule-preview.ts";
import { givenVersion } from "../support/given.ts";
import type { TestServer } from "./server.ts";
import { countWakes, givenServer, poolsSeenBy } from "./steering.ts";
import { givenPrebuild, givenTemplate } from "./world.ts";

const API = "/api/v2";

describe("the schedule of a pool", () => {
  const schedule = (server: TestServer, id: string, query = "", as = server.alice) =>
    server.send("GET", `${API}/prebuilds/presets/${id}/schedule${query}`, { as });

  it("is shown for a week, or for as many days as are asked for", async (t) => {
    const { server, template } = await givenServer(t);
    await server.pool.query("update template_version_presets set scheduling_timezone = 'UTC' where id = $1", [
      template.smallId,
    ]);
    await server.pool.query(
      `insert into template_version_preset_prebuild_schedules (preset_id, position, cron_expression, desired_instances)
       values ($1, 0, '* 8-18 * * *', 10), ($1, 1, '* 20 * * *', 5)`,
      [template.smallId],
    );
    const answer = await schedule(server, template.smallId);
    assert.equal(answer.statusCode, 200, answer.body);
    const preview: SchedulePreview = answer.json();
    assert.deepEqual(
      [preview.preset_id, preview.timezone, preview.base, preview.problem],
      [template.smallId, "UTC", 3, null],
    );
    assert.equal(preview.changes.length, 7 * 4);
    assert.ok(preview.changes.some(({ local, cron }) => local.endsWith(" 20:00") && cron === "* 20 * * *"));
    const long: SchedulePreview = (await schedule(server, template.smallId, "?days=31")).json();
    assert.equal(long.changes.length, 31 * 4);
  });

  it("is told as a size that stays where there is none", async (t) => {
    const { server, template } = await givenServer(t);
    const preview: SchedulePreview = (await schedule(server, template.smallId)).json();
    assert.deepEqual([preview.now, preview.changes, preview.problem], [{ instances: 3, cron: null }, [], null]);
  });

  it("is refused for days out of range, and where there is no pool", async (t) => {
    const { server, template } = await givenServer(t);
    for (const days of ["0", "32", "1.5", "x", ""]) {
      const answer = await schedule(server, template.smallId, `?days=${days}`);
      assert.equal(answer.statusCode, 400, `${days}: ${answer.body}`);
      assert.deepEqual(answer.json().validations, [{ field: "days", detail: "must be a whole number from 1 to 31" }]);
    }
    assert.equal((await schedule(server, template.plainId)).statusCode, 409);
  });

  it("is hidden from strangers, like what is not there", async (t) => {
    const { server, template } = await givenServer(t);
    assert.equal((await schedule(server, template.smallId, "", server.bob)).statusCode, 404);
    assert.equal((await schedule(server, randomUUID(), "", server.admin)).statusCode, 404);
  });
});

describe("invalidating a template's prebuilds", () => {
  const invalidate = (server: TestServer, id: string, as = server.admin) =>
    server.send("POST", `${API}/templates/${id}/prebuilds/invalidate`, { as });

  it("makes those of the active version expire, names the presets, and wakes the pools", async (t) => {
    const { server, template } = await givenServer(t);
    await givenPrebuild(server, template);
    const wakes = await countWakes(t, server);
    server.advance(1_000);
    const answer = await invalidate(server, template.id);
    assert.equal(answer.statusCode, 200, answer.body);
    const [plain, small] = answer.json().invalidated;
    assert.deepEqual([plain.preset_name, small.preset_name], ["plain", "small"]);
    assert.deepEqual(Object.keys(small), ["template_name", "template_version_name", "preset_name"]);
    assert.equal(small.template_name, "devbox");
    assert.equal(await wakes(), 1);
    const [pool] = await poolsSeenBy(server.alice, server);
    assert.deepEqual([pool?.expired, pool?.eligible], [1, 0]);
  });

  it("leaves other versions and other templates alone", async (t) => {
    const { server, template } = await givenServer(t);
    await givenTemplate(server, "other");
    const versionId = await givenVersion(server, template.id);
    await server.pool.query("insert into template_version_presets (template_version_id, name) values ($1, 'new')", [
      versionId,
    ]);
    await invalidate(server, template.id);
    const { rows } = await server.pool.query(
      "select name from template_version_presets where last_invalidated_at > '-infinity'",
    );
    assert.deepEqual(rows, [{ name: "new" }]);
  });

  it("answers with an empty list where there is no preset", async (t) => {
    const { server, template } = await givenServer(t);
    await server.pool.query("update templates set active_version_id = null");
    const answer = await invalidate(server, template.id);
    assert.deepEqual([answer.statusCode, answer.json()], [200, { invalidated: [] }]);
  });

  it("is not for members, and hidden from strangers", async (t) => {
    const { server, template } = await givenServer(t);
    assert.equal((await invalidate(server, template.id, server.alice)).statusCode, 403);
    assert.equal((await invalidate(server, template.id, server.bob)).statusCode, 404);
    for (const id of [randomUUID(), "devbox"]) assert.equal((await invalidate(server, id)).statusCode, 404);
    const { rows } = await server.pool.query(
      "select from template_version_presets where last_invalidated_at is not null",
    );
    assert.deepEqual(rows, []);
  });
});

describe("the pools and the plan", () => {
  it("are described field by field", async (t) => {
    const { server } = await givenServer(t);
    const { paths } = (await server.send("GET", `${API}/openapi.json`)).json();
    const schemaOf = (path: string) => paths[`${API}${path}`].get.responses["200"].content["application/json"].schema;
    assert.ok(schemaOf("/prebuilds/pools").items.properties.status_detail);
    assert.ok(schemaOf("/prebuilds/plan").properties.presets.items.properties.reasons);
    const plan = await server.send("GET", `${API}/prebuilds/plan`, { as: server.admin });
    assert.equal(plan.statusCode, 200, plan.body);
    const [preset] = plan.json().presets;
    assert.deepEqual(preset.actions, [{ kind: "create", count: 3, reason: "below_target" }]);
    assert.deepEqual(
      [preset.preset_name, preset.state.desired, preset.reasons],
      ["small", 3, [{ reason: "below_target", count: 3 }]],
    );
    const settings = paths[`${API}/prebuilds/settings`].put.responses;
    assert.deepEqual(Object.keys(settings).sort(), ["200", "304", "default"]);
    assert.equal(settings["304"].content, undefined);
  });
});
