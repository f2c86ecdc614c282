import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { test } from "node:test";
import { ProblemError } from "../../src/errors.ts";
import type { RegisterRoutes } from "../../src/http/app.ts";
import { startTestServer } from "./server.ts";

const MIB = 1_048_576;
const create = "/api/v2/organizations/default/members/me/workspaces";

/** Every error answer has this shape and nothing else in it. */
function assertErrorShape(body: string): { message: string; detail?: string; validations?: { field: string }[] } {
  const json = JSON.parse(body);
  assert.equal(typeof json.message, "string");
  for (const key of Object.keys(json)) assert.ok(["message", "detail", "validations"].includes(key), `has ${key}`);
  return json;
}

test("bad requests are refused with the right status and in one shape", async (t) => {
  const server = await startTestServer(t);
  const json = { "content-type": "application/json" };
  const cases = [
    {
      name: "a body that is too large",
      headers: json,
      payload: JSON.stringify({ name: "x".repeat(MIB) }),
      status: 413,
    },
    { name: "a body that is not JSON", headers: json, payload: '{"name": ', status: 400 },
    { name: "a body that wants to reach the prototype", headers: json, payload: '{"__proto__": {}}', status: 400 },
    { name: "an empty body", headers: json, payload: "", status: 400 },
    { name: "a body of another type", headers: { "content-type": "text/plain" }, payload: "name", status: 415 },
    { name: "a form", headers: { "content-type": "application/x-www-form-urlencoded" }, payload: "a=1", status: 415 },
    { name: "no body at all", headers: {}, status: 400 },
    { name: "a body that is a list", headers: json, payload: "[]", status: 400 },
    {
      name: "a body that is nested too deep",
      headers: json,
      payload: `${'{"a":'.repeat(100)}1${"}".repeat(100)}`,
      status: 400,
    },
  ];
  for (const { name, status, headers, payload } of cases) {
    await t.test(`${name} gets ${status}`, async () => {
      const answer = await server.send("POST", create, {
        as: server.alice,
        headers,
        ...(payload === undefined ? {} : { payload }),
      });
      assert.equal(answer.statusCode, status, answer.body);
      assertErrorShape(answer.body);
    });
  }
});

test("a body of a mebibyte less a little is read", async (t) => {
  const server = await startTestServer(t);
  const answer = await server.send("POST", create, { as: server.alice, json: { name: "x".repeat(MIB - 1_000) } });
  assert.equal(answer.statusCode, 400);
});

test("each wrong field is named with its path", async (t) => {
  const server = await startTestServer(t);
  const json = {
    name: "-no-",
    template_id: "not-a-uuid",
    rich_parameter_values: [{ name: "size", value: 7 }],
    ttl_ms: 5,
    automatic_updates: "sometimes",
    colour: "red",
  };
  const answer = await server.send("POST", `${create}?wait=601`, { as: server.alice, json });
  assert.equal(answer.statusCode, 400);
  // The query is checked after the body, so that its mistakes come in a second answer.
  const fields = assertErrorShape(answer.body).validations?.map(({ field }) => field);
  assert.deepEqual(fields?.sort(), [
    "automatic_updates",
    "colour",
    "name",
    "rich_parameter_values.0.value",
    "template_id",
    "ttl_ms",
  ]);
  const query = await server.send("POST", `${create}?wait=601`, {
    as: server.alice,
    json: { name: "ok", template_id: randomUUID() },
  });
  assert.deepEqual(
    query.json().validations.map(({ field }: { field: string }) => field),
    ["wait"],
  );
});

test("a workspace needs either a template or a version of one, and each parameter once", async (t) => {
  const server = await startTestServer(t);
  const id = randomUUID();
  for (const json of [
    { name: "ok" },
    { name: "ok", template_id: id, template_version_id: id },
    {
      name: "ok",
      template_id: id,
      rich_parameter_values: [
        { name: "a", value: "1" },
        { name: "a", value: "2" },
      ],
    },
  ]) {
    const answer = await server.send("POST", create, { as: server.alice, json });
    assert.equal(answer.statusCode, 400, answer.body);
    assert.equal(assertErrorShape(answer.body).validations?.length, 1);
  }
});

test("names that are not names are refused before anything is looked up", async (t) => {
  const server = await startTestServer(t);
  for (const name of ["", "a b", "-a", "a-", "a--b", "ä", "a/b", "a".repeat(33), "a_b", 5, null]) {
    const json = { name, template_id: randomUUID() };
    const answer = await server.send("POST", create, { as: server.alice, json });
    assert.equal(answer.statusCode, 400, `${name}: ${answer.body}`);
    assert.equal(answer.json().validations[0].field, "name");
  }
});

test("null bytes are refused wherever they stand, because PostgreSQL cannot store them", async (t) => {
  const server = await startTestServer(t);
  const json = { name: "ok", template_id: randomUUID(), rich_parameter_values: [{ name: "a", value: "b\0c" }] };
  const inBody = await server.send("POST", create, { as: server.alice, json });
  assert.equal(inBody.statusCode, 400);
  assert.equal(assertErrorShape(inBody.body).validations?.[0]?.field, "rich_parameter_values.0.value");
  for (const path of [
    "/api/v2/users/a%00b",
    "/api/v2/organizations/a%00b",
    "/api/v2/workspaces?q=a%00b",
    "/api/v2/workspaces?owner=%00",
    "/api/v2/users/me/workspace/a%00",
  ]) {
    const answer = await server.send("GET", path, { as: server.admin });
    assert.equal(answer.statusCode, 400, `${path}: ${answer.body}`);
    assertErrorShape(answer.body);
  }
});

