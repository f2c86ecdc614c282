import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenTemplate, givenWorkspace } from "./world.ts";

/** The status with which each path is answered. */
async function statuses(server: TestServer, as: TestUser, paths: readonly string[]): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (const path of paths) seen[path] = (await server.send("GET", `/api/v2${path}`, { as })).statusCode;
  return seen;
}

/** A server with a template and a workspace of alice. */
async function givenThings(t: Parameters<typeof startTestServer>[0]) {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const workspace = await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
  return { server, template, workspace };
}

/** Every route, as the API itself describes them, with ids of things that are there. */
async function everyRoute(server: TestServer, ids: Readonly<Record<string, string>>) {
  const { paths } = (await server.send("GET", "/api/v2/openapi.json")).json() as { paths: Record<string, object> };
  return Object.entries(paths).flatMap(([described, operations]) =>
    Object.keys(operations).map((method) => ({
      method: method.toUpperCase() as "GET",
      described: described.replace("/api/v2", ""),
      path: described.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
        const subject = described.split("/")[3] ?? "";
        return ids[name === "id" ? subject : name] ?? randomUUID();
      }),
    })),
  );
}

test("a token for workspace:read lists and shows workspaces and their builds, and can do nothing else", async (t) => {
  const { server, template, workspace } = await givenThings(t);
  const as = await givenUser(server, { siteRoles: ["owner"], scopes: ["workspace:read"] });
  const ids = {
    workspaces: workspace.id,
    workspacebuilds: workspace.buildId,
    templates: template.id,
    templateversions: template.versionId,
    prebuilds: template.smallId,
    user: "alice",
    organization: "default",
    name: "dev",
  };
  const answered: string[] = [];
  for (const { method, described, path } of await everyRoute(server, ids)) {
    const answer = await server.send(method, path, { as, ...(method === "GET" ? {} : { json: {} }) });
    if (answer.statusCode < 300) answered.push(`${method} ${described}`);
    else assert.ok([400, 403, 404].includes(answer.statusCode), `${method} ${described}: ${answer.body}`);
  }
  for (const route of ["GET /workspaces", "GET /workspaces/{id}", "GET /users/{user}/workspace/{name}"]) {
    assert.ok(answered.includes(route), route);
  }
  assert.deepEqual(
    answered.filter((route) => !/^GET .*\/(workspaces|workspacebuilds|workspace)\b/.test(route)),
    [],
  );
  const listed = (await server.send("GET", "/api/v2/workspaces", { as })).json();
  assert.deepEqual([listed.count, listed.workspaces[0].id], [1, workspace.id]);
});

test("what a token's allow list does not name is not there for it", async (t) => {
  const { server, template, workspace } = await givenThings(t);
  const second = await givenWorkspace(server, { ownerId: server.alice.id, name: "two", template });
  const as = await givenUser(server, {
    siteRoles: ["owner"],
    allowList: [`workspace:${workspace.id}`, `template:${template.id}`, `user:${server.alice.id}`],
  });
  const seen = await statuses(server, as, [
    `/workspaces/${workspace.id}`,
    `/workspaces/${second.id}`,
    `/templates/${template.id}`,
    "/users/alice",
    "/users/bob",
    "/users/me",
    "/organizations/default",
  ]);
  assert.deepEqual(Object.values(seen), [200, 404, 200, 200, 404, 404, 404]);
  const workspaces = (await server.send("GET", "/api/v2/workspaces", { as })).json();
  assert.deepEqual([workspaces.count, workspaces.workspaces[0].id], [1, workspace.id]);
  const users = (await server.send("GET", "/api/v2/users", { as })).json();
  assert.deepEqual([users.count, users.users[0].username], [1, "alice"]);
});

test("a token for user:read reads users, and neither their organizations nor their tokens", async (t) => {
  const server = await startTestServer(t);
  const as = await givenUser(server, { siteRoles: ["owner"], scopes: ["user:read"] });
  const seen = await statuses(server, as, ["/users", "/users/alice", "/users/roles", "/users/alice/keys/tokens"]);
  assert.deepEqual(Object.values(seen), [200, 200, 403, 403]);
  const organizations = await server.send("GET", "/api/v2/users/alice/organizations", { as });
  assert.deepEqual([organizations.statusCode, organizations.json()], [200, []]);
});

test("DEC-14: no right of its user helps a token whose scope does not name the thing", async (t) => {
  const { server, template, workspace } = await givenThings(t);
  for (const given of [
    { scopes: ["group:*"], allowList: ["*:*"] },
    { scopes: ["all"], allowList: [`template:${randomUUID()}`] },
    { scopes: ["workspace:fly"], allowList: ["*:*"] },
    { scopes: [], allowList: ["*:*"] },
    { scopes: ["all"], allowList: [] },
  ]) {
    const as = await givenUser(server, { siteRoles: ["owner"], ...given });
    const path = `/api/v2/workspaces/${workspace.id}`;
    const told = [
      await server.send("GET", path, { as }),
      await server.send("POST", `${path}/builds`, { as, json: { transition: "delete" } }),
      await server.send("GET", `/api/v2/templates/${template.id}`, { as }),
      await server.send("PUT", "/api/v2/users/alice/status/suspend", { as }),
      await server.send("POST", "/api/v2/users/me/keys/tokens", { as, json: {} }),
    ].map(({ statusCode }) => statusCode);
    assert.ok(
      told.every((status) => status === 403 || status === 404),
      `${JSON.stringify(given)}: ${told}`,
    );
  }
});
