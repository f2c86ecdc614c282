import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Driver } from "../../src/provisioner/driver.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "../http/server.ts";
import { givenTemplate, givenWorkspace } from "../http/world.ts";
import { givenDriver } from "../support/given.ts";
import { bodyOf, commandSource, directoryWith, ended, givenPushWorker, ORGANIZATION, push } from "./pushing.ts";

const COMMAND = { provisioner: "command" };

async function statusOf(server: TestServer, name: string, json: unknown, as: TestUser = server.admin) {
  const answer = await server.send("POST", `${ORGANIZATION}/templates/${name}/push`, { as, json });
  return { status: answer.statusCode, body: answer.json() };
}

describe("who may push", () => {
  it("may push who may make templates, or change the one that is there, and sees what becomes of it", async (t) => {
    const importSource: Driver["importSource"] = async (_, { log }) => {
      log({ level: "info", stage: "plan", output: "planned" });
      return { ok: true, presets: [], parameters: [] };
    };
    const server = await startTestServer(t);
    await givenPushWorker(t, server, { drivers: { command: givenDriver({ importSource }) } });
    const body = await bodyOf(await commandSource(t), COMMAND);
    const makers = [
      await givenUser(server, { siteRoles: ["template-admin"], organization: null }),
      await givenUser(server, { roles: ["organization-template-admin"] }),
      await givenUser(server, { roles: ["organization-admin"] }),
    ];
    for (const [index, as] of makers.entries()) {
      const job = await push(server, `box-${index}`, body, as);
      const { job: after, lines } = await ended(server, job, as);
      assert.deepEqual([after.status, lines[0]], ["succeeded", "info planned"]);
      assert.equal(after.initiator_name, as.username);
    }
    const creator = await givenUser(server, { roles: ["organization-admin"], scopes: ["template:create"] });
    assert.equal((await statusOf(server, "new", body, creator)).status, 202);
    assert.equal((await statusOf(server, "box-0", body, creator)).status, 404);
  });

  it("may push nobody else, whether the template is there or not, and who sees the place is told the right", async (t) => {
    const server = await startTestServer(t);
    await givenTemplate(server);
    const body = await bodyOf(await commandSource(t), COMMAND);
    for (const [name, right] of [
      ["devbox", "update"],
      ["new", "create"],
    ] as const) {
      const { status, body: answer } = await statusOf(server, name, body, server.alice);
      assert.equal(status, 403, name);
      assert.match(answer.message, new RegExp(`it needs the right template:${right}$`));
      assert.equal((await statusOf(server, name, body, server.bob)).status, 404, name);
    }
    assert.deepEqual((await server.pool.query("select from template_imports")).rows, []);
  });

  it("sees a member nothing of the imports of others", async (t) => {
    const server = await startTestServer(t);
    const job = await push(server, "box", await bodyOf(await commandSource(t), COMMAND));
    for (const [method, end] of [
      ["GET", ""],
      ["GET", "/logs"],
      ["POST", "/cancel"],
    ] as const) {
      const path = `${ORGANIZATION}/provisionerjobs/${job.id}${end}`;
      assert.equal((await server.send(method, path, { as: server.alice })).statusCode, 404, end);
    }
  });
});

