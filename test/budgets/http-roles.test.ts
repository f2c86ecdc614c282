import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import { it } from "node:test";
import type { LightMyRequestResponse } from "fastify";
import { CALLERS } from "../http/callers.ts";
import { newEntries } from "../http/effects.ts";
import { fingerprint } from "../http/fingerprint.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "../http/server.ts";
import {
  bodyOf,
  givenGroup,
  groupBudget,
  groupsSpend,
  membersSpend,
  putOverride,
  userBudget,
  userSpend,
} from "./http-support.ts";

/** A server where carol, a member of the group, has a budget of her own that counts for it, as the group has one. */
type World = {
  readonly server: TestServer;
  readonly carol: TestUser;
  readonly group: string;
  /** Another group of carol's. */
  readonly second: string;
  /** What an owner is told of what is not there, for each request. */
  readonly unknown: readonly unknown[];
};
type Names = { readonly user: string; readonly group: string; readonly organization: string };
type Request = (names: Names) => readonly ["GET" | "PUT" | "POST" | "DELETE", string, object?];

const LIMIT = { spend_limit_micros: 7 };

/** What is asked, in the order of the columns below. */
const REQUESTS: readonly Request[] = [
  ({ user }) => ["GET", userBudget(user)],
  ({ user, group }) => ["PUT", userBudget(user), { group_id: group, ...LIMIT }],
  ({ user }) => ["DELETE", userBudget(user)],
  ({ group }) => ["GET", groupBudget(group)],
  ({ group }) => ["PUT", groupBudget(group), LIMIT],
  ({ group }) => ["DELETE", groupBudget(group)],
  ({ user }) => ["GET", userSpend(user)],
  ({ user }) => ["POST", userSpend(user), { request_id: randomUUID(), spend_micros: 1 }],
  ({ organization, group }) => ["GET", groupsSpend(`group_ids=${group}`, organization)],
  ({ user, group }) => ["GET", membersSpend(group, `user_ids=${user}`)],
];

const NONE = "404 404 404 404 404 404 404 404 404 404";
const INSPECTS = "200 404 404 200 404 404 200 404 200 200";
const MANAGES = "200 404 404 200 200 204 200 404 200 200";

/** What each caller is told; `200-` is a list without what was asked for. */
const EXPECTED: Readonly<Record<keyof typeof CALLERS, string>> = {
  owner: "200 200 204 200 200 204 200 200 200 200",
  "user-admin": "200 200 204 200 200 204 200 404 200 200",
  "template-admin": INSPECTS,
  auditor: INSPECTS,
  "organization-admin": MANAGES,
  "organization-user-admin": MANAGES,
  "organization-admin who may not create workspaces": MANAGES,
  "organization-auditor": INSPECTS,
  "organization-template-admin": "404 404 404 200 404 404 404 404 200 200-",
  member: "404 404 404 200 404 404 404 404 200- 200-",
};

async function givenWorld(t: TestContext): Promise<World> {
  const server = await startTestServer(t);
  const carol = await givenUser(server);
  const [group, second] = [await givenGroup(server, [carol, server.alice]), await givenGroup(server, [carol])];
  const unknown: unknown[] = [];
  for (const request of REQUESTS) unknown.push(told(await ask({ server }, server.admin, request, UNKNOWN())));
  return { server, carol, group, second, unknown };
}

/** Makes both budgets what they are at the beginning. */
async function restore({ server, carol, group }: World): Promise<void> {
  await server.pool.query(
    `insert into user_ai_budget_overrides (user_id, group_id, spend_limit_micros) values ($1, $2, 5)
     on conflict (user_id) do update set group_id = $2, spend_limit_micros = 5`,
    [carol.id, group],
  );
  await server.pool.query(
    "insert into group_ai_budgets (group_id, spend_limit_micros) values ($1, 5) on conflict do nothing",
    [group],
  );
}

function ask(
  { server }: Pick<World, "server">,
  as: TestUser,
  request: Request,
  names: Names,
): Promise<LightMyRequestResponse> {
  const [method, path, json] = request(names);
  return server.send(method, path, { as, ...(json ? { json } : {}) });
}

/** All that a caller is told, apart from what is another in each answer. */
function told({ statusCode, headers, body }: LightMyRequestResponse): unknown {
  const { "x-request-id": _id, date: _date, ...rest } = headers;
  return { statusCode, headers: rest, body };
}

const UNKNOWN = (): Names => ({ user: randomUUID(), group: randomUUID(), organization: randomUUID() });

/** Compares what a caller is told with a row; a refusal must be that of what is not there, and change nothing. */
async function assertRow(world: World, name: string, as: TestUser, row: string): Promise<void> {
  const { server, carol, group, unknown } = world;
  const names = { user: carol.id, group, organization: "default" };
  const expected = row.split(" ");
  await restore(world);
  await newEntries(server);
  const before = await fingerprint(server.pool);
  for (const [index, request] of REQUESTS.entries()) {
    if (expected[index] !== "404") continue;
    const refused = await ask(world, as, request, names);
    const [method, path] = request(names);
    assert.equal(refused.statusCode, 404, `${name}: ${method} ${path}: ${refused.body}`);
    assert.deepEqual(told(refused), unknown[index], `${name}: ${path}`);
    assert.deepEqual(told(refused), told(await ask(world, as, request, UNKNOWN())), `${name}: ${path}`);
  }
  assert.deepEqual(await fingerprint(server.pool), before, name);
  const seen: string[] = [];
  for (const [index, request] of REQUESTS.entries()) {
    await restore(world);
    const answer = expected[index] === "404" ? undefined : await ask(world, as, request, names);
    const { groups, members } = answer?.statusCode === 200 ? answer.json() : {};
    seen.push(answer ? `${answer.statusCode}${(groups ?? members)?.length === 0 ? "-" : ""}` : "404");
  }
  assert.equal(seen.join(" "), row, name);
}

