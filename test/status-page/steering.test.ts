import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { givenUser, startTestServer, type TestServer } from "../http/server.ts";
import { poolsSeenBy } from "../http/steering.ts";
import { SAME_ORIGIN, submit, visit } from "./support.ts";
import { givenPools } from "./world.ts";

const auditCount = async ({ pool }: TestServer) =>
  (await pool.query<{ count: number }>("select count(*)::int as count from audit_logs")).rows[0]?.count;

async function pauses(server: TestServer): Promise<string[]> {
  const pools = await poolsSeenBy(server.admin, server);
  return pools.flatMap(({ preset_name: name, paused }) => (paused ? [`${name} ${paused.scope}`] : [])).sort();
}

describe("a button of the status page", () => {
  it("pauses, resumes and resets a pool like the API, audit entry included, and says so on the page", async (t) => {
    const server = await startTestServer(t);
    const at = await givenPools(server);
    const { presetId } = at("notebook/gpu");
    const before = (await auditCount(server)) ?? 0;
    for (const [verb, said] of [
      ["pause", "default/notebook/gpu is paused: nothing is created or deleted, and claims go on."],
      ["resume", "default/notebook/gpu is no longer paused."],
      ["reset", "default/notebook/gpu is reset: its failures are forgotten, and prebuilds are created again."],
    ] as const) {
      const answer = await submit(server, `/pools/${presetId}/${verb}`, { as: server.admin });
      assert.deepEqual([answer.statusCode, answer.headers.location], [303, `/?did=${verb}&pool=${presetId}`]);
      const page = await visit(server, answer.headers.location ?? "", server.admin);
      assert.ok(page.body.includes(`<p id="message" role="status">${said}</p>`), verb);
      const state = verb === "pause" ? "stopped" : verb === "resume" ? "stopped" : "filling";
      assert.match(page.body, new RegExp(`id="pool-${presetId}" class="pool ${state}"`), "the page shows it at once");
    }
    assert.equal(await auditCount(server), before + 3);
    const script = { ...SAME_ORIGIN, accept: "text/plain" };
    const told = await submit(server, `/pools/${presetId}/pause`, { as: server.admin, headers: script });
    assert.deepEqual([told.statusCode, told.body.split(":")[0]], [200, "default/notebook/gpu is paused"]);
  });

  it("pauses and resumes all pools for who runs the deployment", async (t) => {
    const server = await startTestServer(t);
    await givenPools(server);
    assert.deepEqual(await pauses(server), ["jdk8 pool"]);
    const answer = await submit(server, "/pools/pause", { as: server.admin });
    assert.equal(answer.headers.location, "/?did=pause-all");
    assert.equal((await pauses(server)).length, 6);
    assert.match((await visit(server, "/", server.admin)).body, /action="\/pools\/resume"/);
    assert.equal((await submit(server, "/pools/resume", { as: server.admin })).statusCode, 303);
    assert.deepEqual(await pauses(server), ["jdk8 pool"]);
  });

  it("does nothing for who may not, without a session, and for what is not there", async (t) => {
    const server = await startTestServer(t);
    const at = await givenPools(server);
    const templateAdmin = await givenUser(server, { roles: ["organization-template-admin"] });
    const small = `/pools/${at("devbox/small").presetId}/pause`;
    const hidden = `/pools/${at("secret/hidden").presetId}/pause`;
    const before = await auditCount(server);
    for (const [path, as, status] of [
      [small, server.alice, 403],
      [small, server.bob, 404],
      [small, server.nobody, 404],
      [small, undefined, 401],
      [hidden, templateAdmin, 404],
      ["/pools/pause", templateAdmin, 403],
      ["/pools/pause", undefined, 401],
      ["/pools/00000000-0000-0000-0000-000000000000/pause", server.admin, 404],
    ] as const) {
      const answer = await submit(server, path, as ? { as } : {});
      assert.equal(answer.statusCode, status, `${path} as ${as?.username}`);
      assert.match(String(answer.headers["content-type"]), /^text\/html/);
    }
    assert.deepEqual(await pauses(server), ["jdk8 pool"]);
    assert.equal(await auditCount(server), before);
    assert.equal((await submit(server, small, { as: templateAdmin })).statusCode, 303);
  });

  it("does nothing when another site has made the browser press it, and cannot be pressed with a GET", async (t) => {
    const server = await startTestServer(t);
    const at = await givenPools(server);
    const path = `/pools/${at("devbox/small").presetId}/pause`;
    for (const headers of [
      { host: "localhost" },
      { host: "localhost", origin: "null" },
      { host: "localhost", origin: "https://evil.example.com" },
      { host: "localhost", origin: "http://localhost", "sec-fetch-site": "cross-site" },
      { host: "localhost", origin: "http://localhost", "sec-fetch-site": "none" },
    ] as Record<string, string>[]) {
      for (const pressed of [path, "/pools/pause"]) {
        const answer = await submit(server, pressed, { as: server.admin, headers });
        assert.equal(answer.statusCode, 403, JSON.stringify(headers));
      }
    }
    assert.equal((await visit(server, path, server.admin)).statusCode, 404);
    assert.deepEqual(await pauses(server), ["jdk8 pool"]);
  });
});
