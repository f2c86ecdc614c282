import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { untilSomebodyWaits } from "./effects.ts";
import { customRoles, givenRole, permissionsOf, removeRole, rolesOf, sendRole, setRoles } from "./roles.ts";
import { givenUser, startTestServer, type TestServer } from "./server.ts";

const ROUNDS = 12;

/** A transaction of somebody else's, which holds what it locks until it ends. */
async function elsewhere({ pool }: TestServer) {
  const client = await pool.connect();
  await client.query("begin");
  return {
    query: (text: string, values: unknown[] = []) => client.query(text, values),
    end: async (how: "commit" | "rollback") => {
      await client.query(how);
      client.release();
    },
  };
}

/** Who has a role that there is not. */
async function leftBehind({ pool }: TestServer): Promise<unknown[]> {
  const { rows } = await pool.query(
    `select m.user_id, name from organization_members m, unnest(m.roles) name
      where name not like 'organization-%' and not exists (
        select from custom_roles r where r.organization_id = m.organization_id and r.name = name)`,
  );
  return rows;
}

describe("giving a role while it is deleted", () => {
  it("is refused when the deletion was first", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const deletion = await elsewhere(server);
    await deletion.query("delete from custom_roles where name = 'reader'");
    const giving = setRoles(server, "alice", ["reader"]);
    await untilSomebodyWaits(server);
    await deletion.end("commit");
    const { statusCode, body } = await giving;
    assert.equal(statusCode, 400, body);
    assert.deepEqual(await rolesOf(server, server.alice.id), []);
  });

  it("makes the deletion wait when it was first, and then take the role away again", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const blocker = await elsewhere(server);
    await blocker.query("select from organization_members where user_id = $1 for update", [server.alice.id]);
    const giving = setRoles(server, "alice", ["reader"]);
    await untilSomebodyWaits(server);
    const deletion = removeRole(server, "reader");
    await untilSomebodyWaits(server, 2);
    await blocker.end("rollback");
    assert.equal((await giving).statusCode, 200);
    assert.equal((await deletion).statusCode, 204);
    assert.deepEqual(await rolesOf(server, server.alice.id), []);
  });

  it("leaves nobody with a role that there is not, nor fails for anything but the role, however they meet", async (t) => {
    const server = await startTestServer(t);
    const users = await Promise.all(Array.from({ length: 3 }, () => givenUser(server)));
    for (let round = 0; round < ROUNDS; round += 1) {
      await givenRole(server, "reader", "workspace:read");
      await givenRole(server, "writer", "workspace:update");
      const answers = await Promise.all([
        ...users.map(({ id }) => setRoles(server, id, ["reader", "writer"])),
        removeRole(server, "reader"),
        removeRole(server, "writer"),
        ...users.map(({ id }) => setRoles(server, id, ["writer"])),
      ]);
      const statuses = answers.map(({ statusCode }) => statusCode);
      assert.ok(
        statuses.every((status) => [200, 204, 400].includes(status)),
        answers.map(({ body }) => body).join("\n"),
      );
      assert.deepEqual(await leftBehind(server), []);
    }
  });
});

describe("roles that several people work on at once", () => {
  it("say in the end what was said last, all of it", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const wanted = ["workspace:read group:read", "template:read template:update", "group:create", ""];
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, number) =>
        sendRole(server, "reader", wanted[number % wanted.length] ?? "", { method: "PUT" }),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ statusCode }) => statusCode))], [200]);
    const { reader = [] } = await customRoles(server);
    assert.ok(wanted.includes(reader.join(" ")), reader.join(" "));
  });

  it("are made once, of the same name", async (t) => {
    const server = await startTestServer(t);
    const answers = await Promise.all(
      ["reader", "Reader", "READER", "reader"].map((name) => sendRole(server, name, "workspace:read")),
    );
    assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [201, 409, 409, 409]);
  });

  it("are changed or deleted, and a change that comes too late finds no role", async (t) => {
    const server = await startTestServer(t);
    for (let round = 0; round < ROUNDS; round += 1) {
      await givenRole(server, "reader", "workspace:read");
      const [changed, first, second] = await Promise.all([
        sendRole(server, "reader", "group:read", { method: "PUT" }),
        removeRole(server, "reader"),
        removeRole(server, "reader"),
      ]);
      assert.ok([200, 404].includes(changed.statusCode), changed.body);
      assert.deepEqual([first.statusCode, second.statusCode].sort(), [204, 404]);
      assert.deepEqual(await customRoles(server), {});
    }
  });

  it("are not changed when their organization has just been deleted", async (t) => {
    const server = await startTestServer(t);
    await givenRole(server, "reader", "workspace:read");
    const deletion = await elsewhere(server);
    const organization = [server.defaultOrganizationId];
    await deletion.query("select from organizations where id = $1 for update", organization);
    await deletion.query("update organizations set deleted = true where id = $1", organization);
    const changing = sendRole(server, "reader", "group:read", { method: "PUT" });
    await untilSomebodyWaits(server);
    await deletion.end("commit");
    assert.equal((await changing).statusCode, 404);
  });

  it("go with their organization, whoever is being given one", async (t) => {
    const server = await startTestServer(t);
    for (let round = 0; round < ROUNDS; round += 1) {
      const lab = "/api/v2/organizations/lab";
      const send = (method: "POST" | "PUT" | "DELETE", path: string, json?: object) =>
        server.send(method, path, { as: server.admin, ...(json ? { json } : {}) });
      assert.equal((await send("POST", "/api/v2/organizations", { name: "lab" })).statusCode, 201);
      await send("POST", `${lab}/members/alice`);
      const grants = { organization_permissions: permissionsOf("workspace:read") };
      assert.equal((await send("POST", `${lab}/members/roles`, { name: "reader", ...grants })).statusCode, 201);
      const [gone, ...answers] = await Promise.all([
        send("DELETE", lab),
        send("PUT", `${lab}/members/alice/roles`, { roles: ["reader"] }),
        send("POST", `${lab}/members/roles`, { name: "writer", ...grants }),
        send("PUT", `${lab}/members/roles`, { name: "reader", organization_permissions: [] }),
        send("DELETE", `${lab}/members/roles/reader`),
      ]);
      assert.equal(gone?.statusCode, 204, gone?.body);
      for (const { statusCode, body } of answers) {
        assert.ok([200, 201, 204, 400, 404].includes(statusCode), `${statusCode} ${body}`);
      }
      const { rows } = await server.pool.query(
        `select from custom_roles r join organizations o on o.id = r.organization_id and o.deleted`,
      );
      assert.deepEqual(rows, []);
    }
  });
});