it("BUD-23, BUD-25, BUD-26, BUD-28: each role reads and changes budgets and spend as the matrix of roles says", async (t) => {
  const world = await givenWorld(t);
  for (const [name, given] of Object.entries(CALLERS)) {
    await assertRow(world, name, await givenUser(world.server, given), EXPECTED[name as keyof typeof CALLERS]);
  }
});

it("BUD-29: without a role one reads one's own budget and spend and those of one's groups, and nothing of others", async (t) => {
  const world = await givenWorld(t);
  const { server, carol } = world;
  await assertRow(world, "self", carol, "200 404 404 200 404 404 200 404 200- 200");
  await assertRow(world, "another member of the group", server.alice, "404 404 404 200 404 404 404 404 200- 200-");
  await assertRow(world, "a member of another organization", server.bob, NONE);
  await assertRow(world, "a member of nothing", server.nobody, NONE);
  const elsewhere = await givenUser(server, {
    organization: server.otherOrganizationId,
    roles: ["organization-admin"],
  });
  await assertRow(
    world,
    "an administrator of another organization",
    elsewhere,
    "200 404 404 404 404 404 200 404 404 404",
  );
});

it("an organization where members do not see each other shows a group's budget to its members only", async (t) => {
  const world = await givenWorld(t);
  const { server } = world;
  const member = await givenUser(server);
  const sharing = "/api/v2/organizations/default/settings/workspace-sharing";
  const json = { sharing_disabled: true };
  bodyOf(await server.send("PATCH", sharing, { as: server.admin, json }));
  await assertRow(world, "a member of the group", server.alice, "404 404 404 200 404 404 404 404 200- 200-");
  await assertRow(world, "a member who is not in it", member, "404 404 404 404 404 404 404 404 200- 404");
});

it("a token reads and changes only the budgets that its scopes and its list of things reach", async (t) => {
  const world = await givenWorld(t);
  const { server, carol, group, second } = world;
  const reads = ["user:read", "group:read", "group_member:read", "organization:read"];
  const one = [`user:${carol.id}`];
  const cases: readonly [name: string, given: { scopes?: string[]; allowList?: string[] }, row: string][] = [
    [
      "user:update without group:update",
      { scopes: ["user:read", "user:update"] },
      "200 404 404 404 404 404 200 404 404 404",
    ],
    [
      "group:read without group:update",
      { scopes: [...reads, "user:update"] },
      "200 404 404 200 404 404 200 404 200 200",
    ],
    [
      "group:update without user:update",
      { scopes: [...reads, "group:update"] },
      "200 404 404 200 200 204 200 404 200 200",
    ],
    ["both without group:read", { scopes: ["user:*", "group:update"] }, "200 404 204 404 404 204 200 404 404 404"],
    ["read-only", { scopes: reads }, INSPECTS],
    ["a gateway's", { scopes: ["aibridge_interception:create"] }, "404 404 404 404 404 404 404 200 404 404"],
    ["nothing", { scopes: [] }, NONE],
    ["the user alone", { allowList: one }, "200 404 404 404 404 404 200 404 404 404"],
    ["the group alone", { allowList: [`group:${group}`] }, "404 404 404 200 200 204 404 404 404 200-"],
    ["user and group", { allowList: [...one, `group:${group}`] }, "200 200 204 200 200 204 200 404 404 200-"],
    ["user and another group", { allowList: [...one, `group:${second}`] }, "200 404 404 404 404 404 200 404 404 404"],
    [
      "another user and the group",
      { allowList: [`user:${server.alice.id}`, `group:${group}`] },
      "404 404 404 200 200 204 404 404 404 200-",
    ],
  ];
  for (const [name, given, row] of cases) {
    await assertRow(world, name, await givenUser(server, { siteRoles: ["owner"], ...given }), row);
  }
});

it("who moves a budget to another group needs a right on the new one alone, and to take it away one on the old one", async (t) => {
  const world = await givenWorld(t);
  const { server, carol, group, second } = world;
  const allowList = [`user:${carol.id}`, `group:${second}`];
  const as = await givenUser(server, { siteRoles: ["owner"], allowList });
  await restore(world);
  await newEntries(server);
  bodyOf(await server.send("DELETE", userBudget(carol.id), { as }), 404);
  const moved = bodyOf(await putOverride(server, carol.id, second, 6, as));
  assert.deepEqual([moved.group_id, moved.spend_limit_micros], [second, 6]);
  bodyOf(await putOverride(server, carol.id, group, 7, as), 404);
  assert.deepEqual(bodyOf(await server.send("GET", userBudget(carol.id), { as })), moved);
  bodyOf(await server.send("DELETE", userBudget(carol.id), { as }), 204);
  assert.deepEqual(
    (await newEntries(server)).map(({ action, diff }) => [action, diff["group_id"]]),
    [
      ["write", { old: group, new: second }],
      ["delete", { old: second, new: null }],
    ],
  );
});

it("nobody is told anything without a token, and the rights are those of the moment, not of a moment ago", async (t) => {
  const world = await givenWorld(t);
  const { server, carol, group } = world;
  const names = { user: carol.id, group, organization: "default" };
  for (const request of REQUESTS) {
    const [method, path, json] = request(names);
    bodyOf(await server.send(method, path, json ? { json } : {}), 401);
  }
  const as = await givenUser(server, { siteRoles: ["user-admin"] });
  bodyOf(await putOverride(server, carol.id, group, 6, as));
  await server.pool.query("update users set rbac_roles = '{}' where id = $1", [as.id]);
  bodyOf(await putOverride(server, carol.id, group, 7, as), 404);
});
