import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startTestServer } from "../http/server.ts";
import { SAME_ORIGIN, submit, visit } from "./support.ts";

describe("the status page's session", () => {
  it("begins with a token that is good, in a cookie that only the browser can read and no other site can use", async (t) => {
    const server = await startTestServer(t);
    const form = { token: ` ${server.admin.token}\n` };
    const plain = await submit(server, "/session", { form });
    assert.deepEqual([plain.statusCode, plain.headers.location], [303, "/"]);
    const cookie = `prebuildd_session=${server.admin.token}; HttpOnly; SameSite=Strict; Path=/`;
    assert.equal(plain.headers["set-cookie"], cookie);
    const headers = { ...SAME_ORIGIN, "x-forwarded-proto": "https" };
    const secure = await submit(server, "/session", { form, headers });
    assert.equal(secure.headers["set-cookie"], `${cookie}; Secure`);
    assert.equal((await visit(server, "/", server.admin)).statusCode, 200);
  });

  it("is asked for where there is none, and what is wrong with a token is said in the form", async (t) => {
    const server = await startTestServer(t);
    const first = await visit(server, "/");
    assert.deepEqual([first.statusCode, first.body.includes('role="alert"')], [200, false]);
    assert.match(first.body, /<form method="post" action="\/session">/);
    for (const [token, reason] of [
      ["", /This is not a token/],
      ["<script>alert(1)</script>", /This is not a token/],
      [`${server.admin.token.slice(0, -1)}~`, /This is not a token/],
      ["AAAAAAAAAA-AAAAAAAAAAAAAAAAAAAAAA", /The token is not valid/],
    ] as const) {
      const answer = await submit(server, "/session", { form: { token } });
      assert.equal(answer.statusCode, 401, token);
      assert.match(answer.body, reason);
      assert.ok(!answer.headers["set-cookie"] && !answer.body.includes("<script"), token);
    }
    assert.equal((await submit(server, "/session")).statusCode, 400, "a form without a token");
    const stale = await visit(server, "/", { ...server.admin, token: "AAAAAAAAAA-AAAAAAAAAAAAAAAAAAAAAA" });
    assert.equal(stale.statusCode, 401);
    assert.match(String(stale.headers["set-cookie"]), /prebuildd_session=; .*Max-Age=0/);
  });

  it("ends with signing out, and goes nowhere else but to the page", async (t) => {
    const server = await startTestServer(t);
    const form = { token: server.admin.token, next: "https://example.com" };
    assert.equal((await submit(server, "/session?next=//example.com", { form })).headers.location, "/");
    const ended = await submit(server, "/session/end", { as: server.admin });
    assert.deepEqual([ended.statusCode, ended.headers.location], [303, "/"]);
    assert.match(String(ended.headers["set-cookie"]), /prebuildd_session=; .*Max-Age=0/);
  });

  it("counts for the page only: the API believes no cookie, and the page no header", async (t) => {
    const server = await startTestServer(t);
    for (const path of ["/api/v2/prebuilds/pools", "/api/v2/users/me"]) {
      assert.equal((await visit(server, path, server.admin)).statusCode, 401, path);
    }
    const byHeader = await server.send("GET", "/", { as: server.admin });
    assert.match(byHeader.body, /action="\/session"/);
    for (const path of ["/events", "/builds/00000000-0000-0000-0000-000000000000/log"]) {
      assert.equal((await server.send("GET", path, { as: server.admin })).statusCode, 401, path);
    }
  });

  it("begins with nothing that another site has made the browser send", async (t) => {
    const server = await startTestServer(t);
    const form = { token: server.admin.token };
    for (const headers of [
      { host: "pools.example.com" },
      { host: "pools.example.com", origin: "https://evil.example.com" },
      { host: "pools.example.com", origin: "null" },
      { host: "pools.example.com", origin: "http://pools.example.com:8080" },
      { host: "pools.example.com", origin: "https://pools.example.com", "sec-fetch-site": "cross-site" },
      { host: "pools.example.com", origin: "https://pools.example.com", "sec-fetch-site": "same-site" },
    ] as Record<string, string>[]) {
      const answer = await submit(server, "/session", { form, headers });
      assert.equal(answer.statusCode, 403, JSON.stringify(headers));
      assert.equal(answer.headers["set-cookie"], undefined);
    }
    // Over plain HTTP browsers say no more than this.
    const headers = { host: "pools.example.com:7070", origin: "http://pools.example.com:7070" };
    assert.equal((await submit(server, "/session", { form, headers })).statusCode, 303);
  });
});
