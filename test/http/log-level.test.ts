import assert from "node:assert/strict";
import { it } from "node:test";
import { createLogger, setLogLevel } from "../../src/log.ts";
import { givenUser, startTestServer } from "./server.ts";

const PATH = "/api/v2/debug/log-level";

it("the log level is changed at run time by those who may, for requests under way and loggers made before, too", async (t) => {
  const server = await startTestServer(t, {
    routes: [
      (app) => {
        app.get("/speak", { config: { access: "public" }, schema: { operationId: "speak" } }, (request) => {
          request.log.debug("spoken");
          return {};
        });
      },
    ],
  });
  const early = server.context.log.child({ early: true }).child({ earlier: true });
  const said = (msg: string) => server.logged.filter((line) => line["msg"] === msg).length;
  const set = async (level: string) => {
    const answer = await server.send("PUT", PATH, { as: server.admin, json: { level } });
    assert.equal(answer.statusCode, 200, answer.body);
    assert.equal(answer.json().level, level);
    early.debug("early");
    await server.send("GET", "/api/v2/speak");
    return [said("early"), said("spoken")];
  };
  assert.deepEqual(await set("info"), [0, 0]);
  assert.deepEqual(await set("debug"), [1, 1]);
  assert.deepEqual(await set("silent"), [1, 1]);
  const auditor = await givenUser(server, { siteRoles: ["auditor"] });
  const read = await server.send("GET", PATH, { as: auditor });
  assert.deepEqual([read.json().level, read.json().configured_level], ["silent", "trace"]);
  assert.equal((await server.send("PUT", PATH, { as: auditor, json: { level: "info" } })).statusCode, 403);
  const loud = await server.send("PUT", PATH, { as: server.admin, json: { level: "loud" } });
  assert.equal(loud.json().validations[0].detail, "must be trace, debug, info, warn, error or silent");
});

it("a change of the log level is told at a level that is shown, however little is logged", () => {
  const lines: { level: string; msg: string }[] = [];
  const log = createLogger("error", { write: (line) => void lines.push(JSON.parse(line)) });
  for (const level of ["warn", "debug", "error", "silent", "error"] as const) setLogLevel(log, level, {});
  assert.deepEqual(
    lines.map(({ level, msg }) => `${level}: ${msg}`),
    [
      "warn: the log level is warn now, and was error",
      "info: the log level is debug now, and was warn",
      "info: the log level is error now, and was debug",
      "error: the log level is silent now, and was error",
      "error: the log level is error now, and was silent",
    ],
  );
});

it("an id that a caller gives a request is taken over when it is a UUID, and otherwise replaced by one", async (t) => {
  const server = await startTestServer(t);
  const given = "0c5f2b5e-7f43-4d9e-8a1d-3a8f5ad0c001";
  const idFor = async (id: string) =>
    (await server.send("GET", "/api/v2/buildinfo", { headers: { "x-request-id": id } })).headers["x-request-id"];
  assert.equal(await idFor(given), given);
  assert.match(String(await idFor('not one"}')), /^[0-9a-f-]{36}$/);
});
