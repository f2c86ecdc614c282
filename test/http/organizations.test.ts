import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { MEMBER_ROLE, systemRolePermissions } from "../../src/rbac/system-roles.ts";
import { newEntries } from "./effects.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { countWakes } from "./steering.ts";

const ORGANIZATIONS = "/api/v2/organizations";

const create = (server: TestServer, json: unknown, as = server.admin) =>
  server.send("POST", ORGANIZATIONS, { as, json });

const namesSeenBy = async (server: TestServer, as: TestUser): Promise<string[]> =>
  (await server.send("GET", ORGANIZATIONS, { as })).json().map(({ name }: { name: string }) => name);

describe("making an organization", () => {
  it("makes its Everyone group and its first member with it, and writes down who did", async (t) => {
    const server = await startTestServer(t);
    const wakes = await countWakes(t, server);
    const text = { name: "lab", display_name: "The Lab", description: "for experiments", icon: "/icon.png" };
    const answer = await create(server, text);
    assert.equal(answer.statusCode, 201, answer.body);
    const { id, created_at, updated_at, ...shown } = answer.json();
    assert.deepEqual(shown, { ...text, is_default: false });
    assert.equal(created_at, updated_at);
    const member = (await server.send("GET", `${ORGANIZATIONS}/lab/members/me`, { as: server.admin })).json();
    assert.deepEqual([member.user_id, member.roles], [server.admin.id, []]);
    const everyone = (await server.send("GET", `/api/v2/groups/${id}`, { as: server.admin })).json();
    assert.deepEqual([everyone.name, everyone.organization_id, everyone.total_member_count], ["Everyone", id, 1]);
    const now = (value: unknown) => ({ old: null, new: value });
    assert.deepEqual(await newEntries(server), [
      {
        by: "admin",
        action: "create",
        type: "organization",
        target: "lab",
        diff: {
          name: now("lab"),
          display_name: now("The Lab"),
          description: now("for experiments"),
          icon: now("/icon.png"),
          is_default: now(false),
        },
      },
      {
        by: "admin",
        action: "create",
        type: "organization_member",
        target: "admin",
        diff: { username: now("admin"), roles: now([]) },
      },
    ]);
    assert.equal(await wakes(), 0, "an organization without templates has no pools");
  });

  it("ORG-01: gives it its system role at once, filled, in the transaction that makes it", async (t) => {
    const server = await startTestServer(t);
    const { id } = (await create(server, { name: "lab" })).json();
    const { rows } = await server.pool.query(
      `select r.name, r.is_system, r.org_permissions as org, r.member_permissions as member,
          r.xmin = o.xmin as together
        from custom_roles r join organizations o on o.id = r.organization_id where o.id = $1`,
      [id],
    );
    const { org, member } = systemRolePermissions(MEMBER_ROLE, false);
    assert.deepEqual(rows, [{ name: MEMBER_ROLE, is_system: true, org, member, together: true }]);
  });

  it("ORG-04: makes none when its system role cannot be filled", async (t) => {
    const server = await startTestServer(t);
    await server.pool.query(
      `create function refuse() returns trigger language plpgsql as $$ begin raise 'no room'; end $$;
       create trigger refuse before insert or update on custom_roles for each row
         when (new.org_permissions <> '[]') execute function refuse()`,
    );
    assert.equal((await create(server, { name: "lab" })).statusCode, 500);
    const { rows } = await server.pool.query("select from organizations where name = 'lab'");
    assert.deepEqual(rows, []);
    assert.deepEqual(await newEntries(server), []);
  });

  it("ORG-02: refuses the reserved name, and one that is taken, in any case", async (t) => {
    const server = await startTestServer(t);
    for (const [name, status, says] of [
      ["default", 400, /reserved/],
      ["Default", 400, /reserved/],
      ["OTHER", 409, /^there is an organization "OTHER" already$/],
    ] as const) {
      const answer = await create(server, { name });
      assert.equal(answer.statusCode, status);
      assert.match(answer.json().message, says);
    }
    assert.deepEqual(await newEntries(server), []);
    assert.deepEqual(await namesSeenBy(server, server.admin), ["default", "other"]);
  });

  it("leaves nothing behind when the creator cannot become its member", async (t) => {
    const server = await startTestServer(t);
    await server.pool.query(
      `create function refuse() returns trigger language plpgsql as $$ begin raise 'no more members'; end $$;
       create trigger refuse before insert on organization_members for each row execute function refuse()`,
    );
    assert.equal((await create(server, { name: "lab" })).statusCode, 500);
    assert.deepEqual(await namesSeenBy(server, server.admin), ["default", "other"]);
    assert.deepEqual(await newEntries(server), []);
  });

  it("names each field that is wrong", async (t) => {
    const server = await startTestServer(t);
    const json = { name: "-no-", display_name: "x".repeat(65), description: 7, icon: ["x"], is_default: true };
    const { validations } = (await create(server, json)).json();
    assert.deepEqual(validations.map(({ field }: { field: string }) => field).sort(), [
      "description",
      "display_name",
      "icon",
      "is_default",
      "name",
    ]);
    for (const name of ["", " ", "a b", "a--b", "ü", "x".repeat(33), null, 7, "a/b", "../x"]) {
      assert.equal((await create(server, { name })).statusCode, 400, String(name));
    }
  });
});