describe("what may be pushed", () => {
  it("is refused with the field that is wrong", async (t) => {
    const server = await startTestServer(t);
    await givenTemplate(server);
    const good = await bodyOf(await commandSource(t), COMMAND);
    const { source } = good;
    const cases: [string, unknown, RegExp][] = [
      ["new", { source }, /"provisioner".*the template is a new one/],
      ["new", { ...good, provisioner: "pulumi" }, /must be command or terraform/],
      ["new", { ...good, source: { ...source, hash: "x" } }, /"source\.hash".*64 hexadecimal digits/],
      ["new", { ...good, source: { ...source, archive: "x" } }, /"source\.archive".*must be base64/],
      ["new", { ...good, source: { ...source, hash: "0".repeat(64) } }, /does not have the hash it came with/],
      ["new", { ...good, source: { ...source, archive: "AAAA" } }, /archive of the source is unusable/],
      ["new", { ...good, message: "x".repeat(1_025) }, /at most 1024 characters/],
      ["new", { ...good, presets: [] }, /presets/],
      ["no_slug", good, /"name".*letters, digits and single hyphens/],
      ["new", await bodyOf(await directoryWith(t, { readme: "x" }), COMMAND), /no executable named start/],
    ];
    for (const [name, json, why] of cases) {
      const { status, body } = await statusOf(server, name, json);
      assert.deepEqual([status, why.test(JSON.stringify(body))], [400, true], `${why}: ${JSON.stringify(body)}`);
    }
    assert.deepEqual((await server.pool.query("select from template_imports")).rows, []);
  });

  it("cannot change what builds a template", async (t) => {
    const server = await startTestServer(t);
    await givenTemplate(server);
    const body = await bodyOf(await commandSource(t), { provisioner: "terraform" });
    const { status, body: answer } = await statusOf(server, "devbox", body);
    assert.equal(status, 409);
    assert.match(answer.message, /^template devbox is built by command, which cannot change/);
  });

  it("has a limit, which is that of an apply", async (t) => {
    const server = await startTestServer(t);
    const headers = { "content-type": "application/json", authorization: `Bearer ${server.admin.token}` };
    const payload = `{"source":"${"x".repeat(64 * 1_048_576)}"}`;
    const answer = await server.send("POST", `${ORGANIZATION}/templates/box/push`, { headers, payload });
    assert.equal(answer.statusCode, 413, answer.body);
  });
});

describe("the job of an import", () => {
  it("is listed among the others, with the template that it is about", async (t) => {
    const server = await startTestServer(t);
    const template = await givenTemplate(server);
    await givenWorkspace(server, { ownerId: server.alice.id, name: "dev", template });
    const body = await bodyOf(await commandSource(t), COMMAND);
    const there = await push(server, "devbox", body);
    const absent = await push(server, "new", body);
    const answer = await server.send("GET", `${ORGANIZATION}/provisionerjobs`, { as: server.admin });
    const [first, second, third] = answer.json();
    assert.deepEqual([first, second], [absent, there]);
    assert.equal(third.metadata.workspace_name, "dev");
    assert.deepEqual(
      [absent.type, absent.status, absent.input, absent.metadata],
      [
        "template_version_import",
        "pending",
        { workspace_build_id: null, template_version_id: null },
        {
          transition: null,
          workspace_id: null,
          workspace_name: null,
          workspace_owner_name: null,
          template_id: null,
          template_name: "new",
          template_display_name: "",
          template_icon: "",
          template_version_name: null,
        },
      ],
    );
    assert.deepEqual([there.metadata.template_id, there.metadata.template_name], [template.id, "devbox"]);
  });

  it("of a build has its log and its cancellation with the build", async (t) => {
    const server = await startTestServer(t);
    const template = await givenTemplate(server);
    const { jobId, buildId } = await givenWorkspace(server, {
      ownerId: server.alice.id,
      name: "dev",
      template,
      job: "running",
    });
    for (const [method, end] of [
      ["GET", "logs"],
      ["POST", "cancel"],
    ] as const) {
      const path = `${ORGANIZATION}/provisionerjobs/${jobId}/${end}`;
      const answer = await server.send(method, path, { as: server.admin });
      assert.equal(answer.statusCode, 409);
      assert.match(answer.json().message, new RegExp(`^this is the job of a build; .* of build ${buildId}$`));
    }
  });

  it("is followed to its end, as the log of a build is", async (t) => {
    const server = await startTestServer(t);
    const { id } = await push(server, "box", await bodyOf(await commandSource(t), COMMAND));
    await givenPushWorker(t, server);
    const path = `${ORGANIZATION}/provisionerjobs/${id}/logs?follow=true`;
    const { body, headers } = await server.send("GET", path, { as: server.admin });
    assert.match(String(headers["content-type"]), /^text\/event-stream/);
    assert.match(body, /created template default\/box"/);
    assert.match(body, /event: end\ndata: \{"job_status":"succeeded"\}/);
  });
});
