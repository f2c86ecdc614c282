import assert from "node:assert/strict";
import { test } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { deleteUser, storeUser } from "../../src/users/change-store.ts";
import { findUser } from "../../src/users/store.ts";
import type { UserRow } from "../../src/users/view.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenTemplate, givenWorkspace } from "./world.ts";

const USERS = "/api/v2/users";
/** After this long a change of a user is known everywhere. */
const KNOWN_WITHIN_MS = 5_000;

const CHANGES = [
  ["PUT", "/profile", { name: "Somebody" }],
  ["PUT", "/status/suspend", undefined],
  ["PUT", "/status/dormant", undefined],
  ["PUT", "/roles", { roles: ["auditor"] }],
  ["PUT", "/login-type", { login_type: "none" }],
  ["DELETE", "", undefined],
] as const;

type Change = (typeof CHANGES)[number];

/** Makes a change, and says how it was answered: the status and, of a refusal, the sentence. */
async function outcome(server: TestServer, as: TestUser, user: string, [method, at, json]: Change) {
  const answer = await server.send(method, `${USERS}/${user}${at}`, { as, ...(json ? { json } : {}) });
  return [answer.statusCode, answer.statusCode < 300 ? "" : answer.json().message];
}

test("the system user stays as it is, whoever asks", async (t) => {
  const server = await startTestServer(t);
  const before = (await server.pool.query("select u.* from users u where is_system")).rows;
  const says = "prebuilds is a system user: nobody can change it, delete it, give it roles or act as it";
  const userAdmin = await givenUser(server, { siteRoles: ["user-admin"] });
  const auditor = await givenUser(server, { siteRoles: ["auditor"] });
  for (const change of [...CHANGES, ["PUT", "/status/activate", undefined], ["PUT", "/roles", { roles: [] }]]) {
    for (const user of ["prebuilds", PREBUILDS_SYSTEM_USER_ID, "prebuilds@system"]) {
      assert.deepEqual(await outcome(server, server.admin, user, change as Change), [403, says], String(change));
    }
    assert.deepEqual(await outcome(server, userAdmin, "prebuilds", change as Change), [403, says]);
    assert.equal((await outcome(server, auditor, "prebuilds", change as Change))[0], 403);
    assert.equal((await outcome(server, server.alice, "prebuilds", change as Change))[0], 404);
  }
  const token = await server.send("POST", `${USERS}/prebuilds/keys/tokens`, { as: server.admin, json: {} });
  assert.deepEqual([token.statusCode, token.json().message], [403, says]);
  assert.deepEqual((await server.pool.query("select u.* from users u where is_system")).rows, before);
});

test("SYS-10: no statement changes or deletes the system user", async (t) => {
  const server = await startTestServer(t);
  const system = (await findUser(server.pool, PREBUILDS_SYSTEM_USER_ID)) as UserRow;
  for (const change of [
    { login_type: "token" },
    { status: "suspended" },
    { rbac_roles: ["owner"] },
    { username: "x" },
  ] as const) {
    assert.equal(await storeUser(server.pool, { ...system, ...change }, new Date()), false);
  }
  assert.equal(await deleteUser(server.pool, system.id, new Date()), false);
  assert.deepEqual(await findUser(server.pool, PREBUILDS_SYSTEM_USER_ID), system);
});

test("SYS-11: nobody makes a token as the system user, not even with a token of its that somebody has put there", async (t) => {
  const server = await startTestServer(t);
  const { id, token, username } = await givenUser(server, { siteRoles: ["owner"] });
  await server.pool.query("update api_keys set user_id = $2 where user_id = $1", [id, PREBUILDS_SYSTEM_USER_ID]);
  for (const user of ["me", "prebuilds", "alice"]) {
    const path = `${USERS}/${user}/keys/tokens`;
    const answer = await server.send("POST", path, { as: { id, token, username }, json: {} });
    assert.equal(answer.statusCode, 401, answer.body);
  }
  const { rows } = await server.pool.query("select user_id from api_keys where token_name <> 'test'");
  assert.deepEqual(rows, []);
});

