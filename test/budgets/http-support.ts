import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type { LightMyRequestResponse } from "fastify";
import { openPool } from "../../src/db/connection.ts";
import { buildServer } from "../../src/http/server.ts";
import type { TestServer, TestUser } from "../http/server.ts";

/** The largest amount. */
export const MOST = Number.MAX_SAFE_INTEGER;

/** Where the API has budgets and spend. */
export const userBudget = (user: string): string => `/api/v2/users/${user}/ai/budget`;
export const groupBudget = (group: string): string => `/api/v2/groups/${group}/ai/budget`;
export const userSpend = (user: string): string => `/api/v2/users/${user}/ai/spend`;
export const groupsSpend = (query: string, organization = "default"): string =>
  `/api/v2/organizations/${organization}/groups/ai/spend?${query}`;
export const membersSpend = (group: string, query: string): string =>
  `/api/v2/groups/${group}/members/ai/spend?${query}`;

/** The answer's body, which must have come with this status. */
export function bodyOf(answer: LightMyRequestResponse, status = 200) {
  assert.equal(answer.statusCode, status, answer.body);
  return status === 204 ? answer.body : answer.json();
}

/** Makes a group with these members and returns its id. */
export async function givenGroup(
  server: TestServer,
  members: readonly { readonly id: string }[] = [],
  organization = "default",
): Promise<string> {
  const json = { name: `crew-${randomUUID().slice(0, 8)}` };
  const path = `/api/v2/organizations/${organization}/groups`;
  const { id } = bodyOf(await server.send("POST", path, { as: server.admin, json }), 201);
  await changeMembers(server, id, { add_users: members.map((member) => member.id) });
  return id;
}

/** Takes users into a group, or out of it. */
export async function changeMembers(
  server: TestServer,
  group: string,
  json: { readonly add_users?: readonly string[]; readonly remove_users?: readonly string[] },
): Promise<void> {
  bodyOf(await server.send("PATCH", `/api/v2/groups/${group}`, { as: server.admin, json }));
}

/** Asks to give a user a budget of their own. */
export function putOverride(
  server: TestServer,
  user: string,
  groupId: unknown,
  limit: unknown = 500_000_000,
  as: TestUser = server.admin,
): Promise<LightMyRequestResponse> {
  return server.send("PUT", userBudget(user), { as, json: { group_id: groupId, spend_limit_micros: limit } });
}

/** Asks to give a group a budget. */
export function putGroup(
  server: TestServer,
  group: string,
  limit: unknown,
  as: TestUser = server.admin,
): Promise<LightMyRequestResponse> {
  return server.send("PUT", groupBudget(group), { as, json: { spend_limit_micros: limit } });
}

/** Reports what a user has spent, as a gateway does; under an id of its own unless the test names one. */
export function report(
  server: Pick<TestServer, "send" | "admin">,
  user: string,
  micros: unknown,
  requestId: unknown = randomUUID(),
): Promise<LightMyRequestResponse> {
  const json = { request_id: requestId, spend_micros: micros };
  return server.send("POST", userSpend(user), { as: server.admin, json });
}

/** What the API says of a user's spend to an administrator. */
export async function spendOf(server: Pick<TestServer, "send" | "admin">, user: string) {
  return bodyOf(await server.send("GET", userSpend(user), { as: server.admin }));
}

/** A user's limit, whose it is and which group the spend counts for, as the API says it. */
export async function effectiveOf(server: TestServer, user: string): Promise<[number | null, string | null, string]> {
  const { spend_limit_micros: limit, limit_source: source, effective_group_id: group } = await spendOf(server, user);
  return [limit, source, group];
}

/** All that is stored of a user's spend, of every day and group. */
export async function storedSpend({ pool }: Pick<TestServer, "pool">, userId: string): Promise<number> {
  const { rows } = await pool.query<{ micros: number }>(
    "select coalesce(sum(spend_micros), 0)::float8 as micros from ai_user_daily_spend where user_id = $1",
    [userId],
  );
  return rows[0]?.micros ?? Number.NaN;
}

/** A part of a test server that is enough to report spend. */
export type Gateway = Pick<TestServer, "send" | "admin" | "pool">;

/** Another server on the same database, with a pool of its own; its clock stands still when an instant is given. */
export async function givenReplica(t: TestContext, server: TestServer, at?: string): Promise<Gateway> {
  const pool = openPool(server.databaseUrl, server.context.log);
  const clock = at === undefined ? server.context.clock : { now: () => new Date(at) };
  const app = await buildServer(
    { ...server.context, pool, clock },
    {
      health: () => ({ live: { ok: true, problems: [] }, ready: { ok: true, problems: [] } }),
      metrics: async () => ({ contentType: "text/plain", body: "" }),
    },
  );
  t.after(async () => {
    await app.close();
    await pool.end();
  });
  const send: TestServer["send"] = (method, url, { as, json } = {}) =>
    app.inject({
      method,
      url,
      headers: as ? { authorization: `Bearer ${as.token}` } : {},
      ...(json === undefined ? {} : { payload: json as object }),
    });
  return { send, pool, admin: server.admin };
}

/** Makes all tokens last for ever, for tests in other years. */
export async function keepTokens({ pool }: Pick<TestServer, "pool">): Promise<void> {
  await pool.query("update api_keys set expires_at = null");
}

/** Moves the server's clock to an instant, at which no token has ended. */
export async function moveTo(server: TestServer, instant: string): Promise<void> {
  await keepTokens(server);
  server.advance(Date.parse(instant) - server.context.clock.now().getTime());
}
