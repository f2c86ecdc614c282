import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type pg from "pg";
import { putOverride as storeOverride } from "../../src/budgets/store.ts";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { migrateUp } from "../../src/db/migrate.ts";
import { createBuildQueue } from "../../src/provisioner/queue.ts";
import { createUser } from "../../src/users/store.ts";
import { startTestServer, type TestUser } from "../http/server.ts";
import { givenGroup } from "../http/sharing.ts";
import { givenInboxMessage, givenPrebuild, givenTemplate, givenWorkspace } from "../http/world.ts";
import { readCatalogue } from "../support/catalogue.ts";
import { silent } from "../support/given.ts";
import { putOverride } from "./http-support.ts";
import { type InstalledPostgres, needsInstalledPostgres, startInstalledPostgres } from "./installed-postgres.ts";
import { groupOfOverride, overridesWithoutMembership } from "./support.ts";

/** A database as it is after a daemon's first start. */
async function migrated(postgres: InstalledPostgres, name: string) {
  const database = await postgres.create(name);
  await migrateUp(database.url);
  const queue = createBuildQueue(database.pool, silent);
  await queue.start();
  await queue[Symbol.asyncDispose]();
  return database;
}

/** Everything that refers to memberships and budgets, and something of the rest; made through the API where it can be. */
async function fill(t: TestContext, postgres: InstalledPostgres) {
  const database = await migrated(postgres, "source");
  const server = await startTestServer(t, { database });
  const { pool, admin, alice, bob, defaultOrganizationId: everyone } = server;
  const crew = await givenGroup(server, everyone, [alice]);
  const asked = async (
    method: "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    json?: object,
    as: TestUser = admin,
  ) => {
    const answer = await server.send(method, `/api/v2/${path}`, { as, ...(json ? { json } : {}) });
    assert.ok(answer.statusCode < 300, answer.body);
  };
  const template = await givenTemplate(server);
  await givenPrebuild(server, template);
  const dev = await givenWorkspace(server, { ownerId: alice.id, name: "dev", template });
  await givenInboxMessage(server, alice.id);
  await asked("PATCH", `workspaces/${dev.id}/acl`, { group_roles: { [crew]: "use" } }, alice);
  await asked("POST", "organizations/default/members/roles", {
    name: "reader",
    organization_permissions: [{ resource_type: "workspace", action: "read" }],
  });
  await asked("PUT", "organizations/default/members/alice/roles", { roles: ["reader"] });
  for (const group of [crew, everyone]) await asked("PUT", `groups/${group}/ai/budget`, { spend_limit_micros: 1_000 });
  const gone = await createUser(pool, { username: "gone", email: "gone@example.com" });
  await asked("POST", "organizations/default/members/gone");
  for (const [user, group] of [
    [alice.id, crew],
    [bob.id, server.otherOrganizationId],
    [gone.id, everyone],
  ] as const) {
    const answer = await putOverride(server, user, group);
    assert.equal(answer.statusCode, 200, answer.body);
    await asked("POST", `users/${user}/ai/spend`, { request_id: "first", spend_micros: Number.MAX_SAFE_INTEGER });
  }
  await asked("DELETE", `users/${gone.id}`);
  return { ...database, alice, crew, everyone };
}

/** What is defined, without the parentheses, which reading a definition again may save. */
async function readObjects(pool: pg.Pool): Promise<ReadonlyMap<string, string>> {
  const catalogue = await readCatalogue(pool);
  return new Map(Array.from(catalogue, ([object, definition]) => [object, definition.replaceAll(/[()]/g, "")]));
}

/** All rows of all tables, as text. */
async function readRows(pool: pg.Pool): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1`,
  );
  const contents = new Map<string, string[]>();
  for (const { name } of tables) {
    const { rows } = await pool.query<{ row: string }>(`select t::text as row from ${name} t order by 1`);
    contents.set(
      name,
      rows.map(({ row }) => row),
    );
  }
  return contents;
}

test(
  "a dump of a filled database is restored with all that is in it, and budgets work there",
  needsInstalledPostgres,
  async (t) => {
    const postgres = await startInstalledPostgres(t);
    const source = await fill(t, postgres);
    const rows = await readRows(source.pool);
    const catalogue = await readObjects(source.pool);
    for (const table of ["user_ai_budget_overrides", "ai_user_daily_spend", "ai_spend_requests"]) {
      assert.equal(rows.get(table)?.length, 3, table);
    }
    const plain = join(postgres.directory, "plain.sql");
    const custom = join(postgres.directory, "custom.dump");
    await Promise.all([
      postgres.run("pg_dump", "source", "--format=plain", `--file=${plain}`),
      postgres.run("pg_dump", "source", "--format=custom", `--file=${custom}`),
    ]);

    const restores = {
      plain: (to: string) => postgres.run("psql", to, "--quiet", "--set=ON_ERROR_STOP=1", `--file=${plain}`),
      custom: (to: string) => postgres.run("pg_restore", to, "--exit-on-error", custom),
    };
    for (const [format, restore] of Object.entries(restores)) {
      await t.test(`from the format ${format}`, async () => {
        const { pool } = await postgres.create(`from_${format}`);
        await restore(`from_${format}`);
        assert.deepEqual(await readObjects(pool), catalogue);
        assert.deepEqual(await readRows(pool), rows);
        await worksOn(pool, source);
      });
    }

    // Without their triggers off, the rows of tables that refer to each other have no order that would do.
    await t.test("as rows only, into a database that has been migrated and emptied", async () => {
      const { pool } = await migrated(postgres, "rows_only");
      await pool.query(`truncate ${[...rows.keys()].join(", ")}`);
      await postgres.run("pg_restore", "rows_only", "--data-only", "--disable-triggers", "--exit-on-error", custom);
      assert.deepEqual(await readRows(pool), rows);
      await worksOn(pool, source);
    });
  },
);

/** Moves an override, and ends the membership that it counts for. */
async function worksOn(pool: pg.Pool, { alice, everyone }: { readonly alice: TestUser; readonly everyone: string }) {
  const override = { userId: alice.id, groupId: everyone, limitMicros: 5 };
  const put = (groupId: string) =>
    withTransaction(pool, BEGIN.impatient, (client) => storeOverride(client, { ...override, groupId }, new Date()));
  assert.equal((await put(everyone))?.spend_limit_micros, 5);
  const { rows } = await pool.query<{ id: string }>("select id from organizations where name = 'other'");
  assert.equal(await put(rows[0]?.id ?? ""), undefined, "not for a group without her");
  await pool.query("delete from organization_members where user_id = $1", [alice.id]);
  assert.equal(await groupOfOverride(pool, alice.id), undefined);
  assert.deepEqual(await overridesWithoutMembership(pool), []);
}
