import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import type { ProvisionerJobView } from "../../src/provisioner/job-view.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { givenUser, type TestServer } from "./server.ts";
import { givenServer } from "./steering.ts";
import { givenPrebuild, givenWorkspace, type TestTemplate } from "./world.ts";

const PATH = "/api/v2/organizations/default/provisionerjobs";

async function list(server: TestServer, query = "", as = server.admin) {
  const answer = await server.send("GET", `${PATH}${query}`, { as });
  assert.equal(answer.statusCode, 200, `${query}: ${answer.body}`);
  return { jobs: answer.json() as ProvisionerJobView[], count: Number(answer.headers["x-total-count"]) };
}

const namesOf = (jobs: readonly ProvisionerJobView[]) => jobs.map(({ metadata }) => metadata.workspace_name);

/** One workspace in each state that a job can be in, the newest last; half of them are prebuilds. */
async function givenJobs(server: TestServer, template: TestTemplate): Promise<void> {
  const states = ["pending", "running", "succeeded", "failed", "canceling", "canceled"] as const;
  for (const [index, job] of states.entries()) {
    const ownerId = index % 2 === 0 ? PREBUILDS_SYSTEM_USER_ID : server.alice.id;
    const { jobId } = await givenWorkspace(server, { ownerId, name: job, template, job });
    await server.pool.query(
      "update provisioner_jobs set created_at = now() - interval '1 hour' + $2 * interval '1 minute' where id = $1",
      [jobId, index],
    );
  }
}

describe("the list of provisioner jobs", () => {
  it("has the newest first, page by page, with the number of all in a header", async (t) => {
    const { server, template } = await givenServer(t);
    await givenJobs(server, template);
    const newestFirst = ["canceled", "canceling", "failed", "succeeded", "running", "pending"];
    const all = await list(server);
    assert.deepEqual([namesOf(all.jobs), all.count], [newestFirst, 6]);
    for (const [query, from, to] of [
      ["?limit=2", 0, 2],
      ["?limit=2&offset=3", 3, 5],
      ["?limit=6", 0, 6],
      ["?limit=4&offset=4", 4, 6],
      ["?offset=6", 6, 6],
      ["?limit=1&offset=100", 6, 6],
    ] as const) {
      const page = await list(server, query);
      assert.deepEqual([namesOf(page.jobs), page.count], [newestFirst.slice(from, to), 6], query);
    }
  });

  it("is narrowed by states and by who asked for the builds", async (t) => {
    const { server, template } = await givenServer(t);
    await givenJobs(server, template);
    for (const [query, names] of [
      ["status=failed", ["failed"]],
      ["status=pending", ["pending"]],
      ["status=pending,running,canceling", ["canceling", "running", "pending"]],
      ["status=pending,failed", ["failed", "pending"]],
      ["initiator=prebuilds", ["canceling", "succeeded", "pending"]],
      [`initiator=${PREBUILDS_SYSTEM_USER_ID}&status=pending`, ["pending"]],
      ["initiator=ALICE&status=running,failed", ["failed", "running"]],
      ["initiator=me", []],
      ["initiator=who", []],
    ] as const) {
      const { jobs, count } = await list(server, `?${query}`);
      assert.deepEqual([namesOf(jobs), count], [names, names.length], query);
    }
    const count = (await list(server, "?status=pending,running,canceling&limit=1")).count;
    assert.equal(count, 3, "a page that is full does not say how many there are");
    await givenWorkspace(server, { ownerId: server.admin.id, name: "own", template });
    assert.deepEqual(namesOf((await list(server, "?initiator=me")).jobs), ["own"]);
  });

  it("says of each job which build of which workspace it is, how it went, and when", async (t) => {
    const { server, template } = await givenServer(t);
    const {
      id: workspaceId,
      buildId,
      jobId,
    } = await givenWorkspace(server, {
      ownerId: server.alice.id,
      name: "dev",
      template,
      job: "failed",
    });
    const workerId = randomUUID();
    await server.pool.query(
      `update provisioner_jobs set worker_id = $2, error_code = 'X', created_at = now() - interval '2 minutes',
        started_at = now() - interval '1 minute' where id = $1`,
      [jobId, workerId],
    );
    const { rows } = await server.pool.query(
      `select j.created_at, j.started_at, j.completed_at, v.name as version
        from provisioner_jobs j, template_versions v where j.id = $1`,
      [jobId],
    );
    const [job] = (await list(server)).jobs;
    assert.deepEqual(job, {
      id: jobId,
      created_at: rows[0].created_at.toISOString(),
      started_at: rows[0].started_at.toISOString(),
      completed_at: rows[0].completed_at.toISOString(),
      canceled_at: null,
      status: "failed",
      error: "start exited with code 3",
      error_code: "X",
      worker_id: workerId,
      organization_id: server.defaultOrganizationId,
      initiator_id: server.alice.id,
      initiator_name: "alice",
      type: "workspace_build",
      tags: {},
      input: { workspace_build_id: buildId, template_version_id: null },
      metadata: {
        transition: "start",
        workspace_id: workspaceId,
        workspace_name: "dev",
        workspace_owner_name: "alice",
        template_id: template.id,
        template_name: "devbox",
        template_display_name: "",
        template_icon: "",
        template_version_name: rows[0].version,
      },
    });
    const one = await server.send("GET", `${PATH}/${jobId}`, { as: server.admin });
    assert.deepEqual([one.statusCode, one.json()], [200, job]);
  });

  it("has the jobs of its organization only", async (t) => {
    const { server, template } = await givenServer(t);
    const { jobId } = await givenPrebuild(server, template);
    const other = "/api/v2/organizations/other/provisionerjobs";
    assert.deepEqual((await server.send("GET", other, { as: server.admin })).json(), []);
    assert.equal((await server.send("GET", `${other}/${jobId}`, { as: server.admin })).statusCode, 404);
    assert.equal((await list(server)).count, 1);
  });

  it("keeps the jobs of workspaces and templates that are deleted", async (t) => {
    const { server, template } = await givenServer(t);
    await givenPrebuild(server, template);
    await server.pool.query("update workspaces set deleted = true");
    await server.pool.query("update templates set deleted = true");
    assert.equal((await list(server)).jobs[0]?.metadata.template_name, "devbox");
  });

  it("refuses filters that are none, and names them", async (t) => {
    const { server } = await givenServer(t);
    for (const query of [
      "status=sleeping",
      "status=",
      "status=pending,",
      "status=Pending",
      "status=pending&status=failed",
      "initiator=",
      "initiator=a&initiator=b",
      "limit=0",
      "limit=1001",
      "offset=x",
    ]) {
      const answer = await server.send("GET", `${PATH}?${query}`, { as: server.admin });
      assert.equal(answer.statusCode, 400, query);
      assert.equal(answer.json().validations[0].field, query.split("=")[0]);
    }
    const sleeping = await server.send("GET", `${PATH}?status=sleeping`, { as: server.admin });
    assert.match(sleeping.json().validations[0].detail, /^one or several of pending, running, .*separated by commas$/);
  });
});