describe("the list of organizations", () => {
  it("comes in pages, with how many there are in all", async (t) => {
    const server = await startTestServer(t);
    for (const name of ["Beta", "alpha"]) await create(server, { name });
    const page = async (query: string) => {
      const answer = await server.send("GET", `${ORGANIZATIONS}?${query}`, { as: server.admin });
      return [answer.json().map(({ name }: { name: string }) => name), answer.headers["x-total-count"]];
    };
    assert.deepEqual(await page("limit=2&offset=1"), [["Beta", "default"], "4"]);
    assert.deepEqual(await page("offset=4"), [[], "4"]);
    const refused = await server.send("GET", `${ORGANIZATIONS}?limit=0`, { as: server.admin });
    assert.equal(refused.statusCode, 400);
  });

  it("is limited to the organizations that a token may be used on", async (t) => {
    const server = await startTestServer(t);
    const allowList = [`organization:${server.otherOrganizationId}`];
    const limited = await givenUser(server, { siteRoles: ["owner"], allowList });
    assert.deepEqual(await namesSeenBy(server, limited), ["other"]);
  });
});

describe("changing an organization", () => {
  const change = (server: TestServer, organization: string, json: unknown) =>
    server.send("PATCH", `${ORGANIZATIONS}/${organization}`, { as: server.admin, json });

  it("changes what is named and nothing else, and writes down the difference", async (t) => {
    const server = await startTestServer(t);
    server.advance(60_000);
    const before = (await change(server, "other", {})).json();
    const answer = await change(server, "other", { name: "others", description: "the rest" });
    const { updated_at, ...shown } = answer.json();
    const { updated_at: earlier, ...unchanged } = before;
    assert.deepEqual(shown, { ...unchanged, name: "others", description: "the rest" });
    assert.ok(updated_at > earlier);
    assert.deepEqual(await newEntries(server), [
      {
        by: "admin",
        action: "write",
        type: "organization",
        target: "others",
        diff: { name: { old: "other", new: "others" }, description: { old: "", new: "the rest" } },
      },
    ]);
  });

  it("writes nothing when nothing changes", async (t) => {
    const server = await startTestServer(t);
    server.advance(60_000);
    const { updated_at } = (await server.send("GET", `${ORGANIZATIONS}/other`, { as: server.admin })).json();
    for (const json of [{}, { name: "other", icon: "" }]) {
      const answer = await change(server, "other", json);
      assert.deepEqual([answer.statusCode, answer.json().updated_at], [200, updated_at]);
    }
    assert.deepEqual(await newEntries(server), []);
  });

  it("leaves the word default to the default organization", async (t) => {
    const server = await startTestServer(t);
    assert.equal((await change(server, "other", { name: "DEFAULT" })).statusCode, 400);
    assert.equal((await change(server, "other", { name: "default", icon: "x" })).statusCode, 400);
    assert.equal((await change(server, "default", { name: "main" })).json().name, "main");
    assert.equal((await change(server, "default", { name: "other" })).statusCode, 409);
    assert.equal((await change(server, "main", { name: "default" })).json().name, "default");
  });
});

describe("references to organizations", () => {
  it("that name none, or one that the caller may not see, are answered alike", async (t) => {
    const server = await startTestServer(t);
    const json = { name: "x" };
    for (const path of [
      "other",
      server.otherOrganizationId,
      "gone",
      randomUUID(),
      "%20",
      "%E2%80%AE",
      "a".repeat(250),
    ]) {
      for (const method of ["GET", "PATCH", "DELETE"] as const) {
        const answer = await server.send(method, `${ORGANIZATIONS}/${path}`, {
          as: server.alice,
          ...(method === "PATCH" ? { json } : {}),
        });
        assert.equal(answer.statusCode, 404, `${method} ${path}: ${answer.body}`);
      }
    }
  });
});
