import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";
import { readConfig } from "../../src/config.ts";
import { addMember } from "../../src/organizations/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { startTestServer, type TestServer, type TestUser } from "../http/server.ts";
import {
  bodyOf,
  changeMembers,
  effectiveOf,
  givenGroup,
  MOST,
  membersSpend,
  putGroup,
  putOverride,
  report,
  spendOf,
  userBudget,
} from "./http-support.ts";

/** Makes a user a member of an organization, as of this instant. */
async function joins(server: TestServer, user: TestUser, organizationId: string, at: string): Promise<void> {
  await addMember(server.pool, { organizationId, userId: user.id });
  await server.pool.query(
    "update organization_members set created_at = $3 where organization_id = $1 and user_id = $2",
    [organizationId, user.id, at],
  );
}

it("EFF-01: without any budget there is no limit, and the spend counts for everyone in the organization that comes first", async (t) => {
  const server = await startTestServer(t);
  const { defaultOrganizationId: byDefault, otherOrganizationId: other } = server;
  assert.deepEqual(await effectiveOf(server, "alice"), [null, null, byDefault]);
  assert.deepEqual(await effectiveOf(server, "bob"), [null, null, other]);
  assert.deepEqual(await effectiveOf(server, "nobody"), [null, null, null]);
  await joins(server, server.alice, other, "2020-01-01T00:00:00Z");
  assert.deepEqual(await effectiveOf(server, "alice"), [null, null, byDefault], "the default one, joined later or not");
  const json = { name: "third" };
  const { id: third } = bodyOf(await server.send("POST", "/api/v2/organizations", { as: server.admin, json }), 201);
  await joins(server, server.bob, third, "2020-01-01T00:00:00Z");
  assert.deepEqual(await effectiveOf(server, "bob"), [null, null, third], "the one joined first");
  await joins(server, server.bob, other, "2020-01-01T00:00:00Z");
  assert.deepEqual(await effectiveOf(server, "bob"), [null, null, [other, third].sort()[0]], "of two, the lowest id");
  bodyOf(await server.send("DELETE", "/api/v2/organizations/third", { as: server.admin }), 204);
  assert.deepEqual(await effectiveOf(server, "bob"), [null, null, other], "none that is gone");
});

it("EFF-02, EFF-07, EFF-10: the highest budget among the groups that the user is in counts, Everyone included", async (t) => {
  const server = await startTestServer(t);
  const [a, b] = [await givenGroup(server, [server.alice]), await givenGroup(server, [server.alice])];
  const strange = await givenGroup(server, [server.admin]);
  const everyone = server.defaultOrganizationId;
  for (const group of [strange, server.otherOrganizationId]) bodyOf(await putGroup(server, group, 999));
  assert.deepEqual(await effectiveOf(server, "alice"), [null, null, everyone], "those of other groups are ignored");
  for (const [group, limit, chosen] of [
    [everyone, 20, everyone],
    [a, 100, a],
    [b, 300, b],
    [everyone, 301, everyone],
    [b, MOST, b],
    [everyone, 0, b],
  ] as const) {
    bodyOf(await putGroup(server, group, limit));
    const { spend_limit_micros: highest } = bodyOf(
      await server.send("GET", `/api/v2/groups/${chosen}/ai/budget`, { as: server.admin }),
    );
    assert.deepEqual(await effectiveOf(server, "alice"), [highest, "group", chosen]);
  }
  await changeMembers(server, b, { remove_users: [server.alice.id] });
  assert.deepEqual(await effectiveOf(server, "alice"), [100, "group", a]);
  bodyOf(await server.send("DELETE", `/api/v2/groups/${a}/ai/budget`, { as: server.admin }), 204);
  assert.deepEqual(await effectiveOf(server, "alice"), [0, "group", everyone], "a budget of nothing is a budget");
});

it("EFF-04, EFF-05: a budget of the user's own wins, be it lower, nothing at all, or higher", async (t) => {
  const server = await startTestServer(t);
  const [a, b] = [await givenGroup(server, [server.alice]), await givenGroup(server, [server.alice])];
  bodyOf(await putGroup(server, a, 100));
  bodyOf(await putGroup(server, b, 300));
  for (const limit of [50, 0, 1_000]) {
    bodyOf(await putOverride(server, "alice", a, limit));
    assert.deepEqual(await effectiveOf(server, "alice"), [limit, "user_override", a]);
  }
  bodyOf(await server.send("DELETE", userBudget("alice"), { as: server.admin }), 204);
  assert.deepEqual(await effectiveOf(server, "alice"), [300, "group", b]);
});

it("EFF-08: of equal budgets that of the organization joined first counts, and in one organization that of the lowest id", async (t) => {
  const server = await startTestServer(t);
  const groups = [];
  for (let made = 0; made < 5; made += 1) groups.push(await givenGroup(server, [server.alice]));
  for (const group of groups) bodyOf(await putGroup(server, group, 100));
  const [lowest] = groups.toSorted();
  assert.deepEqual(await effectiveOf(server, "alice"), [100, "group", lowest]);
  const { otherOrganizationId: other } = server;
  bodyOf(await putGroup(server, other, 100));
  await joins(server, server.alice, other, "2020-01-01T00:00:00.000001Z");
  assert.deepEqual(await effectiveOf(server, "alice"), [100, "group", other]);
  for (const [at, first] of [
    ["2020-01-01T00:00:00.000002Z", other],
    ["2020-01-01T00:00:00.000000Z", lowest],
  ] as const) {
    await joins(server, server.alice, server.defaultOrganizationId, at);
    assert.deepEqual(await effectiveOf(server, "alice"), [100, "group", first], "a microsecond decides");
  }
  bodyOf(await putGroup(server, other, 101));
  assert.deepEqual(await effectiveOf(server, "alice"), [101, "group", other], "a higher one counts first");
});

