import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { planPools } from "../../src/prebuilds/reconcile.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { countWakes, givenServer } from "./steering.ts";
import { givenOutsiders, givenTemplateAdmins } from "./template-roles.ts";
import { givenTemplate } from "./world.ts";

type Listed = { readonly id: string; readonly name: string };

async function list(server: TestServer, as: TestUser, path: string) {
  const answer = await server.send("GET", `/api/v2${path}`, { as });
  assert.equal(answer.statusCode, 200, answer.body);
  const names = (answer.json() as Listed[]).map(({ name }) => name);
  return { names, count: Number(answer.headers["x-total-count"]) };
}

/** What the audit log has about an object, the oldest entry first. */
async function auditOf({ pool }: TestServer, id: string) {
  const { rows } = await pool.query(
    `select action, resource_type, resource_target, organization_id, diff, user_id from audit_logs
      where resource_id = $1 and action <> 'create' order by id`,
    [id],
  );
  return rows;
}

describe("lists of templates", () => {
  it("come in pages in the order of the names, with the number of all in a header", async (t) => {
    const server = await startTestServer(t);
    for (const name of ["web", "Api", "devbox"]) await givenTemplate(server, name);
    for (const path of ["/templates", "/organizations/default/templates"]) {
      assert.deepEqual(await list(server, server.alice, path), { names: ["Api", "devbox", "web"], count: 3 });
      assert.deepEqual(await list(server, server.alice, `${path}?limit=1&offset=1`), { names: ["devbox"], count: 3 });
      assert.deepEqual(await list(server, server.alice, `${path}?offset=3`), { names: [], count: 3 });
    }
  });

  it("are narrowed by a part of the name, in any case and to the letter", async (t) => {
    const server = await startTestServer(t);
    for (const name of ["web-1", "web-2", "Api"]) await givenTemplate(server, name);
    for (const [q, names] of [
      ["WEB", ["web-1", "web-2"]],
      ["ap", ["Api"]],
      ["-2", ["web-2"]],
      ["%25", []],
      ["_", []],
      ["", ["Api", "web-1", "web-2"]],
    ] as const) {
      assert.deepEqual(await list(server, server.alice, `/templates?q=${q}`), { names, count: names.length }, q);
    }
  });

  it("show members their organizations' templates only, and who reads all templates all of them", async (t) => {
    const server = await startTestServer(t);
    const { id } = await givenTemplate(server);
    assert.deepEqual(await list(server, server.bob, "/templates"), { names: [], count: 0 });
    const hidden = await server.send("GET", "/api/v2/organizations/default/templates", { as: server.bob });
    assert.equal(hidden.statusCode, 404);
    const auditor = await givenUser(server, { organization: null, siteRoles: ["auditor"] });
    const limited = await givenUser(server, { allowList: [`template:${randomUUID()}`] });
    const exact = await givenUser(server, { scopes: ["template:read"], allowList: [`template:${id}`] });
    assert.equal((await list(server, auditor, "/templates")).count, 1);
    assert.equal((await list(server, auditor, "/organizations/default/templates")).count, 1);
    assert.equal((await list(server, limited, "/templates")).count, 0);
    assert.equal((await list(server, exact, "/templates")).count, 1);
  });

  it("refuse pages and searches that are none", async (t) => {
    const server = await startTestServer(t);
    for (const query of ["limit=0", "offset=-1", `q=${"a".repeat(257)}`]) {
      const answer = await server.send("GET", `/api/v2/templates?${query}`, { as: server.alice });
      assert.equal(answer.statusCode, 400, query);
      assert.equal(answer.json().validations[0].field, query.split("=")[0]);
    }
  });
});

