import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { packSource } from "../../src/templates/sources.ts";
import { givenUser, startTestServer, type TestUser } from "./server.ts";

const QUICKSTART = fileURLToPath(new URL("../../examples/quickstart/template", import.meta.url));

/** The source of the quick start's template, as a document has it. */
async function packed() {
  const { hash, data } = await packSource(QUICKSTART, "command");
  return { hash, archive: data.toString("base64") };
}

test("a source that does not have the hash it came with is refused, because it would block the right one", async (t) => {
  const server = await startTestServer(t);
  const source = { ...(await packed()), hash: "0".repeat(64) };
  const json = { templates: [{ name: "x", provisioner: "command", source, presets: [] }] };
  const answer = await server.send("PUT", "/api/v2/apply", { as: server.admin, json });
  assert.equal(answer.statusCode, 400);
  assert.match(answer.json().message, /does not have the hash it came with/);
  const { rows } = await server.pool.query("select count(*)::int as files from files");
  assert.deepEqual(rows, [{ files: 0 }]);
});

test("a token may apply no more than it may do piece by piece", async (t) => {
  const server = await startTestServer(t);
  const apply = (as: TestUser, json: object) => server.send("PUT", "/api/v2/apply", { as, json });
  const documents = {
    organizations: { organizations: [{ name: "lab" }] },
    users: { users: [{ username: "eve", email: "eve@example.com", roles: ["owner"] }] },
    templates: { templates: [{ name: "x", provisioner: "command", source: await packed(), presets: [] }] },
  };
  const rights = {
    organizations: ["organization:*"],
    users: ["user:*", "assign_role:*", "assign_org_role:*", "organization_member:*"],
    templates: ["template:*", "file:*"],
  };
  for (const [allowed, more] of Object.entries(rights)) {
    const scopes = ["deployment_config:update", ...more];
    const as = await givenUser(server, { siteRoles: ["owner"], scopes });
    assert.equal((await apply(as, {})).statusCode, 200);
    for (const [part, json] of Object.entries(documents)) {
      const { statusCode, body } = await apply(as, json);
      assert.equal(statusCode, part === allowed ? 200 : 403, `${part} with ${scopes}: ${body}`);
    }
  }
});