describe("provisioner jobs", () => {
  it("are read by who may read them in the organization, and by nobody else", async (t) => {
    const { server, template } = await givenServer(t);
    const { jobId } = await givenPrebuild(server, template);
    const { otherOrganizationId: other } = server;
    const ofOther = { organization: other, roles: ["organization-template-admin", "organization-admin"] };
    for (const [who, as, listed, one] of [
      ["the site owner", server.admin, 200, 200],
      ["an organization admin", await givenUser(server, { roles: ["organization-admin"] }), 200, 200],
      [
        "an organization's template admin",
        await givenUser(server, { roles: ["organization-template-admin"] }),
        200,
        200,
      ],
      ["a template admin", await givenUser(server, { organization: null, siteRoles: ["template-admin"] }), 403, 404],
      ["an auditor", await givenUser(server, { organization: null, siteRoles: ["auditor"] }), 403, 404],
      ["an organization's auditor", await givenUser(server, { roles: ["organization-auditor"] }), 403, 404],
      ["an organization's user admin", await givenUser(server, { roles: ["organization-user-admin"] }), 403, 404],
      ["a member", server.alice, 403, 404],
      ["an admin of another organization", await givenUser(server, ofOther), 404, 404],
      ["a member of another organization", server.bob, 404, 404],
      ["a member of nothing", server.nobody, 404, 404],
    ] as const) {
      assert.equal((await server.send("GET", PATH, { as })).statusCode, listed, who);
      assert.equal((await server.send("GET", `${PATH}/${jobId}`, { as })).statusCode, one, who);
    }
  });

  it("are read with a token as far as its scopes reach", async (t) => {
    const { server, template } = await givenServer(t);
    const { jobId } = await givenPrebuild(server, template);
    const roles = ["organization-admin"];
    const reader = await givenUser(server, { roles, scopes: ["provisioner_jobs:read"] });
    assert.equal((await list(server, "", reader)).count, 1);
    const other = await givenUser(server, { roles, scopes: ["template:read", "organization:read"] });
    assert.equal((await server.send("GET", PATH, { as: other })).statusCode, 403);
    const exact = await givenUser(server, { roles, allowList: [`provisioner_jobs:${jobId}`] });
    assert.equal((await server.send("GET", `${PATH}/${jobId}`, { as: exact })).statusCode, 200);
  });

  it("that are not there are not found, whatever stands in the path", async (t) => {
    const { server } = await givenServer(t);
    for (const id of [randomUUID(), "x", "%27", "0"]) {
      assert.equal((await server.send("GET", `${PATH}/${id}`, { as: server.admin })).statusCode, 404, id);
    }
    const nowhere = await server.send("GET", "/api/v2/organizations/nowhere/provisionerjobs", { as: server.admin });
    assert.equal(nowhere.statusCode, 404);
  });
});
