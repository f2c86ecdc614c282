import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { AuditEntry } from "../../src/audit/entry.ts";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { insertAuditEntries } from "../../src/audit/store.ts";
import type { AuditEntryView } from "../../src/audit/view.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";

const SETTINGS = "/api/v2/prebuilds/settings";
const PAUSED = { reconciliation_paused: true };

type Page = { audit_logs: AuditEntryView[]; count: number };

/** What a user reads in the audit log. */
async function log(server: TestServer, query = "", as: TestUser = server.admin): Promise<Page> {
  const answer = await server.send("GET", `/api/v2/audit${query}`, { as });
  assert.equal(answer.statusCode, 200, answer.body);
  return answer.json();
}

/** Adds entries that differ from an ordinary one; without a user they are the command line's. */
async function given(
  server: TestServer,
  entries: readonly (Partial<AuditEntry> & { userId?: string; at?: string })[],
): Promise<void> {
  for (const { userId = null, at = "2025-06-02T09:00:00Z", ...entry } of entries) {
    const ordinary: AuditEntry = {
      action: "write",
      type: "template",
      id: randomUUID(),
      target: "devbox",
      organizationId: server.defaultOrganizationId,
      diff: {},
    };
    await insertAuditEntries(server.pool, { ...COMMAND_LINE, userId }, [{ ...ordinary, ...entry }], new Date(at));
  }
}

const targets = ({ audit_logs: entries }: Page) => entries.map(({ resource_target: target }) => target);

describe("the audit log", () => {
  it("says who did what, when, from where, through which request, and what changed", async (t) => {
    const server = await startTestServer(t);
    const headers = { "user-agent": "curl/8 ".padEnd(400, "x") };
    const put = await server.send("PUT", SETTINGS, { as: server.admin, json: PAUSED, headers });
    const { audit_logs: entries, count } = await log(server);
    const [{ id, time, ...entry } = assert.fail("there is no entry"), ...others] = entries;
    assert.deepEqual([others, count, typeof id], [[], 1, "number"]);
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
    assert.deepEqual(entry, {
      user: { id: server.admin.id, username: "admin" },
      organization: null,
      ip: "127.0.0.1",
      user_agent: headers["user-agent"].slice(0, 256),
      request_id: put.headers["x-request-id"],
      action: "write",
      resource_type: "prebuilds_settings",
      resource_id: "prebuilds_settings",
      resource_target: "all pools",
      diff: { reconciliation_paused: { old: null, new: true } },
    });
  });

  it("holds nothing of what changed nothing, and the difference alone of what did", async (t) => {
    const server = await startTestServer(t);
    await server.send("PUT", SETTINGS, { as: server.admin, json: PAUSED });
    assert.equal((await server.send("PUT", SETTINGS, { as: server.admin, json: PAUSED })).statusCode, 304);
    await server.send("PUT", SETTINGS, { as: server.admin, json: { reconciliation_paused: false } });
    const { audit_logs: entries } = await log(server);
    assert.deepEqual(
      entries.map(({ diff }) => diff["reconciliation_paused"]),
      [
        { old: true, new: false },
        { old: null, new: true },
      ],
    );
  });

  it("keeps what was done by users and in organizations that are gone, with their names", async (t) => {
    const server = await startTestServer(t);
    const [{ id: userId }, { otherOrganizationId: organizationId }] = [server.alice, server];
    await given(server, [{ userId, organizationId }, { organizationId: null }]);
    await server.pool.query("update users set deleted = true where id = $1", [userId]);
    await server.pool.query("update organizations set deleted = true where id = $1", [organizationId]);
    const [unnamed, gone] = (await log(server)).audit_logs;
    assert.deepEqual([unnamed?.user, unnamed?.organization], [null, null]);
    assert.deepEqual([gone?.user?.username, gone?.organization?.name], ["alice", "other"]);
    assert.equal((await log(server, "?username=alice&organization=other")).count, 1);
  });

  it("takes text that is no text, such as half a character", async (t) => {
    const server = await startTestServer(t);
    await given(server, [{ target: "a\ud800b", diff: { name: { old: "\udc00", new: "é" } } }]);
    const [entry] = (await log(server)).audit_logs;
    assert.deepEqual([entry?.resource_target, entry?.diff], ["a\ufffdb", { name: { old: "\ufffd", new: "é" } }]);
  });
});