describe("a template", () => {
  it("is changed in what the request names and in nothing else, which the audit log shows", async (t) => {
    const { server, template } = await givenServer(t);
    const path = `/api/v2/templates/${template.id}`;
    const before = (await server.send("GET", path, { as: server.admin })).json();
    const change = {
      name: "Box-2",
      display_name: "The box",
      description: "two\nlines",
      icon: "/icon/box.svg",
      default_ttl_ms: 90_500,
      allow_user_autostart: false,
      allow_user_autostop: false,
      deprecation_message: "use web",
    };
    server.advance(1_000);
    const answer = await server.send("PATCH", path, { as: server.admin, json: change });
    assert.equal(answer.statusCode, 200, answer.body);
    const after = answer.json();
    assert.deepEqual({ ...after, updated_at: "" }, { ...before, ...change, deprecated: true, updated_at: "" });
    assert.ok(after.updated_at > before.updated_at);
    assert.deepEqual((await server.send("GET", path, { as: server.alice })).json(), after);
    const [entry, ...more] = await auditOf(server, template.id);
    assert.deepEqual(more, []);
    const changed = Object.entries(change).map(([field, now]) => [field, { old: before[field], new: now }]);
    assert.deepEqual(entry, {
      action: "write",
      resource_type: "template",
      resource_target: "devbox",
      organization_id: server.defaultOrganizationId,
      user_id: server.admin.id,
      diff: Object.fromEntries(changed),
    });

    const part = (await server.send("PATCH", path, { as: server.admin, json: { icon: "" } })).json();
    assert.deepEqual({ ...part, updated_at: "" }, { ...after, icon: "", updated_at: "" });
  });

  it("that is what it should be already is not written again", async (t) => {
    const { server, template } = await givenServer(t);
    const path = `/api/v2/templates/${template.id}`;
    const before = (await server.send("GET", path, { as: server.admin })).json();
    const wakes = await countWakes(t, server);
    server.advance(1_000);
    for (const json of [{}, { name: "devbox", default_ttl_ms: 8 * 3_600_000, deprecation_message: "" }]) {
      const answer = await server.send("PATCH", path, { as: server.admin, json });
      assert.deepEqual([answer.statusCode, answer.json()], [200, before]);
    }
    assert.deepEqual(await auditOf(server, template.id), []);
    assert.equal(await wakes(), 0);
  });

  it("loses its pools when it is deprecated and gets them back afterwards, and the pools are woken", async (t) => {
    const { server, template } = await givenServer(t);
    const wakes = await countWakes(t, server);
    const deprecate = (deprecation_message: string) =>
      server.send("PATCH", `/api/v2/templates/${template.id}`, { as: server.admin, json: { deprecation_message } });
    const desired = async () => (await planPools(server.context)).pools.map(({ plan }) => plan.state.desired);
    assert.deepEqual(await desired(), [3]);
    await deprecate("use web");
    assert.equal(await wakes(), 1);
    assert.deepEqual(await desired(), [0]);
    await deprecate("");
    assert.equal(await wakes(), 2);
    assert.deepEqual(await desired(), [3]);
    await server.send("PATCH", `/api/v2/templates/${template.id}`, { as: server.admin, json: { icon: "x" } });
    assert.equal(await wakes(), 2, "an icon concerns no pool");
  });

  it("cannot take the name of another one, in any case, unless that is in another organization or deleted", async (t) => {
    const { server, template } = await givenServer(t);
    const web = await givenTemplate(server, "web");
    const rename = (name: string) =>
      server.send("PATCH", `/api/v2/templates/${template.id}`, { as: server.admin, json: { name } });
    const taken = await rename("WEB");
    assert.equal(taken.statusCode, 409);
    assert.match(taken.json().message, /^the organization default has a template named WEB already; choose/);
    assert.equal(taken.json().validations[0].field, "name");
    assert.deepEqual(await auditOf(server, template.id), []);
    assert.equal((await rename("DevBox")).statusCode, 200, "its own name in other letters");
    await server.pool.query("update templates set organization_id = $2 where id = $1", [
      web.id,
      server.otherOrganizationId,
    ]);
    assert.equal((await rename("web")).statusCode, 200);
  });

  it("is not changed to what a template cannot be, and each wrong field is named", async (t) => {
    const { server, template } = await givenServer(t);
    const path = `/api/v2/templates/${template.id}`;
    const before = (await server.send("GET", path, { as: server.admin })).json();
    for (const [field, values] of Object.entries({
      name: ["", "a b", "-a", "a--b", "ä", "a/b", "a".repeat(33), 5, null, "a\n"],
      display_name: ["x".repeat(65), 5, null, "\ud800"],
      description: ["x".repeat(2_049), [], "a\0b", "\udc00x"],
      icon: ["x".repeat(257), {}],
      default_ttl_ms: [-1, 0.5, 30 * 86_400_000 + 1, "8h", null],
      allow_user_autostart: ["true", 1, null],
      allow_user_autostop: ["false", 0, null],
      deprecation_message: ["x".repeat(1_025), true, null],
      colour: ["red"],
    })) {
      for (const value of values) {
        const answer = await server.send("PATCH", path, { as: server.admin, json: { [field]: value } });
        assert.equal(answer.statusCode, 400, `${field}: ${JSON.stringify(value)}: ${answer.body}`);
        assert.equal(answer.json().validations[0].field, field);
      }
    }
    const list = await server.send("PATCH", path, { as: server.admin, json: [] });
    assert.equal(list.statusCode, 400);
    assert.deepEqual((await server.send("GET", path, { as: server.admin })).json(), before);
  });

  it("is changed by who manages templates and by nobody else", async (t) => {
    const { server, template } = await givenServer(t);
    const patch = (as: TestUser, icon: string) =>
      server.send("PATCH", `/api/v2/templates/${template.id}`, { as, json: { icon } });
    for (const { who, as, status } of await givenOutsiders(server)) {
      assert.equal((await patch(as, "stolen")).statusCode, status, who);
    }
    assert.deepEqual(await auditOf(server, template.id), []);
    for (const { who, as } of await givenTemplateAdmins(server)) {
      assert.equal((await patch(as, who)).json().icon, who);
    }
    const reader = await givenUser(server, { roles: ["organization-admin"], scopes: ["template:read"] });
    assert.equal((await patch(reader, "stolen")).statusCode, 403);
    const absent = await server.send("PATCH", `/api/v2/templates/${randomUUID()}`, { as: server.admin, json: {} });
    assert.equal(absent.statusCode, 404);
  });
});
