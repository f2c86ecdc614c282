import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { givenUser, startTestServer } from "../http/server.ts";
import { visit } from "./support.ts";
import { givenHistory, givenPools } from "./world.ts";

const rowsOf = (body: string) =>
  Array.from(body.matchAll(/data-state="(\w+)" data-order="\d ([^"]+)"/g), ([, state, name]) => `${name}: ${state}`);
const buttonsOf = (body: string) =>
  Array.from(body.matchAll(/action="\/(pools\/[^"]+)"/g), ([, action = ""]) => action.replace(/[0-9a-f-]{36}/, "…"));

describe("the status page", () => {
  it("shows who runs the deployment every pool, the most urgent first, the passes and all requests", async (t) => {
    const server = await startTestServer(t);
    await givenHistory(server, await givenPools(server));
    const { body, statusCode, headers } = await visit(server, "/", server.admin);
    assert.deepEqual([statusCode, headers["cache-control"]], [200, "no-store"]);
    assert.deepEqual(rowsOf(body), [
      "default/notebook/gpu: stopped",
      "default/notebook/cpu: short",
      "default/legacy/jdk8: paused",
      "default/devbox/large: filling",
      "other/secret/hidden: filling",
      "default/devbox/small: full",
    ]);
    assert.match(body, /<title>2 of 6 pools short · prebuildd<\/title>/);
    assert.match(body, /Of 6 pools, 1 is stopped, 1 short, 1 paused and 2 filling\./);
    assert.match(body, /2 held back by recent failures until/);
    assert.match(body, /aria-label="Last hour: 3 ready, 3 of 3 in the end"/);
    assert.match(body, /delete 2 \(expired\), create 3 \(below target\)/);
    for (const text of ["pool empty", "no preset", "other/secret/hidden", "in SQL", "4.8 ms"])
      assert.ok(body.includes(text));
    assert.deepEqual(buttonsOf(body), [
      "pools/pause",
      ...["pause", "reset", "pause", "reset", "resume", "pause", "pause", "pause"].map((verb) => `pools/…/${verb}`),
    ]);
  });

  it("shows others what is in their organizations, and buttons to who may update templates there", async (t) => {
    const server = await startTestServer(t);
    await givenHistory(server, await givenPools(server));
    const templateAdmin = await givenUser(server, { roles: ["organization-template-admin"] });
    const auditor = await givenUser(server, { siteRoles: ["auditor"] });
    for (const [as, pools, buttons, seesPasses] of [
      [server.alice, 5, 0, false],
      [server.bob, 1, 0, false],
      [templateAdmin, 5, 7, false],
      [auditor, 6, 0, true],
    ] as const) {
      const { body, statusCode } = await visit(server, "/", as);
      assert.equal(statusCode, 200);
      assert.equal(rowsOf(body).length, pools, as.username);
      assert.equal(buttonsOf(body).length, buttons, as.username);
      assert.equal(body.includes("Last passes") && body.includes("prebuildd-6d5f7"), seesPasses, as.username);
      assert.equal(
        body.includes("secret"),
        as !== server.alice && as !== templateAdmin,
        "what the other organization has",
      );
      assert.equal(body.includes("no preset"), seesPasses, "requests of no organization");
    }
    const stranger = await visit(server, "/", server.nobody);
    assert.equal(stranger.statusCode, 403);
    assert.match(stranger.body, /Sign out/);
  });

  it("lets nothing that people name be anything but text, and names no other source of scripts than itself", async (t) => {
    const server = await startTestServer(t);
    const at = await givenPools(server);
    const hostile = `"><img src=x onerror=alert(1)>'&</title><script>`;
    await server.pool.query("update template_version_presets set name = $2 where id = $1", [
      at("devbox/small").presetId,
      hostile,
    ]);
    await server.pool.query("update templates set name = $2 where id = $1", [
      at("notebook/gpu").templateId,
      "<svg/onload=1>",
    ]);
    await server.pool.query("update provisioner_jobs set error = $1 where error is not null", [`<script>${hostile}`]);
    const { body, headers } = await visit(server, `/?q=${encodeURIComponent(hostile)}`, server.admin);
    assert.deepEqual(
      Array.from(body.matchAll(/<(img|script|svg\/)[^>]*/g), ([tag]) => tag.replace(/v=[^"]+/, "v=…")),
      ['<script src="/status.js?v=…" defer'],
    );
    assert.ok(body.includes("&lt;svg/onload=1&gt;") && body.includes("&lt;img src=x onerror=alert(1)&gt;"));
    assert.ok(!/\son\w+="|\sstyle="/.test(body), "nothing that the policy would refuse");
    assert.equal(
      headers["content-security-policy"],
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    assert.deepEqual([headers["x-content-type-options"], headers["referrer-policy"]], ["nosniff", "same-origin"]);
  });

  it("filters without a script: by name, and those that are not full; nonsense in its address means nothing", async (t) => {
    const server = await startTestServer(t);
    await givenPools(server);
    const shown = async (query: string) => {
      const { body, statusCode } = await visit(server, `/?${query}`, server.admin);
      assert.equal(statusCode, 200, query);
      return rowsOf(body.split('<tbody role="rowgroup" hidden>')[0] ?? "");
    };
    assert.deepEqual(await shown("q=DEV+small"), ["default/devbox/small: full"]);
    assert.deepEqual(await shown("q=devbox&troubled=1"), ["default/devbox/large: filling"]);
    assert.equal((await shown("did=everything&pool=1&q=")).length, 6);
    assert.equal((await shown(`q=${"a".repeat(300)}`)).length, 6);
  });

  it("says that the daemon is not ready, and tries again by itself", async (t) => {
    const server = await startTestServer(t);
    server.setHealth({ ready: { ok: false, problems: ["migrating the database"] } });
    const { body, statusCode } = await visit(server, "/", server.admin);
    assert.equal(statusCode, 503);
    assert.match(body, /http-equiv="refresh"[\s\S]*The daemon is not ready[\s\S]*migrating the database/);
    const style = /href="(\/status\.css[^"]*)"/.exec(body)?.[1] ?? "";
    assert.equal((await server.send("GET", style)).statusCode, 200, "its style is there all the same");
  });

  it("has files that browsers keep for as long as nothing in them changes", async (t) => {
    const server = await startTestServer(t);
    const { body } = await visit(server, "/");
    const [style = ""] = Array.from(body.matchAll(/href="(\/status\.css[^"]+)"/g), ([, path]) => path);
    const first = await server.send("GET", style);
    assert.deepEqual([first.statusCode, first.headers["content-type"]], [200, "text/css; charset=utf-8"]);
    assert.equal(first.headers["cache-control"], "public, max-age=31536000, immutable");
    assert.equal((await server.send("GET", "/status.css?v=older")).headers["cache-control"], "no-cache");
    const headers = { "if-none-match": String(first.headers["etag"]) };
    assert.equal((await server.send("GET", style, { headers })).statusCode, 304);
  });

  it("shows the log of a failed build as plain text to who may read it", async (t) => {
    const server = await startTestServer(t);
    await givenPools(server);
    const { rows } = await server.pool.query<{ id: string; job_id: string }>(
      "select b.id, b.job_id from workspace_builds b join provisioner_jobs j on j.id = b.job_id where j.error is not null limit 1",
    );
    const [build = { id: "", job_id: "" }] = rows;
    await server.pool.query(
      `insert into provisioner_job_logs (job_id, created_at, source, level, stage, output)
       values ($1, now(), 'provisioner', 'error', 'start', '<b>no room</b>')`,
      [build.job_id],
    );
    const path = `/builds/${build.id}/log`;
    const log = await visit(server, path, server.admin);
    assert.deepEqual([log.statusCode, log.headers["content-type"]], [200, "text/plain; charset=utf-8"]);
    assert.match(log.body, /error start: <b>no room<\/b>/);
    await server.pool.query(
      `insert into provisioner_job_logs (job_id, created_at, source, level, stage, output)
       select job_id, now(), 'provisioner', 'info', 'start', 'line ' || n from workspace_builds b, generate_series(1, 10001) n
       where b.id = $1`,
      [build.id],
    );
    const { body } = await visit(server, path, server.admin);
    assert.match(body, /^The newest 10000 lines; earlier ones are left out\.\n/);
    assert.match(
      body,
      /start: line 10001\n$/,
      "the end of a long log is there, where a failed build says what was wrong",
    );
    assert.equal((await visit(server, "/", server.admin)).body.includes(`href="${path}"`), true);
    for (const as of [server.alice, server.bob, server.nobody]) {
      assert.equal((await visit(server, path, as)).statusCode, 404, as.username);
      assert.ok(!(await visit(server, "/", as)).body.includes("/log"), "nor is there a link to it");
    }
    assert.equal((await visit(server, path)).statusCode, 401);
  });
});
