import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { untilSomebodyWaits } from "../http/effects.ts";
import { startTestServer, type TestServer } from "../http/server.ts";
import { givenGroup } from "../http/sharing.ts";
import { putOverride } from "./http-support.ts";
import { groupOfOverride, insertOverride, overridesWithoutMembership } from "./support.ts";

/** A transaction of somebody else's, which holds what it locks until it ends. */
async function begin(t: TestContext, { pool }: TestServer) {
  const client = await pool.connect();
  t.after(() => client.release(true));
  await client.query("begin");
  return client;
}

/** A group of the default organization with alice in it, and the ways out of it, and out of Everyone. */
async function givenWaysOut(t: TestContext) {
  const server = await startTestServer(t);
  const { alice, defaultOrganizationId: everyone, pool } = server;
  let count = 0;
  const newCrew = async () => {
    count += 1;
    await pool.query(
      "insert into organization_members (organization_id, user_id) values ($1, $2) on conflict do nothing",
      [everyone, alice.id],
    );
    return givenGroup(server, everyone, [alice], `crew-${count}`);
  };
  const waysOut = [
    { from: "crew", text: "delete from group_members where group_id = $1" },
    { from: "crew", text: "delete from groups where id = $1" },
    { from: "everyone", text: "delete from organization_members where organization_id = $1" },
  ] as const;
  const ofOrganization = { from: "crew", text: waysOut[2].text } as const;
  return { server, alice, everyone, newCrew, waysOut: [...waysOut, ofOrganization] };
}

test("who ends a membership waits for an override that is being written for it, and takes it away", async (t) => {
  const { server, alice, everyone, newCrew, waysOut } = await givenWaysOut(t);
  for (const { from, text } of waysOut) {
    const crew = await newCrew();
    const writing = await begin(t, server);
    await insertOverride(writing, alice.id, from === "crew" ? crew : everyone);
    const ending = server.pool.query(text, [text.includes("organization") ? everyone : crew]);
    await untilSomebodyWaits(server);
    await writing.query("commit");
    await ending;
    assert.equal(await groupOfOverride(server.pool, alice.id), undefined, `${text} for ${from}`);
  }
});

test("an override waits for a membership that is just being ended, and is then refused", async (t) => {
  const { server, alice, everyone, newCrew, waysOut } = await givenWaysOut(t);
  for (const { from, text } of waysOut) {
    const crew = await newCrew();
    const ending = await begin(t, server);
    await ending.query(text, [text.includes("organization") ? everyone : crew]);
    const writing = putOverride(server, alice.id, from === "crew" ? crew : everyone);
    await untilSomebodyWaits(server);
    await ending.query("commit");
    const { statusCode, body } = await writing;
    assert.equal(statusCode, 400, `${text} for ${from}: ${body}`);
    assert.deepEqual(await overridesWithoutMembership(server.pool), []);
  }
});

test("who ends a membership in a transaction that cannot see an override for it fails, and may try again", async (t) => {
  const { server, alice, everyone, newCrew, waysOut } = await givenWaysOut(t);
  for (const { from, text } of waysOut) {
    const crew = await newCrew();
    const ending = await begin(t, server);
    await ending.query("set transaction isolation level repeatable read");
    await ending.query("select from users"); // what it sees is what there is now
    await insertOverride(server.pool, alice.id, from === "crew" ? crew : everyone);
    const values = [text.includes("organization") ? everyone : crew];
    await assert.rejects(ending.query(text, values), { code: "40001" }, `${text} for ${from}`);
    await ending.query("rollback");
    await server.pool.query(text, values);
    assert.equal(await groupOfOverride(server.pool, alice.id), undefined);
  }
});

test("a user is deleted, softly, only when the override that is being written for them is there, and gets none after", async (t) => {
  const { server, alice, newCrew } = await givenWaysOut(t);
  const crew = await newCrew();
  const writing = await begin(t, server);
  await insertOverride(writing, alice.id, crew);
  const deleting = server.send("DELETE", `/api/v2/users/${alice.id}`, { as: server.admin });
  await untilSomebodyWaits(server);
  await writing.query("commit");
  assert.equal((await deleting).statusCode, 204);
  assert.equal(await groupOfOverride(server.pool, alice.id), crew);
  assert.equal((await putOverride(server, alice.id, crew)).statusCode, 404);
});

test("an override that is written again and the deletion of its organization never wait for each other", async (t) => {
  const server = await startTestServer(t);
  const { bob, otherOrganizationId: other } = server;
  await insertOverride(server.pool, bob.id, other);
  const holder = await begin(t, server);
  await holder.query("select from user_ai_budget_overrides for update");
  const writing = putOverride(server, bob.id, other);
  await untilSomebodyWaits(server);
  const deleting = server.send("DELETE", "/api/v2/organizations/other", { as: server.admin });
  await untilSomebodyWaits(server, 2);
  await holder.query("rollback");
  assert.deepEqual([(await writing).statusCode, (await deleting).statusCode], [200, 204]);
  assert.equal(await groupOfOverride(server.pool, bob.id), undefined);
});

// What the move waits for first, and who comes then.
for (const { against, path, held } of [
  {
    against: "the end of the membership",
    path: (alice: string) => `/api/v2/organizations/default/members/${alice}`,
    held: "select from group_members where group_id = $1 for update",
  },
  {
    against: "the deletion of the group",
    path: (_: string, crew: string) => `/api/v2/groups/${crew}`,
    held: "select from user_ai_budget_overrides where group_id <> $1 for update",
  },
]) {
  test(`an override that moves from Everyone to a group, and ${against}, never wait for each other`, async (t) => {
    const { server, alice, everyone, newCrew } = await givenWaysOut(t);
    const crew = await newCrew();
    await insertOverride(server.pool, alice.id, everyone);
    const holder = await begin(t, server);
    await holder.query(held, [crew]);
    const moving = putOverride(server, alice.id, crew);
    await untilSomebodyWaits(server);
    const ending = server.send("DELETE", path(alice.id, crew), { as: server.admin });
    await untilSomebodyWaits(server, 2);
    await holder.query("rollback");
    assert.deepEqual([(await moving).statusCode, (await ending).statusCode], [200, 204]);
    assert.equal(await groupOfOverride(server.pool, alice.id), undefined);
  });
}