test("user-admins do not take over owners, nor anybody else with a role that they may not give", async (t) => {
  const server = await startTestServer(t);
  const userAdmin = await givenUser(server, { siteRoles: ["user-admin"] });
  for (const role of ["owner", "auditor", "template-admin", "user-admin"]) {
    const holder = await givenUser(server, { siteRoles: [role] });
    for (const change of CHANGES) {
      const [status, message] = await outcome(server, userAdmin, holder.username, change);
      assert.equal(status, 403, `${role}: ${change[1]}`);
      assert.equal(message, `${holder.username} has the role ${role}; only who may give and take that may do this`);
    }
  }
  const limited = await givenUser(server, { siteRoles: ["owner"] });
  for (const change of CHANGES) assert.ok(Number((await outcome(server, server.admin, limited.id, change))[0]) < 300);
});

test("nobody shuts themselves out", async (t) => {
  const server = await startTestServer(t);
  await givenUser(server, { siteRoles: ["owner"] });
  const ask = "; ask somebody else who may do it";
  for (const [change, says] of [
    [["PUT", "/status/suspend", undefined], "you cannot suspend yourself"],
    [["PUT", "/status/dormant", undefined], "you cannot make yourself dormant"],
    [["PUT", "/login-type", { login_type: "none" }], "you cannot set your own login type to none"],
    [["PUT", "/roles", { roles: ["auditor"] }], "you cannot take the role owner from yourself"],
    [["DELETE", "", undefined], "you cannot delete yourself"],
  ] as const) {
    for (const user of ["me", "admin"]) {
      assert.deepEqual(await outcome(server, server.admin, user, change as Change), [409, `${says}${ask}`]);
    }
  }
  const more = ["PUT", "/roles", { roles: ["auditor", "owner"] }];
  assert.equal((await outcome(server, server.admin, "me", more as unknown as Change))[0], 200);
  const userAdmin = await givenUser(server, { siteRoles: ["user-admin"] });
  assert.equal((await outcome(server, userAdmin, "me", ["PUT", "/status/suspend", undefined]))[0], 409);
  for (const change of CHANGES.filter(([, at]) => at !== "/profile")) {
    assert.equal((await outcome(server, server.alice, "me", change))[0], 403, `alice: ${change[1]}`);
  }
});

test("the last active owner stays one", async (t) => {
  const server = await startTestServer(t);
  const other = await givenUser(server, { siteRoles: ["owner"] });
  await server.send("PUT", `${USERS}/admin/status/dormant`, { as: other });
  server.advance(KNOWN_WITHIN_MS);
  const says = `${other.username} is the last active owner of the deployment; make somebody else an owner first`;
  for (const change of CHANGES.filter(([, at]) => at !== "/profile")) {
    assert.deepEqual(await outcome(server, server.admin, other.id, change), [409, says], change[1]);
  }
  await givenUser(server, { siteRoles: ["owner"] });
  assert.deepEqual(await outcome(server, server.admin, other.id, ["DELETE", "", undefined]), [204, ""]);
});

test("two owners who suspend each other at the same moment do not both succeed", async (t) => {
  const server = await startTestServer(t);
  const other = await givenUser(server, { siteRoles: ["owner"] });
  for (let round = 0; round < 5; round += 1) {
    const suspend: Change = ["PUT", "/status/suspend", undefined];
    const outcomes = await Promise.all([
      outcome(server, server.admin, other.username, suspend),
      outcome(server, other, "admin", suspend),
    ]);
    assert.equal(outcomes.filter(([status]) => status === 200).length, 1, JSON.stringify(outcomes));
    await server.pool.query("update users set status = 'active'");
  }
});

test("a user who has workspaces is not deleted, and is told apart from one who has none", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const drop = () => outcome(server, server.admin, "alice", ["DELETE", "", undefined]);
  const { id } = await givenWorkspace(server, { ownerId: server.alice.id, name: "one", template });
  assert.deepEqual(await drop(), [409, "alice still has 1 workspace; delete it first"]);
  await givenWorkspace(server, { ownerId: server.alice.id, name: "two", template });
  assert.deepEqual(await drop(), [409, "alice still has 2 workspaces; delete them first"]);
  await server.pool.query("update workspaces set deleted = true where id <> $1", [id]);
  assert.deepEqual(await drop(), [409, "alice still has 1 workspace; delete it first"]);
  await server.pool.query("update workspaces set deleted = true");
  assert.deepEqual(await drop(), [204, ""]);
});

