import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { newEntries, untilSomebodyWaits } from "./effects.ts";
import { startTestServer, type TestServer } from "./server.ts";
import { givenPrebuild, givenTemplate } from "./world.ts";

const ORGANIZATIONS = "/api/v2/organizations";

describe("deleting an organization", () => {
  const remove = (server: TestServer, organization: string) =>
    server.send("DELETE", `${ORGANIZATIONS}/${organization}`, { as: server.admin });

  it("takes it away from its members with all that is in it, and its name can be used again", async (t) => {
    const server = await startTestServer(t);
    const group = await server.send("POST", `${ORGANIZATIONS}/other/groups`, { as: server.admin, json: { name: "g" } });
    const { id } = group.json();
    const add = { add_users: [server.bob.id, PREBUILDS_SYSTEM_USER_ID] };
    await server.send("PATCH", `/api/v2/groups/${id}`, { as: server.admin, json: add });
    await newEntries(server);
    const answer = await remove(server, "other");
    assert.deepEqual([answer.statusCode, answer.body], [204, ""]);
    const [entry] = await newEntries(server);
    assert.deepEqual(
      [entry?.action, entry?.type, entry?.target, entry?.diff["name"]],
      ["delete", "organization", "other", { old: "other", new: null }],
    );
    server.advance(3_000);
    for (const path of [
      `${ORGANIZATIONS}/other`,
      `${ORGANIZATIONS}/${server.otherOrganizationId}`,
      `${ORGANIZATIONS}/other/members`,
      `${ORGANIZATIONS}/${server.otherOrganizationId}/members/${server.bob.id}`,
      `/api/v2/groups/${id}`,
      `/api/v2/groups/${server.otherOrganizationId}`,
    ]) {
      assert.equal((await server.send("GET", path, { as: server.admin })).statusCode, 404, path);
    }
    assert.equal((await server.send("GET", ORGANIZATIONS, { as: server.bob })).statusCode, 403);
    const [left, ...more] = (await server.send("GET", ORGANIZATIONS, { as: server.admin })).json();
    assert.deepEqual([left.name, more], ["default", []]);
    const { rows } = await server.pool.query("select from group_members_expanded where organization_id = $1", [
      server.otherOrganizationId,
    ]);
    assert.equal(rows.length, 0);
    assert.equal((await remove(server, server.otherOrganizationId)).statusCode, 404);
    const again = await server.send("POST", ORGANIZATIONS, { as: server.admin, json: { name: "other" } });
    assert.equal(again.statusCode, 201);
  });

  it("is refused for the default one", async (t) => {
    const server = await startTestServer(t);
    const answer = await remove(server, "default");
    assert.equal(answer.statusCode, 400);
    assert.equal(answer.json().message, "default is the default organization, which cannot be deleted");
  });

  it("is refused while there are templates and workspaces, with how many there are", async (t) => {
    const server = await startTestServer(t);
    const template = await givenTemplate(server);
    await givenPrebuild(server, template, "prebuild-1");
    await givenPrebuild(server, template, "prebuild-2");
    await moveToOther(server);
    await newEntries(server);
    const refused = await remove(server, "other");
    assert.equal(refused.statusCode, 409);
    const says = "organization other still has 2 workspaces and 1 template; delete them first";
    assert.equal(refused.json().message, says);
    await server.pool.query("update templates set deleted = true");
    await server.pool.query("update workspaces set deleted = true where name = 'prebuild-1'");
    assert.match((await remove(server, "other")).json().message, / still has 1 workspace; delete them first$/);
    assert.deepEqual(await newEntries(server), []);
    await server.pool.query("update workspaces set deleted = true");
    assert.equal((await remove(server, "other")).statusCode, 204);
  });

  it("waits for an apply that is adding templates to it", async (t) => {
    const server = await startTestServer(t);
    const apply = await server.pool.connect();
    t.after(() => apply.release(true));
    await apply.query("begin");
    await apply.query("select pg_advisory_xact_lock(hashtextextended('prebuildd:apply', 0))");
    const deletion = remove(server, "other");
    await untilSomebodyWaits(server);
    await apply.query(
      `insert into templates (organization_id, name, provisioner, created_by)
        select id, 'late', 'command', $1 from organizations where name = 'other' and not deleted`,
      [server.admin.id],
    );
    await apply.query("commit");
    assert.equal((await deletion).statusCode, 409);
  });

  it("leaves nobody and nothing in it that was being added at the same moment", async (t) => {
    const server = await startTestServer(t);
    const deletion = await server.pool.connect();
    t.after(() => deletion.release(true));
    for (const [path, json] of [
      ["members/alice", undefined],
      ["groups", { name: "crew" }],
    ] as const) {
      await deletion.query("begin");
      await deletion.query("select from organizations where name = 'other' for update");
      const adding = server.send("POST", `${ORGANIZATIONS}/other/${path}`, { as: server.admin, json });
      await untilSomebodyWaits(server);
      await deletion.query("update organizations set deleted = true where name = 'other'");
      await deletion.query("commit");
      assert.equal((await adding).statusCode, 404, path);
      await server.pool.query("update organizations set deleted = false");
    }
    const { rows } = await server.pool.query(
      `select (select count(*)::int from organization_members where organization_id = $1) as members,
        (select count(*)::int from groups where organization_id = $1) as groups`,
      [server.otherOrganizationId],
    );
    assert.deepEqual(rows, [{ members: 1, groups: 1 }]);
  });
});

/** Makes everything that is in the default organization belong to `other`. */
async function moveToOther({ pool, otherOrganizationId }: TestServer): Promise<void> {
  for (const table of ["workspaces", "templates", "template_versions"]) {
    await pool.query(`update ${table} set organization_id = $1`, [otherOrganizationId]);
  }
}