test("malformed ids in a path are never our fault", async (t) => {
  const server = await startTestServer(t);
  const described = (await server.send("GET", "/api/v2/openapi.json")).json();
  for (const id of ["x", "0", "%27", "00000000-0000-0000-0000-00000000000g", "a".repeat(250), "%F0%9F%92%A9", "%2F"]) {
    for (const [path, operations] of Object.entries<object>(described.paths)) {
      const method = Object.keys(operations)[0]?.toUpperCase() as "GET";
      const answer = await server.send(method, path.replaceAll(/\{\w+\}/g, id), { as: server.admin });
      assert.ok(answer.statusCode < 500, `${method} ${path} with ${id}: ${answer.statusCode} ${answer.body}`);
      if (answer.statusCode >= 400) assertErrorShape(answer.body);
    }
  }
});

test("what cannot be decoded, is not there or has another method is refused in the same shape", async (t) => {
  const server = await startTestServer(t);
  for (const [method, path, status] of [
    ["GET", "/api/v2/users/%E0%A4%A", 400],
    ["GET", "/api/v2/nothing", 404],
    ["GET", "/nothing", 404],
    ["DELETE", "/api/v2/workspaces", 404],
    ["GET", `/api/v2/users/${"a".repeat(400)}`, 414],
  ] as const) {
    const answer = await server.send(method, path, { as: server.admin });
    assert.equal(answer.statusCode, status, `${path.slice(0, 60)}: ${answer.body}`);
    assertErrorShape(answer.body);
  }
});

test("pages and filters out of range are refused", async (t) => {
  const server = await startTestServer(t);
  for (const query of [
    "limit=0",
    "limit=1001",
    "limit=x",
    "limit=1.5",
    "offset=-1",
    "offset=9999999999",
    "status=sleeping",
    "q=colour:red",
    "q=status:sleeping",
    "q=owner:a%20owner:b",
    "q=a/b/c",
  ]) {
    const answer = await server.send("GET", `/api/v2/workspaces?${query}`, { as: server.alice });
    assert.equal(answer.statusCode, 400, `${query}: ${answer.body}`);
    assert.equal(assertErrorShape(answer.body).validations?.[0]?.field, query.split("=")[0]);
  }
});

test("our own mistakes are logged, and the caller learns only where to look", async (t) => {
  const broken: RegisterRoutes = (app) => {
    app.get("/broken", { config: { access: "public" } }, () => {
      throw new Error("secret of the house");
    });
    app.get("/query", { config: { access: "public" } }, () => server.pool.query("select secret_column"));
  };
  const server = await startTestServer(t, { routes: [broken] });
  for (const path of ["/api/v2/broken", "/api/v2/query"]) {
    const answer = await server.send("GET", path);
    assert.equal(answer.statusCode, 500);
    assert.doesNotMatch(answer.body, /secret|stack|at /);
    const { message, detail } = assertErrorShape(answer.body);
    assert.equal(message, "internal error");
    assert.equal(detail, `request ${answer.headers["x-request-id"]}`);
    const line = server.logged.find((entry) => entry["request"] === answer.headers["x-request-id"] && entry["err"]);
    assert.equal(line?.["level"], "error");
    assert.match(JSON.stringify(line), /secret/);
  }
});

test("every kind of problem has its status", async (t) => {
  const statuses = {
    invalid: 400,
    unauthenticated: 401,
    forbidden: 403,
    not_found: 404,
    conflict: 409,
    unavailable: 503,
  };
  const routes: RegisterRoutes = (app) => {
    for (const kind of Object.keys(statuses) as (keyof typeof statuses)[]) {
      app.get(`/${kind}`, { config: { access: "public" } }, () => {
        throw new ProblemError(kind, `it is ${kind}`, { detail: "so it is", cause: new Error("inner") });
      });
    }
  };
  const server = await startTestServer(t, { routes: [routes] });
  for (const [kind, status] of Object.entries(statuses)) {
    const answer = await server.send("GET", `/api/v2/${kind}`);
    assert.equal(answer.statusCode, status);
    assert.deepEqual(answer.json(), { message: `it is ${kind}`, detail: "so it is" });
  }
});

test("a database that cannot be reached is said to be that", async (t) => {
  const server = await startTestServer(t);
  await server.pool.end();
  const answer = await server.send("GET", "/api/v2/users", { as: server.admin });
  assert.equal(answer.statusCode, 503);
  assert.match(assertErrorShape(answer.body).message, /database/);
});

test("bytes that are not HTTP are answered in the same shape", async (t) => {
  const server = await startTestServer(t);
  await server.app.listen({ host: "127.0.0.1", port: 0 });
  const address = server.app.server.address();
  assert.ok(address && typeof address === "object");
  const socket = connect(address.port, "127.0.0.1");
  socket.end("NONSENSE\r\n\r\n");
  const answer = (await socket.setEncoding("utf8").toArray()).join("");
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assertErrorShape(answer.split("\r\n\r\n")[1] ?? "");
});
