import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { givenVersion } from "../support/given.ts";
import { finishBuilds, readHistories } from "../support/histories.ts";
import { givenUser, type TestServer, type TestUser } from "./server.ts";
import { countWakes, givenServer } from "./steering.ts";
import { givenOutsiders, givenTemplateAdmins } from "./template-roles.ts";
import { givenTemplate, type TestTemplate } from "./world.ts";

const never = new AbortController().signal;

type Listed = { readonly id: string; readonly name: string; readonly active: boolean; readonly archived: boolean };

async function list(server: TestServer, { id }: TestTemplate, query = "", as = server.alice) {
  const answer = await server.send("GET", `/api/v2/templates/${id}/versions${query}`, { as });
  assert.equal(answer.statusCode, 200, answer.body);
  return { versions: answer.json() as Listed[], count: Number(answer.headers["x-total-count"]) };
}

const promote = (server: TestServer, template: TestTemplate, id: unknown, as: TestUser = server.admin) =>
  server.send("PATCH", `/api/v2/templates/${template.id}/versions`, { as, json: { id } });

const archive = (server: TestServer, id: string, verb = "archive", as: TestUser = server.admin) =>
  server.send("POST", `/api/v2/templateversions/${id}/${verb}`, { as });

async function auditOf({ pool }: TestServer, id: string) {
  const { rows } = await pool.query(
    `select resource_type, resource_target, diff from audit_logs
      where resource_id = $1 and action = 'write' order by id`,
    [id],
  );
  return rows;
}

async function nameOf({ pool }: TestServer, versionId: string): Promise<string> {
  return (await pool.query("select name from template_versions where id = $1", [versionId])).rows[0].name;
}

describe("the versions of a template", () => {
  it("are listed with the newest first, page by page, and the active one says so", async (t) => {
    const { server, template } = await givenServer(t);
    const second = await givenVersion(server, template.id);
    const third = await givenVersion(server, template.id);
    await givenTemplate(server, "other");
    const all = await list(server, template);
    assert.equal(all.count, 3);
    assert.deepEqual(
      all.versions.map(({ id, active }) => [id, active]),
      [
        [third, true],
        [second, false],
        [template.versionId, false],
      ],
    );
    assert.deepEqual(await list(server, template, "?limit=1&offset=1"), { versions: [all.versions[1]], count: 3 });
    assert.deepEqual(await list(server, template, "?offset=9"), { versions: [], count: 3 });
  });

  it("can be found by name, exactly as it is written", async (t) => {
    const { server, template } = await givenServer(t);
    const name = await nameOf(server, template.versionId);
    const get = (given: string, id = template.id) =>
      server.send("GET", `/api/v2/templates/${id}/versions/${encodeURIComponent(given)}`, { as: server.alice });
    assert.equal((await get(name)).json().id, template.versionId);
    const other = await givenTemplate(server, "other");
    await server.pool.query("update template_versions set name = 'v2' where id = $1", [other.versionId]);
    for (const wrong of [name.toUpperCase(), "nothing", "%", "v2"])
      assert.equal((await get(wrong)).statusCode, 404, wrong);
    assert.equal((await get("v2", other.id)).json().id, other.versionId);
  });

  it("are hidden from who does not see the template", async (t) => {
    const { server, template } = await givenServer(t);
    for (const as of [server.bob, server.nobody]) {
      for (const path of [`/templates/${template.id}/versions`, `/templates/${template.id}/versions/v1`]) {
        assert.equal((await server.send("GET", `/api/v2${path}`, { as })).statusCode, 404, path);
      }
    }
    const auditor = await givenUser(server, { organization: null, siteRoles: ["auditor"] });
    assert.equal((await list(server, template, "", auditor)).count, 1);
  });

  it("are left out when they are archived, unless they are asked for", async (t) => {
    const { server, template } = await givenServer(t);
    const second = await givenVersion(server, template.id);
    assert.equal((await archive(server, template.versionId)).statusCode, 200);
    const short = await list(server, template);
    assert.deepEqual([short.versions.map(({ id }) => id), short.count], [[second], 1]);
    const long = await list(server, template, "?include_archived=true");
    assert.deepEqual(
      [long.versions.map(({ id, archived }) => [id, archived]), long.count],
      [
        [
          [second, false],
          [template.versionId, true],
        ],
        2,
      ],
    );
    const refused = await server.send("GET", `/api/v2/templates/${template.id}/versions?include_archived=1`, {
      as: server.alice,
    });
    assert.equal(refused.json().validations[0].field, "include_archived");
  });
});

