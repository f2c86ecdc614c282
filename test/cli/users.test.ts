import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTestDatabase } from "../support/database.ts";
import { startApi } from "./api.ts";
import { prebuildd } from "./command.ts";

type Api = Awaited<ReturnType<typeof startApi>>;

/** Runs a command as the site owner that must succeed, and returns what it prints. */
async function print(api: Api, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await api.as(api.admin, ...args);
  assert.deepEqual([code, stderr], [0, ""], args.join(" "));
  return stdout;
}

describe("users", () => {
  it("makes, shows, lists, suspends, activates and deletes users", async (t) => {
    const api = await startApi(t);
    const carl = ["carl", "--email", "carl@example.com", "--name", "Carl C."];
    const more = ["--role", "auditor", "--role", "template-admin", "--organization", "other"];
    assert.match(await print(api, "users", "create", ...carl, ...more), /^made user carl \([0-9a-f-]{36}\)\n$/);
    const shown = (await print(api, "users", "show", "CARL")).replace(/[0-9a-f-]{36}/, "ID").replace(/\d\S+Z/, "TIME");
    assert.deepEqual(shown.split("\n"), [
      "user:      carl",
      "id:        ID",
      "e-mail:    carl@example.com",
      "name:      Carl C.",
      "status:    active",
      "roles:     auditor, template-admin",
      "member of: other",
      "created:   TIME",
      "",
    ]);
    const dora = ["dora", "--email", "dora@example.com", "--login-type", "none", "--json"];
    const made = JSON.parse(await print(api, "users", "create", ...dora));
    assert.deepEqual([made.username, made.organization_ids], ["dora", [api.defaultOrganizationId]]);
    assert.match(await print(api, "users", "show", "dora"), /^status: {4}active, and nobody can act as it$/m);

    assert.equal(await print(api, "users", "suspend", "carl"), "carl is suspended\n");
    const list = await print(api, "users", "list", "--status", "suspended");
    assert.match(list, /^USERNAME +E-MAIL +STATUS +ROLES +CREATED +ID\n/);
    assert.match(list, /^carl +carl@example\.com +suspended +auditor,template-admin +\S+Z +[0-9a-f-]{36}\n$/m);
    assert.equal(JSON.parse(await print(api, "users", "activate", "carl", "--json")).status, "active");
    assert.equal(await print(api, "users", "list", "--status", "suspended"), "there are no such users\n");

    const limited = await api.as(api.admin, "users", "list", "--search", "a", "--limit", "1", "--json");
    assert.deepEqual([JSON.parse(limited.stdout).users.length, JSON.parse(limited.stdout).count], [1, 6]);
    const part = await api.as(api.admin, "users", "list", "--limit", "2");
    assert.equal(part.stderr, "these are 2 of 6\n");

    assert.equal(await print(api, "users", "delete", "carl"), "deleted user carl\n");
    const json = JSON.parse(await print(api, "users", "delete", "dora", "--json"));
    assert.deepEqual(json, { id: made.id, username: "dora", deleted: true });
    assert.equal(JSON.parse(await print(api, "users", "list", "--json")).count, 4);
  });

  it("shows, gives and takes roles, and says which there are", async (t) => {
    const api = await startApi(t);
    assert.match(await print(api, "users", "roles"), /^ROLE +YOU MAY GIVE IT\nowner +yes\nauditor +yes\n/);
    assert.equal(JSON.parse(await print(api, "users", "roles", "--json"))[0].name, "owner");
    assert.equal(await print(api, "users", "roles", "alice"), "alice: no roles\n");
    const given = await print(api, "users", "roles", "alice", "--add", "user-admin", "--add", "auditor");
    assert.equal(given, "alice: auditor, user-admin\n");
    const changed = ["users", "roles", "alice", "--add", "auditor", "--remove", "user-admin", "--json"];
    assert.deepEqual(JSON.parse(await print(api, ...changed)), [{ name: "auditor" }]);
    const me = ["users", "roles", "me"];
    assert.equal(await print(api, ...me), "admin: owner\n");
  });

  it("says why it did nothing, and exits with 1", async (t) => {
    const api = await startApi(t);
    for (const [user, args, says] of [
      [api.admin, ["show", "nobody-at-all"], /^error: what you asked for does not exist, or you may not see it\n$/],
      [api.admin, ["delete", "prebuilds"], /^error: prebuilds is a system user: nobody can change it/],
      [api.admin, ["suspend", "me"], /^error: you cannot suspend yourself; ask somebody else/],
      [
        api.admin,
        ["roles", "alice", "--add", "root"],
        /^error: .*\n {2}roles\.0: there is no such site role; there are/,
      ],
      [
        api.admin,
        ["create", "a b", "--email", "x"],
        /^error: .*\n {2}username: must consist of .*\n {2}email: must be an/,
      ],
      [api.admin, ["create", "carl", "--email", "c@example.com", "--organization", "gone"], /^error: .*does not exist/],
      [
        api.alice,
        ["create", "carl", "--email", "c@example.com"],
        /^error: you are not allowed .* right user:create\n$/,
      ],
      [api.alice, ["suspend", "bob"], /^error: what you asked for does not exist, or you may not see it\n$/],
    ] as const) {
      const { code, stdout, stderr } = await api.as(user, "users", ...args);
      assert.deepEqual([code, stdout], [1, ""], args.join(" "));
      assert.match(stderr, says);
    }
  });

  for (const [what, args, says] of [
    ["no e-mail address", ["create", "carl"], /required option '--email <address>' not specified/],
    ["a status that is none", ["list", "--status", "asleep"], /Allowed choices are active, dormant, suspended/],
    ["roles to give to nobody", ["roles", "--add", "owner"], /^error: --add and --remove need a user\n$/],
  ] as const) {
    it(`exits with 2 and says what is wrong, given ${what}`, async (t) => {
      const { code, stdout, stderr } = await prebuildd(t, ["users", ...args]);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, says);
    });
  }
});

