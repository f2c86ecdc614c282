import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../src/prebuilds/world-events.fixture.ts";
import { type ApiRoute, everyRoute, filled } from "./api-routes.ts";
import { type ApiWorld, givenApiWorld } from "./api-world.ts";
import { fingerprint } from "./fingerprint.ts";
import { plausible } from "./schema-values.ts";
import { givenUser, type TestUser } from "./server.ts";

/** What everybody can do about oneself. */
const OWN = [
  "getUser",
  "listUserOrganizations",
  "updateUserProfile",
  "getQuietHours",
  "updateQuietHours",
  "createToken",
  "listTokens",
  "getUserAiSpend",
];

/** What is about the caller whatever the path says; there is nothing of others to be had on that way. */
const ABOUT_CALLER = ["listInboxNotifications", "markAllInboxNotificationsAsRead"];

/** A user without a token, as far as the server is concerned. */
type Caller = TestUser | undefined;
type Parts = Readonly<Record<string, string>>;
const same = (parts: Parts): Parts => parts;
const me = (parts: Parts): Parts => ("user" in parts ? { ...parts, user: "me" } : parts);

type Answer = { readonly route: ApiRoute; readonly path: string; readonly status: number; readonly body: string };

/**
 * Sends every route what it could take, and less, about what is there and what is not. What it could take follows from
 * the seed; each knock has one of its own, so that together they send many bodies and each only a few.
 */
async function knock(
  { server, known, parts, absent }: ApiWorld,
  as: Caller,
  seed: number,
  change = same,
): Promise<Answer[]> {
  const random = createRandom(seed);
  const answers: Answer[] = [];
  for (const route of await everyRoute(server)) {
    const body = { json: plausible(random, route.body ?? {}, known) as object };
    const broken = { payload: "{", headers: { "content-type": "application/json" } };
    const sent = route.method === "GET" ? [{}] : [{}, { json: {} }, broken, body];
    for (const names of new Set([parts(route.path), absent(route.path)])) {
      const path = filled(route, change(names));
      for (const options of sent) {
        const answer = await server.send(route.method, path, { ...options, ...(as ? { as } : {}) });
        answers.push({ route, path: `${route.method} ${path}`, status: answer.statusCode, body: answer.body });
      }
    }
  }
  return answers;
}

/** The same as `knock`; nothing may change. */
async function knockInVain(world: ApiWorld, as: Caller, seed: number, change = same): Promise<Answer[]> {
  const before = await fingerprint(world.server.pool);
  const answers = await knock(world, as, seed, change);
  assert.deepEqual(await fingerprint(world.server.pool), before, "nothing has changed");
  return answers;
}

function assertClosed(answers: readonly Answer[], statuses: readonly number[]): void {
  for (const { path, status, body } of answers) {
    assert.ok(statuses.includes(status), `${path}: ${status} ${body}`);
    assert.equal(typeof JSON.parse(body).message, "string", path);
  }
}

test("nobody gets in without a token, whatever the route", async (t) => {
  assertClosed(await knockInVain(await givenApiWorld(t), undefined, 1), [401]);
});

test("who is a member of nothing gets at nothing by any route that is not about oneself", async (t) => {
  const world = await givenApiWorld(t);
  const answers = await knockInVain(world, world.server.nobody, 2);
  assertClosed(
    answers.filter(({ route }) => !ABOUT_CALLER.includes(route.name)),
    [403, 404],
  );
});

test("who is a member of nothing can do little about oneself, and nothing about others on that way", async (t) => {
  const world = await givenApiWorld(t);
  const { pool, nobody } = world.server;
  const others = async () =>
    (
      await pool.query(
        `select u.*, (select array_agg(k.id order by k.id) from api_keys k where k.user_id = u.id) as tokens
         from users u where u.id <> $1 order by u.id`,
        [nobody.id],
      )
    ).rows;
  const [before, othersBefore] = [await fingerprint(pool), await others()];
  const answers = (await knock(world, nobody, 3, me)).filter(({ route }) => route.path.includes("{user}"));
  const done = answers.filter(({ status }) => status < 300).map(({ route }) => route.name);
  assert.deepEqual([...new Set(done)], OWN);
  const after = await fingerprint(pool);
  const changed = Object.keys(after).filter((table) => after[table] !== before[table]);
  assert.deepEqual(changed, ["api_keys", "audit_logs", "users"]);
  assert.deepEqual(await others(), othersBefore);
});

test("a token that is for something else gets at nothing by any route, whoever its holder is", async (t) => {
  const world = await givenApiWorld(t);
  const other = { siteRoles: ["owner"], roles: ["organization-admin"] };
  const scoped = await givenUser(world.server, { ...other, scopes: ["license:read", "file:create"] });
  const limited = await givenUser(world.server, { ...other, allowList: ["license:*"] });
  for (const [index, as] of [scoped, limited].entries()) {
    assertClosed(await knockInVain(world, as, 4 + index), [403, 404]);
    assertClosed(await knockInVain(world, as, 6 + index, me), [403, 404]);
  }
});

test("a member of one organization gets at nothing of another one by any route", async (t) => {
  const world = await givenApiWorld(t);
  const { alice, bob, defaultOrganizationId } = world.server;
  const answers = await knockInVain(world, bob, 8);
  const open = answers.filter(({ route }) => route.method === "GET" && !route.path.includes("{"));
  const closed = answers
    .filter(({ route }) => !ABOUT_CALLER.includes(route.name))
    .filter((answer) => !open.includes(answer));
  assertClosed(closed, [403, 404]);
  for (const { path, status, body } of open) {
    assert.ok([200, 403].includes(status), `${path}: ${status} ${body}`);
    for (const secret of [alice.id, "alice", "devbox", "crew", defaultOrganizationId]) {
      assert.ok(!body.includes(secret), `${path}: ${body}`);
    }
  }
});