describe("the active version", () => {
  it("can be an older one again, to which the pools then turn", async (t) => {
    const { server, template } = await givenServer(t);
    const second = await givenVersion(server, template.id);
    await server.pool.query(
      "insert into template_version_presets (template_version_id, name, desired_instances) values ($1, 'small', 1)",
      [second],
    );
    await runPass(server.context, never);
    await finishBuilds(server.context);
    const wakes = await countWakes(t, server);
    const answer = await promote(server, template, template.versionId);
    const name = await nameOf(server, template.versionId);
    assert.deepEqual([answer.statusCode, answer.json()], [200, { message: `version ${name} is the active one` }]);
    assert.equal(await wakes(), 1);
    const shown = (await server.send("GET", `/api/v2/templates/${template.id}`, { as: server.alice })).json();
    assert.deepEqual([shown.active_version_id, shown.active_version_name], [template.versionId, name]);
    assert.deepEqual(await auditOf(server, template.id), [
      {
        resource_type: "template",
        resource_target: "devbox",
        diff: {
          active_version_id: { old: second, new: template.versionId },
          active_version_name: { old: await nameOf(server, second), new: name },
        },
      },
    ]);

    await runPass(server.context, never);
    const builds = ((await readHistories(server)).get(template.id) ?? []).map((history) => history.builds);
    const fresh = ["start pending"];
    assert.deepEqual(builds, [["start succeeded", "delete pending"], fresh, fresh, fresh]);
  });

  it("that is made the active one again changes nothing and wakes nobody", async (t) => {
    const { server, template } = await givenServer(t);
    const wakes = await countWakes(t, server);
    assert.equal((await promote(server, template, template.versionId)).statusCode, 200);
    assert.equal(await wakes(), 0);
    assert.deepEqual(await auditOf(server, template.id), []);
  });

  it("is never one of another template, an archived one, or none at all", async (t) => {
    const { server, template } = await givenServer(t);
    const second = await givenVersion(server, template.id);
    const other = await givenTemplate(server, "other");
    await archive(server, template.versionId);
    for (const id of [other.versionId, randomUUID()]) {
      const foreign = await promote(server, template, id);
      assert.equal(foreign.statusCode, 400, "whether there is such a version elsewhere is not said");
      assert.deepEqual(foreign.json(), {
        message: "template devbox has no such version",
        validations: [{ field: "id", detail: "is not a version of this template" }],
      });
    }
    const archived = await promote(server, template, template.versionId);
    assert.equal(archived.statusCode, 409);
    assert.match(archived.json().message, /^version \w+ is archived; take it out of the archive first$/);
    for (const id of [undefined, null, "", "v1", 5, [second]]) {
      const answer = await promote(server, template, id);
      assert.deepEqual([answer.statusCode, answer.json().validations[0].field], [400, "id"], String(id));
    }
    const { versions } = await list(server, template);
    assert.deepEqual(
      versions.map(({ id, active }) => [id, active]),
      [[second, true]],
    );
  });

  it("is chosen by who manages templates and by nobody else", async (t) => {
    const { server, template } = await givenServer(t);
    const second = await givenVersion(server, template.id);
    for (const { who, as, status } of await givenOutsiders(server)) {
      assert.equal((await promote(server, template, template.versionId, as)).statusCode, status, who);
    }
    assert.equal((await list(server, template)).versions[0]?.active, true);
    for (const [index, { who, as }] of (await givenTemplateAdmins(server)).entries()) {
      const id = index % 2 === 0 ? template.versionId : second;
      assert.equal((await promote(server, template, id, as)).statusCode, 200, who);
      assert.equal((await list(server, template)).versions.find(({ active }) => active)?.id, id);
    }
  });
});