test("a user who is deleted is gone with its tokens, and its name may be used again", async (t) => {
  const server = await startTestServer(t);
  const me = () => server.send("GET", `${USERS}/me`, { as: server.alice });
  assert.equal((await me()).statusCode, 200);
  assert.equal((await server.send("DELETE", `${USERS}/alice`, { as: server.admin })).statusCode, 204);
  server.advance(KNOWN_WITHIN_MS);
  assert.equal((await me()).statusCode, 401);
  assert.equal((await server.send("DELETE", `${USERS}/${server.alice.id}`, { as: server.admin })).statusCode, 404);
  assert.equal((await server.send("GET", `${USERS}?q=alice`, { as: server.admin })).json().count, 0);
  const { rows } = await server.pool.query(
    "select deleted, (select count(*)::int from api_keys k where k.user_id = u.id) as tokens from users u where id = $1",
    [server.alice.id],
  );
  assert.deepEqual(rows, [{ deleted: true, tokens: 0 }]);
  const json = { username: "Alice", email: "ALICE@example.com" };
  assert.equal((await server.send("POST", USERS, { as: server.admin, json })).statusCode, 201);
});

test("a suspended user is let in again once it is active", async (t) => {
  const server = await startTestServer(t);
  const put = async (status: string) => {
    const answer = await server.send("PUT", `${USERS}/alice/status/${status}`, { as: server.admin });
    server.advance(KNOWN_WITHIN_MS);
    return answer.json().status;
  };
  const me = async () => (await server.send("GET", `${USERS}/me`, { as: server.alice })).statusCode;
  assert.deepEqual([await me(), await put("suspend"), await me()], [200, "suspended", 401]);
  assert.deepEqual([await put("activate"), await me()], ["active", 200]);
  assert.deepEqual([await put("dormant"), await me()], ["dormant", 200]);
  const { rows } = await server.pool.query(
    "select array_agg(new_status order by changed_at) as statuses from user_status_changes where user_id = $1",
    [server.alice.id],
  );
  assert.deepEqual(rows[0].statuses, ["active", "suspended", "active", "dormant"]);
});

test("nobody acts as a user whose login type is none, until it is token again", async (t) => {
  const server = await startTestServer(t);
  const put = async (login_type: string) => {
    const answer = await server.send("PUT", `${USERS}/alice/login-type`, { as: server.admin, json: { login_type } });
    server.advance(KNOWN_WITHIN_MS);
    return answer.json().login_type;
  };
  const me = async () => (await server.send("GET", `${USERS}/me`, { as: server.alice })).statusCode;
  const mint = () => server.send("POST", `${USERS}/alice/keys/tokens`, { as: server.admin, json: {} });
  assert.deepEqual([await me(), await put("none"), await me()], [200, "none", 401]);
  const refused = await mint();
  assert.deepEqual(
    [refused.statusCode, refused.json().message],
    [409, "nobody can act as alice, whose login type is none; set that to token to make tokens"],
  );
  assert.deepEqual([await put("token"), await me(), (await mint()).statusCode], ["token", 200, 201]);
});

test("roles that are given and taken work within seconds", async (t) => {
  const server = await startTestServer(t);
  const roles = (names: string[]) =>
    server.send("PUT", `${USERS}/alice/roles`, { as: server.admin, json: { roles: names } });
  const seesBob = async () => {
    server.advance(KNOWN_WITHIN_MS);
    return (await server.send("GET", `${USERS}/bob`, { as: server.alice })).statusCode;
  };
  assert.equal(await seesBob(), 404);
  await roles(["auditor"]);
  assert.equal(await seesBob(), 200);
  await roles([]);
  assert.equal(await seesBob(), 404);
});