it("who is in a group without being a member of its organization comes last among those with equal budgets", async (t) => {
  const server = await startTestServer(t);
  const user = PREBUILDS_SYSTEM_USER_ID;
  const inside = await givenGroup(server, [{ id: user }]);
  const outside = await givenGroup(server, [{ id: user }], "other");
  await server.pool.query("delete from organization_members where user_id = $1", [user]);
  await changeMembers(server, inside, { add_users: [user] });
  await changeMembers(server, outside, { add_users: [user] });
  for (const group of [inside, outside]) bodyOf(await putGroup(server, group, 5));
  assert.deepEqual(await effectiveOf(server, user), [5, "group", [inside, outside].sort()[0]]);
  await addMember(server.pool, { organizationId: server.otherOrganizationId, userId: user });
  assert.deepEqual(await effectiveOf(server, user), [5, "group", outside]);
});

it("EFF-11: a policy that there is not is refused before anything starts", () => {
  assert.equal(readConfig({}).aiBudgetPolicy, "highest");
  assert.throws(() => readConfig({ PREBUILDD_AI_BUDGET_POLICY: "lowest" }), /PREBUILDD_AI_BUDGET_POLICY.*lowest/);
});

it("SPD-01: what was spent is told as it is, within the limit and over it", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server, [server.alice]);
  bodyOf(await putGroup(server, group, 1_000_000_000));
  for (const [added, spent] of [
    [0, 0],
    [250_000_000, 250_000_000],
    [1_250_000_000, 1_500_000_000],
  ] as const) {
    bodyOf(await report(server, "alice", added));
    const { period_start, period_end, ...rest } = await spendOf(server, "alice");
    assert.deepEqual(rest, {
      user_id: server.alice.id,
      effective_group_id: group,
      spend_limit_micros: 1_000_000_000,
      limit_source: "group",
      current_spend_micros: spent,
    });
    assert.deepEqual([period_start.slice(8), period_end.slice(8)], ["01T00:00:00.000Z", "01T00:00:00.000Z"]);
  }
});

it("SPD-02: with a budget of the user's own, what was spent is what counts for its group", async (t) => {
  const server = await startTestServer(t);
  const [a, b] = [await givenGroup(server, [server.alice]), await givenGroup(server, [server.alice])];
  bodyOf(await putGroup(server, a, 5_000_000_000));
  bodyOf(await report(server, "alice", 30_000_000));
  bodyOf(await putOverride(server, "alice", a, 200_000_000));
  bodyOf(await report(server, "alice", 20_000_000));
  const spend = await spendOf(server, "alice");
  assert.deepEqual(
    [spend.spend_limit_micros, spend.limit_source, spend.current_spend_micros],
    [200_000_000, "user_override", 50_000_000],
  );
  bodyOf(await putOverride(server, "alice", b, 200_000_000));
  assert.equal((await spendOf(server, "alice")).current_spend_micros, 0, "for another group nothing was spent");
  bodyOf(await report(server, "alice", 1));
  bodyOf(await putOverride(server, "alice", a, 200_000_000));
  assert.equal((await spendOf(server, "alice")).current_spend_micros, 50_000_000);
  for (const [group, spent] of [
    [a, 50_000_000],
    [b, 1],
  ] as const) {
    const path = membersSpend(group, `user_ids=${server.alice.id}`);
    const { members } = bodyOf(await server.send("GET", path, { as: server.admin }));
    assert.deepEqual([members[0].current_spend_micros, members[0].effective_group_id], [spent, a]);
  }
});

it("the spend of who is in no organization counts for nobody, until they join one", async (t) => {
  const server = await startTestServer(t);
  const first = bodyOf(await report(server, "nobody", 5));
  assert.deepEqual([first.effective_group_id, first.current_spend_micros, first.remaining_micros], [null, 5, null]);
  assert.equal(bodyOf(await report(server, "nobody", 6)).current_spend_micros, 11);
  await addMember(server.pool, { organizationId: server.otherOrganizationId, userId: server.nobody.id });
  const joined = bodyOf(await report(server, "nobody", 7));
  assert.deepEqual([joined.effective_group_id, joined.current_spend_micros], [server.otherOrganizationId, 7]);
});

it("the spend of a user who is deleted, or was never there, is not found", async (t) => {
  const server = await startTestServer(t);
  bodyOf(await server.send("DELETE", "/api/v2/users/bob", { as: server.admin }), 204);
  for (const user of ["bob", server.bob.id, "alicia", randomUUID()]) {
    bodyOf(await server.send("GET", `/api/v2/users/${user}/ai/spend`, { as: server.admin }), 404);
    bodyOf(await report(server, user, 1), 404);
  }
});
