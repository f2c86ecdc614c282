import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { RegisterRoutes } from "../../src/http/app.ts";
import { auditDone } from "../../src/http/audit.ts";
import { buildMetricsServer } from "../../src/http/server.ts";
import { startTestServer } from "./server.ts";
import { givenPrebuild, givenTemplate, givenWorkspace } from "./world.ts";

test("what a caller may not see looks like what is not there", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const { id } = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
  for (const [hidden, absent] of [
    [`/api/v2/workspaces/${id}`, `/api/v2/workspaces/${randomUUID()}`],
    [`/api/v2/templates/${template.id}`, `/api/v2/templates/${randomUUID()}`],
    [`/api/v2/prebuilds/presets/${template.smallId}/schedule`, `/api/v2/prebuilds/presets/${randomUUID()}/schedule`],
    ["/api/v2/users/alice", "/api/v2/users/alicia"],
    ["/api/v2/organizations/default", "/api/v2/organizations/defaults"],
  ] as const) {
    const [one, other] = [
      await server.send("GET", hidden, { as: server.bob }),
      await server.send("GET", absent, { as: server.bob }),
    ];
    assert.equal(one.statusCode, 404);
    assert.deepEqual([one.statusCode, one.body], [other.statusCode, other.body]);
  }
});

test("what a caller may see but not do is forbidden, not hidden", async (t) => {
  const server = await startTestServer(t);
  const { id, smallId } = await givenTemplate(server);
  for (const [method, path] of [
    ["PUT", "/apply"],
    ["GET", "/prebuilds/plan"],
    ["PUT", "/prebuilds/settings"],
    ["POST", `/prebuilds/presets/${smallId}/pause`],
    ["POST", `/prebuilds/presets/${smallId}/resume`],
    ["POST", `/prebuilds/presets/${smallId}/reset`],
    ["POST", `/templates/${id}/prebuilds/invalidate`],
  ] as const) {
    const json = method === "GET" ? {} : { json: {} };
    const { statusCode } = await server.send(method, `/api/v2${path}`, { as: server.alice, ...json });
    assert.equal(statusCode, 403, path);
  }
});

test("a member does not see the prebuilds themselves, nor acts on them", async (t) => {
  const server = await startTestServer(t);
  const prebuild = await givenPrebuild(server, await givenTemplate(server));
  assert.equal((await server.send("GET", `/api/v2/workspaces/${prebuild.id}`, { as: server.alice })).statusCode, 404);
  const json = { transition: "delete" };
  const deletion = await server.send("POST", `/api/v2/workspaces/${prebuild.id}/builds`, { as: server.alice, json });
  assert.equal(deletion.statusCode, 404);
});

test("a server with a route that does not say who may call it does not start", async (t) => {
  const forgetful: RegisterRoutes = (app) => {
    app.delete("/everything", async () => "gone");
  };
  await assert.rejects(startTestServer(t, { routes: [forgetful] }), /DELETE \/api\/v2\/everything does not say who/);
});

test("a route that changes something and leaves no entry in the audit log fails, so that none can be forgotten", async (t) => {
  const forgetful: RegisterRoutes = (app) => {
    const access = { list: () => ({ type: "organization" as const }) };
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"] as const) {
      app.route({ method, url: "/quietly", config: { access }, handler: async () => ({ done: true }) });
    }
  };
  const server = await startTestServer(t, { routes: [forgetful] });
  for (const method of ["POST", "PUT", "PATCH", "DELETE"] as const) {
    const answer = await server.send(method, "/api/v2/quietly", { as: server.admin });
    assert.deepEqual([answer.statusCode, answer.json().message], [500, "internal error"]);
  }
  assert.ok(
    server.logged.some(({ err }) => /DELETE \/api\/v2\/quietly was answered without an/.test(JSON.stringify(err))),
  );
  assert.equal((await server.send("GET", "/api/v2/quietly", { as: server.admin })).statusCode, 200);
});