describe("the archive", () => {
  it("takes a version and gives it back, once each, and the audit log shows it", async (t) => {
    const { server, template } = await givenServer(t);
    await givenVersion(server, template.id);
    const name = await nameOf(server, template.versionId);
    for (let again = 0; again < 2; again += 1) {
      const answer = await archive(server, template.versionId);
      assert.deepEqual([answer.statusCode, answer.json()], [200, { message: `version ${name} is archived` }]);
    }
    for (let again = 0; again < 2; again += 1) {
      const answer = await archive(server, template.versionId, "unarchive");
      assert.deepEqual([answer.statusCode, answer.json()], [200, { message: `version ${name} is not archived` }]);
    }
    const entry = { resource_type: "template_version", resource_target: `devbox@${name}` };
    assert.deepEqual(await auditOf(server, template.versionId), [
      { ...entry, diff: { archived: { old: false, new: true } } },
      { ...entry, diff: { archived: { old: true, new: false } } },
    ]);
  });

  it("does not take the active version", async (t) => {
    const { server, template } = await givenServer(t);
    const answer = await archive(server, template.versionId);
    assert.equal(answer.statusCode, 409);
    assert.match(
      answer.json().message,
      /^version \w+ is the active one of template devbox and cannot be archived; make another one active first$/,
    );
    assert.equal((await list(server, template)).versions[0]?.archived, false);
  });

  it("gives a version back that is applied again, which thereby becomes the active one", async (t) => {
    const { server, template } = await givenServer(t);
    await givenVersion(server, template.id);
    await archive(server, template.versionId);
    await givenTemplate(server);
    const { versions } = await list(server, template);
    const found = versions.find(({ id }) => id === template.versionId);
    assert.deepEqual([found?.active, found?.archived], [true, false]);
  });

  it("and the active version exclude each other, however many ask for both at once", async (t) => {
    const { server, template } = await givenServer(t);
    const second = await givenVersion(server, template.id);
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all([
        archive(server, template.versionId),
        promote(server, template, template.versionId),
        givenTemplate(server),
      ]);
      assert.ok(
        answers.slice(0, 2).every((answer) => "statusCode" in answer && [200, 409].includes(answer.statusCode)),
      );
      const { rowCount } = await server.pool.query(
        "select from templates t join template_versions v on v.id = t.active_version_id and v.archived",
      );
      assert.equal(rowCount, 0);
      await promote(server, template, second);
      await archive(server, template.versionId, "unarchive");
    }
  });

  it("is kept by who manages templates and by nobody else", async (t) => {
    const { server, template } = await givenServer(t);
    await givenVersion(server, template.id);
    for (const { who, as, status } of await givenOutsiders(server)) {
      for (const verb of ["archive", "unarchive"]) {
        assert.equal((await archive(server, template.versionId, verb, as)).statusCode, status, who);
      }
    }
    for (const { who, as } of await givenTemplateAdmins(server)) {
      assert.equal((await archive(server, template.versionId, "archive", as)).statusCode, 200, who);
      assert.equal((await archive(server, template.versionId, "unarchive", as)).statusCode, 200, who);
    }
    for (const id of ["x", "%00", randomUUID()]) {
      assert.ok([400, 404].includes((await archive(server, id)).statusCode), id);
    }
    await server.send("DELETE", `/api/v2/templates/${template.id}`, { as: server.admin });
    assert.equal((await archive(server, template.versionId)).statusCode, 404, "nor is one of a deleted template");
  });
});
