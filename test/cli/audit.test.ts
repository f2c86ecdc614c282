import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COMMAND_LINE, LIFECYCLE } from "../../src/audit/entry.ts";
import { insertAuditEntries } from "../../src/audit/store.ts";
import { startApi } from "./api.ts";

const SETTINGS = "/api/v2/prebuilds/settings";

describe("audit list", () => {
  it("shows who changed what, the newest first, and says how many entries it leaves out", async (t) => {
    const api = await startApi(t);
    const none = await api.as(api.admin, "audit", "list");
    assert.deepEqual([none.code, none.stdout, none.stderr], [0, "there are no such entries\n", ""]);

    const organizationId = api.defaultOrganizationId;
    const template = { type: "template", id: "1", target: "dev\n\u001b[31mbox", organizationId } as const;
    const diff = { name: { old: null, new: "x" }, description: { old: "a".repeat(60), new: "" } };
    await insertAuditEntries(api.pool, LIFECYCLE, [{ ...template, action: "create", diff }], new Date(0));
    await insertAuditEntries(api.pool, COMMAND_LINE, [{ ...template, action: "write", diff }], new Date(0));
    await api.send("PUT", SETTINGS, { as: api.admin, json: { reconciliation_paused: true } });

    const all = await api.as(api.admin, "audit", "list");
    const lines = all.stdout.split("\n");
    assert.match(lines[0] ?? "", /^TIME +USER +ACTION +TYPE +TARGET +ORGANIZATION +CHANGES$/);
    assert.match(
      lines[1] ?? "",
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ +admin +write +prebuilds_settings +all pools +reconciliation_paused: null -> true$/,
    );
    assert.match(
      lines[2] ?? "",
      /^1970-01-01T00:00:00Z +\(command line\) +write +template +dev \[31mbox +default +name: null -> "x", description: "a{39}… -> ""$/,
    );
    assert.match(lines[3] ?? "", / \(lifecycle\) +create +template +dev \[31mbox +default$/);
    const two = await api.as(api.admin, "audit", "list", "--limit", "2");
    assert.deepEqual([two.stdout.split("\n").length, two.stderr], [4, "these are 2 of 3\n"]);
  });

  it("looks for what it is told to look for, and prints that as JSON", async (t) => {
    const api = await startApi(t);
    await api.send("PUT", SETTINGS, { as: api.admin, json: { reconciliation_paused: true } });
    const search = (q: string) => api.as(api.admin, "audit", "list", "--json", "--search", q);
    const found = JSON.parse((await search("username:me pools")).stdout);
    assert.deepEqual([found.count, found.audit_logs[0].user.username], [1, "admin"]);
    assert.deepEqual(JSON.parse((await search("action:delete")).stdout), { audit_logs: [], count: 0 });
  });

  it("says what is wrong with a search, and to whom the log is closed", async (t) => {
    const api = await startApi(t);
    const wrong = await api.as(api.admin, "audit", "list", "--search", "colour:red");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /there is no filter "colour"; use username, /);
    const closed = await api.as(api.alice, "audit", "list");
    assert.equal(closed.code, 1);
    assert.match(closed.stderr, /^error: you are not allowed to do this: it needs the right audit_log:read\n$/);
  });
});
