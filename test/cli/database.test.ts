import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTestDatabase, emptyDatabase } from "../support/database.ts";
import { prebuildd } from "./command.ts";

describe("migrate", () => {
  it("brings a database up, shows where it is, and takes everything of ours away again", async (t) => {
    const { url, pool } = await emptyDatabase(t);
    const env = { DATABASE_URL: url };

    const before = await prebuildd(t, ["migrate", "status"], { env });
    assert.equal(before.code, 0, before.stderr);
    assert.match(before.stdout, /^missing {2}0000_core\n/);
    assert.match(before.stdout, /^0 of \d+ migrations are applied$/m);

    const up = await prebuildd(t, ["migrate", "up", "--json"], { env });
    assert.equal(up.code, 0, up.stderr);
    const { migrations } = JSON.parse(up.stdout) as { migrations: { name: string; applied: boolean }[] };
    assert.ok(migrations.length > 0 && migrations.every(({ applied }) => applied));

    const one = await prebuildd(t, ["migrate", "down", "--to", "1"], { env });
    assert.equal(one.code, 0, one.stderr);
    assert.match(one.stdout, /^applied {2}0000_core\nmissing {2}/);

    const none = await prebuildd(t, ["migrate", "down", "--to", "0", "--database-url", url]);
    assert.equal(none.code, 0, none.stderr);
    const { rows } = await pool.query(
      "select count(*)::int as left from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('public', 'pgboss', 'prebuildd')",
    );
    assert.deepEqual(rows, [{ left: 0 }]);
  });

  it("exits with 2 when asked to go down to more migrations than are applied", async (t) => {
    const { url } = await emptyDatabase(t);
    const { code, stderr } = await prebuildd(t, ["migrate", "down", "--to", "3"], { env: { DATABASE_URL: url } });
    assert.equal(stderr, "cannot go down to 3 migrations: only 0 are applied\n");
    assert.equal(code, 2);
  });

  it("exits with 1 and one sentence when the database cannot be reached", async (t) => {
    const env = { DATABASE_URL: "postgresql://nobody:secret@127.0.0.1:1/none" };
    const { code, stderr } = await prebuildd(t, ["migrate", "status"], { env });
    assert.match(stderr, /^error: cannot connect to the database: .* Check DATABASE_URL\.\n$/);
    assert.doesNotMatch(stderr, /secret/);
    assert.equal(code, 1);
  });
});

describe("token create", () => {
  it("prints the token alone, and stores only a hash of it", async (t) => {
    const { url, pool } = await createTestDatabase(t);
    await pool.query("insert into users (username, email) values ('alice', 'alice@example.com')");
    const args = ["token", "create", "--user", "Alice", "--name", "laptop"];
    const { code, stdout, stderr } = await prebuildd(t, args, { env: { DATABASE_URL: url } });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    assert.match(stdout, /^[A-Za-z0-9]{10}-[A-Za-z0-9]{22}\n$/);
    const { rows } = await pool.query("select id, token_name, length(hashed_secret) as length from api_keys");
    assert.deepEqual(rows, [{ id: stdout.slice(0, 10), token_name: "laptop", length: 32 }]);
  });

  for (const [what, user, says] of [
    ["an unknown user", "nobody", /^error: there is no user nobody\n$/],
    ["the system user", "prebuilds", /^error: .*system user/],
  ] as const) {
    it(`makes none for ${what}`, async (t) => {
      const { url } = await createTestDatabase(t);
      const { code, stdout, stderr } = await prebuildd(t, ["token", "create", "--user", user], {
        env: { DATABASE_URL: url },
      });
      assert.equal(stdout, "");
      assert.match(stderr, says);
      assert.equal(code, 1);
    });
  }

  it("says that the database has to be migrated first", async (t) => {
    const { url } = await emptyDatabase(t);
    const { code, stderr } = await prebuildd(t, ["token", "create", "--user", "a"], { env: { DATABASE_URL: url } });
    assert.equal(stderr, "error: the database has not been migrated; run `prebuildd migrate up` first\n");
    assert.equal(code, 1);
  });
});
