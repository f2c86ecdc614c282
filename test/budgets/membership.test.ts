import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Queryable } from "../../src/db/connection.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { untilSomebodyWaits } from "../http/effects.ts";
import { startTestServer, type TestServer, type TestUser } from "../http/server.ts";
import { givenGroup } from "../http/sharing.ts";
import { groupOfOverride, insertOverride, overridesWithoutMembership } from "./support.ts";

const NOT_A_MEMBER = { code: "23514", constraint: "user_ai_budget_overrides_must_be_group_member" };
const BEYOND_LIMIT = { code: "23514", constraint: "user_ai_budget_overrides_spend_limit_micros_check" };
const MAX = "9007199254740991";

/** Two groups of the default organization, which alice is in, one that she is not in, and one of another organization. */
async function givenGroups(t: TestContext) {
  const server = await startTestServer(t);
  const { alice, defaultOrganizationId: everyone, otherOrganizationId } = server;
  const [crew, team] = [
    await givenGroup(server, everyone, [alice]),
    await givenGroup(server, everyone, [alice], "team"),
  ];
  const strangers = await givenGroup(server, everyone, [], "strangers");
  const foreign = await givenGroup(server, otherOrganizationId, [server.bob], "foreign");
  return { server, db: server.pool, alice, everyone, crew, team, strangers, foreign };
}

const move = (db: Queryable, user: TestUser, groupId: string) =>
  db.query("update user_ai_budget_overrides set group_id = $2 where user_id = $1", [user.id, groupId]);
const limitTo = (db: Queryable, user: TestUser, limit: string) =>
  db.query("update user_ai_budget_overrides set spend_limit_micros = $2 where user_id = $1", [user.id, limit]);
const leave = (db: Queryable, user: TestUser, groupId: string) =>
  db.query("delete from group_members where user_id = $1 and group_id = $2", [user.id, groupId]);
const join = (db: Queryable, user: TestUser, groupId: string) =>
  db.query("insert into group_members (user_id, group_id) values ($1, $2)", [user.id, groupId]);
const softlyDelete = (db: Queryable, user: TestUser) =>
  db.query("update users set deleted = true where id = $1", [user.id]);
const asAdmin = async (server: TestServer, method: "DELETE" | "PATCH", path: string, json?: object) => {
  const answer = await server.send(method, path, { as: server.admin, ...(json ? { json } : {}) });
  assert.ok([200, 204].includes(answer.statusCode), answer.body);
};

test("an override is stored for a group that its user is in, Everyone included, and for no other one", async (t) => {
  const { db, alice, everyone, crew, strangers, foreign, server } = await givenGroups(t);
  for (const group of [strangers, foreign, server.otherOrganizationId]) {
    await assert.rejects(insertOverride(db, alice.id, group), NOT_A_MEMBER);
  }
  for (const group of [crew, everyone]) {
    await insertOverride(db, alice.id, group);
    assert.equal(await groupOfOverride(db, alice.id), group);
    await db.query("delete from user_ai_budget_overrides");
  }
});

test("BUD-34: an override that is moved to a group without its user is refused like a new one", async (t) => {
  const { db, alice, everyone, crew, team, strangers, foreign, server } = await givenGroups(t);
  await insertOverride(db, alice.id, crew);
  for (const group of [strangers, foreign, server.otherOrganizationId]) {
    await assert.rejects(move(db, alice, group), NOT_A_MEMBER);
  }
  assert.equal(await groupOfOverride(db, alice.id), crew);
  await assert.rejects(
    db.query("update user_ai_budget_overrides set user_id = $1", [server.bob.id]),
    NOT_A_MEMBER,
    "nor is it given to somebody who is not in its group",
  );
  for (const group of [everyone, team]) {
    await move(db, alice, group);
    assert.equal(await groupOfOverride(db, alice.id), group);
  }
});

test("a group or a user that is not there is refused like one that does not belong", async (t) => {
  const { db, alice, crew } = await givenGroups(t);
  const nowhere = "00000000-0000-4000-8000-000000000000";
  await assert.rejects(insertOverride(db, alice.id, nowhere), NOT_A_MEMBER);
  await assert.rejects(insertOverride(db, nowhere, crew), NOT_A_MEMBER);
});

test("BUD-35: a limit below 0 or above what JSON says exactly is refused by a check of its own", async (t) => {
  const { db, alice, crew } = await givenGroups(t);
  for (const limit of ["-1", "9007199254740992", "9223372036854775807"]) {
    await assert.rejects(insertOverride(db, alice.id, crew, limit), BEYOND_LIMIT);
    await assert.rejects(
      db.query("insert into group_ai_budgets (group_id, spend_limit_micros) values ($1, $2)", [crew, limit]),
      { code: "23514", constraint: "group_ai_budgets_spend_limit_micros_check" },
    );
    await assert.rejects(
      db.query("insert into ai_user_daily_spend (user_id, day, spend_micros) values ($1, '2026-03-15', $2)", [
        alice.id,
        limit,
      ]),
      { code: "23514", constraint: "ai_user_daily_spend_spend_micros_check" },
    );
  }
  await insertOverride(db, alice.id, crew, "0");
  await limitTo(db, alice, MAX);
  for (const limit of ["-1", "9007199254740992"]) await assert.rejects(limitTo(db, alice, limit), BEYOND_LIMIT);
  const { rows } = await db.query("select spend_limit_micros from user_ai_budget_overrides");
  assert.deepEqual(rows, [{ spend_limit_micros: MAX }]);
});