test("an action that depends on the body is decided by what the body says", async (t) => {
  const decided: RegisterRoutes = (app) => {
    app.post(
      "/decided",
      {
        config: {
          access: {
            action: ({ body }) => (body as { action: "read" | "delete" }).action,
            of: ({ query }) => ({ type: "organization", organizationId: (query as { id: string }).id }),
          },
        },
      },
      async (request) => {
        auditDone(request);
        return { done: true };
      },
    );
  };
  const server = await startTestServer(t, { routes: [decided] });
  const post = (id: string, action: string) =>
    server.send("POST", `/api/v2/decided?id=${id}`, { as: server.alice, json: { action } });
  assert.equal((await post(server.defaultOrganizationId, "read")).statusCode, 200);
  assert.equal((await post(server.defaultOrganizationId, "delete")).statusCode, 403);
  assert.equal((await post(randomUUID(), "delete")).statusCode, 404);
});

test("while the daemon is not ready the API says so, and only the probes answer", async (t) => {
  const server = await startTestServer(t);
  server.setHealth({ ready: { ok: false, problems: ["starting: migrating the database"] } });
  for (const path of ["/api/v2/users/me", "/api/v2/openapi.json"]) {
    const answer = await server.send("GET", path, { as: server.alice });
    assert.equal(answer.statusCode, 503);
    assert.match(answer.json().message, /not ready/);
    assert.equal(answer.json().detail, "starting: migrating the database");
  }
  const ready = await server.send("GET", "/readyz");
  assert.deepEqual([ready.statusCode, ready.json().problems], [503, ["starting: migrating the database"]]);
  assert.equal((await server.send("GET", "/healthz")).statusCode, 200);
  assert.equal((await server.send("GET", "/metrics")).statusCode, 200);
  server.setHealth({});
  assert.equal((await server.send("GET", "/api/v2/users/me", { as: server.alice })).statusCode, 200);
  assert.equal((await server.send("GET", "/readyz")).statusCode, 200);
});

test("a process that should be restarted says what is wrong with it", async (t) => {
  const server = await startTestServer(t);
  server.setHealth({ live: { ok: false, problems: ["the pass has not ended"] } });
  const answer = await server.send("GET", "/healthz");
  assert.deepEqual([answer.statusCode, answer.json().problems], [503, ["the pass has not ended"]]);
});

test("the server for metrics has the probes and the metrics, and nothing else", async (t) => {
  const server = await startTestServer(t);
  const app = await buildMetricsServer(server.context.log, {
    health: () => ({ live: { ok: true, problems: [] }, ready: { ok: true, problems: [] } }),
    metrics: async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" }),
  });
  t.after(() => app.close());
  const metrics = await app.inject("/metrics");
  assert.deepEqual([metrics.statusCode, metrics.body], [200, "up 1\n"]);
  assert.equal(metrics.headers["content-type"], "text/plain; version=0.0.4");
  assert.equal((await app.inject("/healthz")).statusCode, 200);
  assert.equal((await app.inject("/readyz")).statusCode, 200);
  assert.equal((await app.inject("/api/v2/users")).statusCode, 404);
});

test("the API describes itself to everybody", async (t) => {
  const server = await startTestServer(t);
  const answer = await server.send("GET", "/api/v2/openapi.json");
  assert.equal(answer.statusCode, 200);
  const { openapi, paths, security } = answer.json();
  assert.match(openapi, /^3\.1\./);
  assert.deepEqual(security, [{ bearer: [] }, { session: [] }]);
  const create = paths["/api/v2/organizations/{organization}/members/{user}/workspaces"].post;
  assert.ok(create.requestBody.content["application/json"].schema.properties.template_version_preset_id);
  assert.ok(create.responses["201"].content["application/json"].schema.properties.claimed);
  assert.equal(create.responses.default.content["application/json"].schema.$ref, "#/components/schemas/Error");
  assert.equal(answer.body.includes("/healthz"), false);
});