describe("tokens", () => {
  it("makes a token and prints it alone, lists it, and revokes it", async (t) => {
    const api = await startApi(t);
    const limits = ["--scope", "workspace:read", "--scope", "template:*", "--allow", "workspace:*"];
    const printed = await print(api, "tokens", "create", "--name", "ci", "--lifetime", "30d", ...limits);
    assert.match(printed, /^[A-Za-z0-9]{10}-[A-Za-z0-9]{22}\n$/);
    const id = printed.slice(0, 10);
    const list = await print(api, "tokens", "list");
    assert.match(list, /^ID +NAME +SCOPES +ALLOWED ON +LAST USED +EXPIRES\n/);
    assert.match(list, new RegExp(`^${id} +ci +workspace:read,template:\\* +workspace:\\* +never +\\S+Z$`, "m"));
    const limited = await api.as({ token: printed.trim() }, "users", "list");
    assert.match(limited.stderr, /^error: you are not allowed to do this: it needs the right user:read\n$/);
    assert.equal(await print(api, "tokens", "revoke", id), `revoked token ${id} ci\n`);
    const again = await api.as(api.admin, "tokens", "revoke", id);
    assert.deepEqual([again.code, again.stdout], [1, ""]);

    const { key } = JSON.parse(await print(api, "tokens", "create", "--user", "alice", "--json"));
    const alices = JSON.parse((await api.as({ token: key }, "tokens", "list", "--json")).stdout);
    assert.deepEqual(
      alices.map(({ token_name }: { token_name: string }) => token_name),
      ["cli", "test"],
    );
    const revoked = ["tokens", "revoke", key.slice(0, 10), "--user", "alice", "--json"];
    assert.equal(JSON.parse(await print(api, ...revoked)).token_name, "cli");
    await print(api, "tokens", "revoke", api.alice.token.slice(0, 10), "--user", "alice");
    assert.equal(await print(api, "tokens", "list", "--user", "alice"), "there are no tokens\n");
  });

  it("says what is wrong with a scope, and with a lifetime", async (t) => {
    const api = await startApi(t);
    const scope = await api.as(api.admin, "tokens", "create", "--scope", "workspace:fly");
    assert.equal(scope.code, 1);
    assert.match(scope.stderr, /\n {2}scopes\.0: workspace has no action "fly"; it has create/);
    for (const lifetime of ["soon", "0", "10ms", "-1d"]) {
      const { code, stderr } = await api.as(api.admin, "tokens", "create", "--lifetime", lifetime);
      assert.match(stderr, /It must be a duration such as 90s, 12h or 30d/);
      assert.equal(code, 2);
    }
  });
});

describe("token create", () => {
  it("writes down the token, and the administrator that it makes, as nobody's work in particular", async (t) => {
    const { url, pool } = await createTestDatabase(t);
    const create = () => prebuildd(t, ["token", "create", "--user", "admin"], { env: { DATABASE_URL: url } });
    const outcomes = [await create(), await create()];
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      [0, 0],
    );
    const [first = "", second = ""] = outcomes.map(({ stdout }) => stdout.trim());
    const { rows } = await pool.query(
      "select user_id, action, resource_type as type, resource_id as id, diff::text from audit_logs order by audit_logs.id",
    );
    const admin = (await pool.query("select id from users where username = 'admin'")).rows[0].id;
    assert.deepEqual(
      rows.map(({ diff: _, ...row }) => row),
      [
        { user_id: null, action: "create", type: "user", id: admin },
        { user_id: null, action: "create", type: "api_key", id: first.slice(0, 10) },
        { user_id: null, action: "create", type: "api_key", id: second.slice(0, 10) },
      ],
    );
    for (const token of [first, second]) assert.ok(!JSON.stringify(rows).includes(token.slice(11)));
  });

  it("makes none for a user as whom nobody can act", async (t) => {
    const { url, pool } = await createTestDatabase(t);
    await pool.query("insert into users (username, email, login_type) values ('robot', 'robot@example.com', 'none')");
    const { code, stdout, stderr } = await prebuildd(t, ["token", "create", "--user", "robot"], {
      env: { DATABASE_URL: url },
    });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^error: .*its login type is none\n$/);
    const { rows } = await pool.query("select count(*)::int as count from audit_logs");
    assert.equal(rows[0].count, 0);
  });
});