test("who is softly deleted gets no override, and the one that they had is neither moved nor changed", async (t) => {
  const { db, alice, crew, team, everyone } = await givenGroups(t);
  await insertOverride(db, alice.id, crew);
  await softlyDelete(db, alice);
  for (const group of [team, everyone]) await assert.rejects(move(db, alice, group), NOT_A_MEMBER);
  await assert.rejects(limitTo(db, alice, "2"), NOT_A_MEMBER);
  await db.query("delete from user_ai_budget_overrides");
  for (const group of [crew, everyone]) await assert.rejects(insertOverride(db, alice.id, group), NOT_A_MEMBER);
});

test("an override that is written while its user is being deleted, softly, waits and is then refused", async (t) => {
  const { db, alice, crew, server } = await givenGroups(t);
  const deletion = await db.connect();
  t.after(() => deletion.release(true));
  await deletion.query("begin");
  await softlyDelete(deletion, alice);
  const refused = assert.rejects(insertOverride(db, alice.id, crew), NOT_A_MEMBER);
  await untilSomebodyWaits(server);
  await deletion.query("commit");
  await refused;
});

test("is_group_member says of regular groups and Everyone who is in them, and of who is deleted that they are in none", async (t) => {
  const { db, server, alice, everyone, crew, strangers, foreign } = await givenGroups(t);
  const { bob, nobody, otherOrganizationId: others } = server;
  const isMember = async (userId: string | null, groupId: string | null) =>
    (await db.query("select is_group_member($1, $2) as is", [userId, groupId])).rows[0].is;
  const expected: [string | null, string | null, boolean][] = [
    [alice.id, crew, true],
    [alice.id, everyone, true],
    [alice.id, strangers, false],
    [alice.id, others, false],
    [bob.id, foreign, true],
    [bob.id, others, true],
    [bob.id, crew, false],
    [nobody.id, everyone, false],
    [PREBUILDS_SYSTEM_USER_ID, crew, false],
    [null, crew, false],
    [alice.id, null, false],
  ];
  for (const [user, group, is] of expected) assert.equal(await isMember(user, group), is, `${user} in ${group}`);
  await softlyDelete(db, alice);
  for (const group of [crew, everyone]) assert.equal(await isMember(alice.id, group), false);
});

test("BUD-17: who leaves the group that their override counts for loses it, through the API and in SQL", async (t) => {
  const { db, server, alice, crew } = await givenGroups(t);
  await insertOverride(db, alice.id, crew);
  await asAdmin(server, "PATCH", `/api/v2/groups/${crew}`, { remove_users: [alice.id] });
  assert.equal(await groupOfOverride(db, alice.id), undefined);
  await join(db, alice, crew);
  assert.equal(await groupOfOverride(db, alice.id), undefined, "and does not get it back");
  await insertOverride(db, alice.id, crew);
  await leave(db, alice, crew);
  assert.equal(await groupOfOverride(db, alice.id), undefined);
});

test("BUD-19: who leaves the organization loses the override for one of its groups, or for Everyone", async (t) => {
  const { db, server, alice, everyone, crew } = await givenGroups(t);
  const withdrawals = [
    () => asAdmin(server, "DELETE", `/api/v2/organizations/default/members/${alice.id}`),
    () => db.query("delete from organization_members where user_id = $1", [alice.id]),
    () => db.query("delete from organization_members"),
  ];
  for (const withdraw of withdrawals) {
    for (const group of [crew, everyone]) {
      await insertOverride(db, alice.id, group);
      await withdraw();
      assert.equal(await groupOfOverride(db, alice.id), undefined);
      const { rows } = await db.query("select from group_members where user_id = $1", [alice.id]);
      assert.deepEqual(rows, [], "nor are they in any of its groups");
      await server.send("POST", `/api/v2/organizations/default/members/${alice.id}`, { as: server.admin });
      await join(db, alice, crew);
    }
  }
});

test("BUD-20: who leaves another group or another organization keeps their override", async (t) => {
  const { db, server, alice, everyone, crew, team, foreign } = await givenGroups(t);
  const others = `/api/v2/organizations/other/members/${alice.id}`;
  for (const group of [crew, everyone]) {
    await insertOverride(db, alice.id, group);
    await asAdmin(server, "PATCH", `/api/v2/groups/${team}`, { remove_users: [alice.id] });
    await server.send("POST", others, { as: server.admin });
    await join(db, alice, foreign);
    await asAdmin(server, "DELETE", others);
    assert.equal(await groupOfOverride(db, alice.id), group);
    await db.query("delete from user_ai_budget_overrides");
    await join(db, alice, team);
  }
});

