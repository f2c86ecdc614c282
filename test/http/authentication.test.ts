import assert from "node:assert/strict";
import { test } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { createToken } from "../../src/users/tokens/create.ts";
import { waitFor } from "../support/wait-for.ts";
import { countStatements, startTestServer, type TestServer } from "./server.ts";

const ME = "/api/v2/users/me";
/** The promise to users: what is revoked is of no use after this long. */
const REVOKED_WITHIN_MS = 5_000;

async function statusWith(server: TestServer, headers: Record<string, string>): Promise<number> {
  const answer = await server.send("GET", ME, { headers });
  if (answer.statusCode === 401) assert.equal(answer.headers["www-authenticate"], "Bearer");
  return answer.statusCode;
}

test("a token is taken from either header, and the word Bearer in any case", async (t) => {
  const server = await startTestServer(t);
  const { token } = server.alice;
  for (const headers of [
    { authorization: `Bearer ${token}` },
    { authorization: `bearer ${token}` },
    { "coder-session-token": token },
  ]) {
    const answer = await server.send("GET", ME, { headers });
    assert.equal(answer.statusCode, 200, answer.body);
    assert.equal(answer.json().username, "alice");
  }
});

test("whatever is not a token that was given out is refused", async (t) => {
  const server = await startTestServer(t);
  const { token } = server.alice;
  const [id, secret] = token.split("-");
  const lastChanged = token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
  for (const bad of [
    "",
    "x",
    lastChanged,
    `${id}-`,
    `-${secret}`,
    `${token}x`,
    `${id}${secret}`,
    `aaaaaaaaaa-${secret}`,
  ]) {
    assert.equal(await statusWith(server, { authorization: `Bearer ${bad}` }), 401, bad);
    assert.equal(await statusWith(server, { "coder-session-token": bad }), 401, bad);
  }
  assert.equal(await statusWith(server, {}), 401);
  assert.equal(await statusWith(server, { authorization: `Basic ${token}` }), 401);
  assert.equal(await statusWith(server, { authorization: token }), 401);
});

test("a wrong secret is refused also while the right one is remembered", async (t) => {
  const server = await startTestServer(t);
  const { token } = server.alice;
  assert.equal(await statusWith(server, { authorization: `Bearer ${token}` }), 200);
  const other = `${token.split("-")[0]}-${server.bob.token.split("-")[1]}`;
  assert.equal(await statusWith(server, { authorization: `Bearer ${other}` }), 401);
});

test("a token stops working when it expires", async (t) => {
  const server = await startTestServer(t);
  const made = await server.send("POST", `${ME}/keys/tokens`, { as: server.alice, json: { lifetime_seconds: 60 } });
  assert.equal(made.statusCode, 201);
  const headers = { authorization: `Bearer ${made.json().key}` };
  server.advance(58_000);
  assert.equal(await statusWith(server, headers), 200);
  server.advance(2_500);
  assert.equal(await statusWith(server, headers), 401);
});

test("a revoked token, and one of a suspended or deleted user, is of no use after five seconds", async (t) => {
  const cases = {
    revoked: "delete from api_keys where user_id = $1",
    suspended: "update users set status = 'suspended' where id = $1",
    deleted: "update users set deleted = true where id = $1",
  };
  for (const [name, statement] of Object.entries(cases)) {
    await t.test(name, async (t) => {
      const server = await startTestServer(t);
      const headers = { authorization: `Bearer ${server.alice.token}` };
      assert.equal(await statusWith(server, headers), 200);
      await server.pool.query(statement, [server.alice.id]);
      server.advance(REVOKED_WITHIN_MS);
      assert.equal(await statusWith(server, headers), 401);
    });
  }
});

test("a dormant user may come back", async (t) => {
  const server = await startTestServer(t);
  await server.pool.query("update users set status = 'dormant' where id = $1", [server.alice.id]);
  assert.equal(await statusWith(server, { authorization: `Bearer ${server.alice.token}` }), 200);
});

