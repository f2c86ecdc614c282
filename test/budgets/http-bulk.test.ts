import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";
import { givenUser, startTestServer, type TestServer } from "../http/server.ts";
import { bodyOf, givenGroup, groupsSpend, membersSpend, putGroup, putOverride, report } from "./http-support.ts";

const ask = async (server: TestServer, path: string) => bodyOf(await server.send("GET", path, { as: server.admin }));
const unknown = (count: number) => Array.from({ length: count }, () => randomUUID());

it("SPD-04: a bulk list takes from 1 to 100 ids, each a UUID", async (t) => {
  const server = await startTestServer(t);
  const group = await givenGroup(server, [server.alice]);
  for (const [name, path, known] of [
    ["group_ids", groupsSpend, group],
    ["user_ids", (query: string) => membersSpend(group, query), server.alice.id],
  ] as const) {
    const listed = async (query: string) => {
      const { groups, members } = await ask(server, path(query));
      return (groups ?? members).map((one: Record<string, unknown>) => one["group_id"] ?? one["user_id"]);
    };
    assert.deepEqual(await listed(`${name}=${[...unknown(99), known]}`), [known]);
    const repeated = [...unknown(99), known].map((id) => `${name}=${id}`).join("&");
    assert.deepEqual(await listed(repeated), [known]);
    assert.deepEqual(await listed(`${name}=${unknown(2)}&${name}=${known}`), [known], "both forms together");
    assert.deepEqual(await listed(`${name}=${known},${known.toUpperCase()}&${name}=${known}`), [known]);
    for (const query of [
      `${name}=${[...unknown(100), known]}`,
      [...unknown(100), known].map((id) => `${name}=${id}`).join("&"),
      `${name}=${Array(101).fill(known)}`,
      "",
      `${name}=`,
      `${name}=&${name}=${known}`,
      `${name}=${known},`,
      `${name}=${known};${known}`,
      `${name}=x`,
      `${name}=${known}x`,
      `${name}=alice`,
      `${name}[]=${known}`,
      `${name}=${known},%00`,
    ]) {
      const { validations } = bodyOf(await server.send("GET", path(query), { as: server.admin }), 400);
      assert.ok(validations[0].field.startsWith(name), `${query.slice(0, 80)}: ${JSON.stringify(validations)}`);
    }
  }
});

it("SPD-05: ids that are unknown, or of another organization or group, are left out", async (t) => {
  const server = await startTestServer(t);
  const { alice, bob, nobody, defaultOrganizationId: everyone, otherOrganizationId: other } = server;
  const gone = await givenUser(server);
  const group = await givenGroup(server, [alice, gone]);
  const foreign = await givenGroup(server, [bob], "other");
  bodyOf(await server.send("DELETE", `/api/v2/users/${gone.id}`, { as: server.admin }), 204);
  const groupIds = [randomUUID(), group, other, foreign, everyone, alice.id];
  const { groups } = await ask(server, groupsSpend(`group_ids=${groupIds}`));
  assert.deepEqual(
    groups.map((one: { group_id: string; current_spend_micros: number }) => [one.group_id, one.current_spend_micros]),
    [
      [group, 0],
      [everyone, 0],
    ],
  );
  const userIds = [randomUUID(), bob.id, nobody.id, gone.id, alice.id, server.admin.id];
  const { members } = await ask(server, membersSpend(group, `user_ids=${userIds}`));
  assert.deepEqual(
    members.map((one: { user_id: string }) => one.user_id),
    [alice.id],
  );
  for (const path of [groupsSpend(`group_ids=${group}`, "third"), membersSpend(randomUUID(), `user_ids=${alice.id}`)]) {
    bodyOf(await server.send("GET", path, { as: server.admin }), 404);
  }
});

it("a group's spend is that of all its members, each with what they may and did spend for it", async (t) => {
  const server = await startTestServer(t);
  const { alice, admin, defaultOrganizationId: everyone } = server;
  const group = await givenGroup(server, [alice, admin]);
  bodyOf(await report(server, "alice", 1));
  bodyOf(await putGroup(server, group, 100));
  bodyOf(await report(server, "alice", 20));
  bodyOf(await report(server, "admin", 300));
  bodyOf(await putOverride(server, "alice", everyone, 50));
  bodyOf(await report(server, "alice", 4_000));
  const { groups, ...period } = await ask(server, groupsSpend(`group_ids=${group},${everyone}`));
  assert.deepEqual(groups, [
    { group_id: group, spend_limit_micros: 100, current_spend_micros: 320 },
    { group_id: everyone, spend_limit_micros: null, current_spend_micros: 4_001 },
  ]);
  const spent = await ask(server, membersSpend(group, `user_ids=${alice.id},${admin.id}`));
  assert.deepEqual(spent, {
    ...period,
    members: [
      {
        user_id: admin.id,
        effective_group_id: group,
        spend_limit_micros: 100,
        limit_source: "group",
        current_spend_micros: 300,
      },
      {
        user_id: alice.id,
        effective_group_id: everyone,
        spend_limit_micros: 50,
        limit_source: "user_override",
        current_spend_micros: 20,
      },
    ],
  });
  bodyOf(await server.send("DELETE", "/api/v2/users/alice", { as: admin }), 204);
  const { groups: after } = await ask(server, groupsSpend(`group_ids=${group}`));
  assert.equal(after[0].current_spend_micros, 320, "what was spent stays spent");
});

it("somebody who may read some of the users is told of those", async (t) => {
  const server = await startTestServer(t);
  const { alice, admin } = server;
  const group = await givenGroup(server, [alice, admin]);
  const ids = [alice.id, admin.id];
  const listed = async (as: Parameters<typeof server.send>[2]) => {
    const { members } = bodyOf(await server.send("GET", membersSpend(group, `user_ids=${ids}`), { ...as }));
    return members.map((one: { user_id: string }) => one.user_id);
  };
  assert.deepEqual(await listed({ as: alice }), [alice.id]);
  const allowList = [`group:${group}`, `user:${admin.id}`, `group_member:${admin.id}`, `group_member:${alice.id}`];
  const limited = await givenUser(server, { siteRoles: ["owner"], allowList });
  assert.deepEqual(await listed({ as: limited }), [admin.id]);
  assert.deepEqual(await listed({ as: admin }), [admin.id, alice.id]);
});