test("BUD-22: who leaves a group or an organization takes nobody else's override with them", async (t) => {
  const { db, server, alice, everyone, crew } = await givenGroups(t);
  const { admin } = server;
  await db.query("insert into organization_members (organization_id, user_id) values ($1, $2) on conflict do nothing", [
    everyone,
    admin.id,
  ]);
  await join(db, admin, crew);
  await insertOverride(db, alice.id, crew);
  await insertOverride(db, admin.id, crew);
  await leave(db, admin, crew);
  assert.deepEqual([await groupOfOverride(db, alice.id), await groupOfOverride(db, admin.id)], [crew, undefined]);
  await insertOverride(db, admin.id, everyone);
  await db.query("delete from organization_members where user_id = $1", [admin.id]);
  assert.deepEqual([await groupOfOverride(db, alice.id), await groupOfOverride(db, admin.id)], [crew, undefined]);
});

test("with a group its budget and the overrides that count for it go, and what was spent for it stays", async (t) => {
  const { db, server, alice, crew, team } = await givenGroups(t);
  const deletions = [
    [crew, () => asAdmin(server, "DELETE", `/api/v2/groups/${crew}`)],
    [team, () => db.query("delete from groups where id = $1", [team])],
  ] as const;
  for (const [group, deleteIt] of deletions) {
    await db.query("insert into group_ai_budgets (group_id, spend_limit_micros) values ($1, 5)", [group]);
    await db.query("insert into ai_user_daily_spend values ($1, $2, '2026-03-15', 3)", [alice.id, group]);
    await insertOverride(db, alice.id, group);
    await deleteIt();
    assert.equal(await groupOfOverride(db, alice.id), undefined);
    assert.deepEqual((await db.query("select from group_ai_budgets")).rows, []);
    const spent = "select spend_micros as micros from ai_user_daily_spend where effective_group_id = $1";
    assert.deepEqual((await db.query(spent, [group])).rows, [{ micros: "3" }]);
  }
});

test("with a user their override and all that they spent go", async (t) => {
  const { db, server, alice, crew } = await givenGroups(t);
  await insertOverride(db, alice.id, crew);
  await insertOverride(db, server.bob.id, server.otherOrganizationId);
  await db.query("insert into ai_user_daily_spend select id, $1, '2026-03-15', 3 from users", [crew]);
  await db.query("delete from user_status_changes where user_id = $1", [alice.id]); // which keeps its user as a rule
  await db.query("delete from users where id = $1", [alice.id]);
  const { rows } = await db.query("select user_id from user_ai_budget_overrides");
  assert.deepEqual(rows, [{ user_id: server.bob.id }]);
  const spent = await db.query("select from ai_user_daily_spend where user_id = $1", [alice.id]);
  assert.deepEqual(spent.rows, []);
});

test("with an organization the overrides and budgets of all its groups go, however it is deleted", async (t) => {
  const { db, server, foreign } = await givenGroups(t);
  const { bob, otherOrganizationId: others } = server;
  for (const group of [foreign, others]) {
    await db.query("insert into group_ai_budgets (group_id, spend_limit_micros) values ($1, 5)", [group]);
  }
  await insertOverride(db, bob.id, foreign);
  await asAdmin(server, "DELETE", "/api/v2/organizations/other");
  assert.equal(await groupOfOverride(db, bob.id), undefined);
  await db.query("update organizations set deleted = false where id = $1", [others]);
  await db.query("insert into organization_members (organization_id, user_id) values ($1, $2)", [others, bob.id]);
  await join(db, bob, foreign);
  await insertOverride(db, bob.id, foreign);
  await db.query("delete from organizations where id = $1", [others]);
  assert.equal(await groupOfOverride(db, bob.id), undefined);
  assert.deepEqual((await db.query("select from group_ai_budgets")).rows, []);
  assert.deepEqual(await overridesWithoutMembership(db), []);
});

test("a membership that is made another one in SQL takes the override with it, and one that is written as it is does not", async (t) => {
  const { db, alice, everyone, crew } = await givenGroups(t);
  await insertOverride(db, alice.id, crew);
  await db.query("update group_members set group_id = group_id, user_id = user_id");
  assert.equal(await groupOfOverride(db, alice.id), crew);
  const { rows } = await db.query("insert into groups (organization_id, name) values ($1, 'other') returning id", [
    everyone,
  ]);
  await db.query("update group_members set group_id = $2 where group_id = $1", [crew, rows[0].id]);
  assert.equal(await groupOfOverride(db, alice.id), undefined);
  await insertOverride(db, alice.id, everyone);
  const { rows: made } = await db.query("insert into organizations (name) values ('elsewhere') returning id");
  await db.query("update organization_members set organization_id = $2 where organization_id = $1 and user_id = $3", [
    everyone,
    made[0].id,
    alice.id,
  ]);
  assert.equal(await groupOfOverride(db, alice.id), undefined);
});