test("a token that was just used is not looked up again", async (t) => {
  const server = await startTestServer(t);
  const info = () => server.send("GET", "/api/v2/buildinfo", { as: server.alice });
  assert.equal((await info()).statusCode, 200);
  await server.pool.query("delete from api_keys");
  assert.equal((await info()).statusCode, 200);
});

test("requests that come at once with one token look it up once", async (t) => {
  const server = await startTestServer(t);
  const statements = countStatements(server.pool);
  const info = () => server.send("GET", "/api/v2/buildinfo", { as: server.alice });
  const answers = await Promise.all(Array.from({ length: 20 }, info));
  assert.ok(answers.every(({ statusCode }) => statusCode === 200));
  assert.equal(statements.filter((text) => text.includes("hashed_secret")).length, 1);
});

test("that a token is in use is noted, but at most once a minute", async (t) => {
  const server = await startTestServer(t);
  const lastUsed = async () => {
    const { rows } = await server.pool.query<{ last_used: Date | null }>(
      "select last_used from api_keys where user_id = $1",
      [server.alice.id],
    );
    return rows[0]?.last_used?.getTime();
  };
  const statements = countStatements(server.pool);
  const notes = () => statements.filter((text) => text.startsWith("update api_keys")).length;
  assert.equal(await lastUsed(), undefined);
  await server.send("GET", ME, { as: server.alice });
  const first = await waitFor("the first use to be noted", lastUsed);
  server.advance(30_000);
  await server.send("GET", ME, { as: server.alice });
  assert.equal(notes(), 1, "the use half a minute later was noted too");
  server.advance(31_000);
  await server.send("GET", ME, { as: server.alice });
  assert.equal(notes(), 2);
  await waitFor("the later use to be noted", async () => ((await lastUsed()) ?? 0) - first >= 60_000);
});

test("only a hash of a token's secret is stored", async (t) => {
  const server = await startTestServer(t);
  const secret = server.alice.token.split("-")[1] ?? "";
  const { rows } = await server.pool.query<{ row: string }>(
    "select k::text || encode(hashed_secret, 'escape') as row from api_keys k",
  );
  assert.ok(rows.length > 0);
  for (const { row } of rows) assert.ok(!row.includes(secret));
});

test("no token is ever logged", async (t) => {
  const server = await startTestServer(t);
  await server.send("GET", ME, { as: server.alice });
  await server.send("GET", "/api/v2/nothing", { as: server.alice });
  const made = await server.send("POST", `${ME}/keys/tokens`, { as: server.alice });
  const lines = JSON.stringify(server.logged);
  assert.ok(lines.includes("request answered"));
  for (const token of [server.alice.token, made.json().key]) assert.ok(!lines.includes(token.split("-")[1]));
});

test("a user makes tokens for themselves, the site owner for everybody, and nobody for the system user", async (t) => {
  const server = await startTestServer(t);
  const mint = (as: TestServer["alice"], user: string) =>
    server.send("POST", `/api/v2/users/${user}/keys/tokens`, { as, json: { token_name: "ci" } });
  const mine = await mint(server.alice, "alice");
  assert.equal(mine.statusCode, 201);
  assert.match(mine.json().key, /^[A-Za-z0-9]{10}-[A-Za-z0-9]{22}$/);
  assert.equal(await statusWith(server, { authorization: `Bearer ${mine.json().key}` }), 200);
  assert.equal((await mint(server.admin, "alice")).statusCode, 201);
  assert.equal((await mint(server.alice, "bob")).statusCode, 404);
  for (const system of ["prebuilds", PREBUILDS_SYSTEM_USER_ID]) {
    assert.equal((await mint(server.admin, system)).statusCode, 403);
  }
  await assert.rejects(createToken(server.pool, { userId: PREBUILDS_SYSTEM_USER_ID, name: "" }), /system user/);
});