describe("the list of the audit log", () => {
  it("has the newest first, page by page, and says on every page how many there are", async (t) => {
    const server = await startTestServer(t);
    await given(server, [{ target: "one" }, { target: "two" }, { target: "three" }]);
    const pages = [
      await log(server, "?limit=2"),
      await log(server, "?limit=2&offset=2"),
      await log(server, "?offset=9"),
    ];
    assert.deepEqual(pages.map(targets), [["three", "two"], ["one"], []]);
    assert.deepEqual(
      pages.map(({ count }) => count),
      [3, 3, 3],
    );
  });

  it("is narrowed by parameters, and in the same way by a search", async (t) => {
    const server = await startTestServer(t);
    const id = randomUUID();
    const organizationId = server.otherOrganizationId;
    await given(server, [
      { target: "by-alice", userId: server.alice.id },
      { target: "a user", type: "user", action: "delete" },
      { target: "this one", id },
      { target: "elsewhere", organizationId },
      { target: "100%_\\", at: "2025-06-03T23:59:59.999Z" },
      { target: "later", at: "2025-06-04T00:00:00Z" },
    ]);
    for (const [parameters, found] of [
      [{ username: "ALICE" }, ["by-alice"]],
      [{ username: "alicia" }, []],
      [{ resource_type: "user" }, ["a user"]],
      [{ action: "delete" }, ["a user"]],
      [{ resource_id: id }, ["this one"]],
      [{ organization: "Other" }, ["elsewhere"]],
      [{ organization: organizationId.toUpperCase() }, ["elsewhere"]],
      [{ organization: "default", resource_type: "user" }, ["a user"]],
      [{ organization: "nowhere" }, []],
      [{ date_from: "2025-06-03" }, ["later", "100%_\\"]],
      [{ date_from: "2025-06-03", date_to: "2025-06-03" }, ["100%_\\"]],
      [{ date_from: "2025-06-04T02:00:00+02:00" }, ["later"]],
      [{ date_from: "9999-12-31" }, []],
      [{ date_to: "0001-01-01" }, []],
      [{ target: "THIS" }, ["this one"]],
      [{ target: "%_\\" }, ["100%_\\"]],
      [{ target: "_" }, ["100%_\\"]],
    ] as const) {
      const query = new URLSearchParams(parameters).toString();
      const q = new URLSearchParams({
        q: Object.entries(parameters)
          .map((pair) => pair.join(":"))
          .join(" "),
      });
      assert.deepEqual(targets(await log(server, `?${query}`)), found, query);
      assert.deepEqual(targets(await log(server, `?${q}`)), found, q.toString());
    }
    assert.deepEqual(targets(await log(server, "?q=one%20this")), ["this one"]);
    assert.equal((await log(server, "?username=me", server.admin)).count, 0);
  });

  it("refuses filters that there are not, with their names", async (t) => {
    const server = await startTestServer(t);
    for (const query of [
      "limit=0",
      "offset=-1",
      "resource_type=box",
      "action=destroy",
      "date_from=yesterday",
      "date_to=2025-02-30",
      "username=a&username=b",
      "q=colour:red",
      `q=${"a".repeat(1_025)}`,
      `target=${"a".repeat(257)}`,
    ]) {
      const answer = await server.send("GET", `/api/v2/audit?${query}`, { as: server.admin });
      assert.equal(answer.statusCode, 400, `${query}: ${answer.body}`);
      assert.equal(answer.json().validations[0].field, query.split("=")[0]);
    }
  });
});

describe("who reads the audit log", () => {
  async function givenLog(t: TestContext) {
    const server = await startTestServer(t);
    await given(server, [
      { target: "in default" },
      { target: "in other", organizationId: server.otherOrganizationId },
      { target: "nowhere", organizationId: null },
    ]);
    return server;
  }

  it("is everybody who may read it for the whole deployment", async (t) => {
    const server = await givenLog(t);
    const everything = ["nowhere", "in other", "in default"];
    for (const as of [server.admin, await givenUser(server, { siteRoles: ["auditor"], organization: null })]) {
      assert.deepEqual(targets(await log(server, "", as)), everything);
    }
  });

  it("is who may read it in an organization, what was done there and nothing else", async (t) => {
    const server = await givenLog(t);
    for (const role of ["organization-auditor", "organization-admin"]) {
      const auditor = await givenUser(server, { roles: [role] });
      const page = await log(server, "", auditor);
      assert.deepEqual([targets(page), page.count], [["in default"], 1], role);
      assert.deepEqual(await log(server, "?organization=other", auditor), { audit_logs: [], count: 0 });
    }
  });

  it("is nobody else, not even of what they did themselves", async (t) => {
    const server = await givenLog(t);
    const admins = { siteRoles: ["user-admin", "template-admin"], roles: ["organization-template-admin"] };
    const scoped = await givenUser(server, { siteRoles: ["owner"], scopes: ["workspace:read"] });
    for (const as of [server.alice, server.nobody, await givenUser(server, admins), scoped]) {
      await given(server, [{ userId: as.id, target: "own" }]);
      const answer = await server.send("GET", "/api/v2/audit?username=me", { as });
      assert.equal(answer.statusCode, 403, answer.body);
      assert.match(answer.json().message, /audit_log:read/);
    }
  });
});
