import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestServer, type TestServer } from "../http/server.ts";
import { givenGroup } from "../http/sharing.ts";
import { putOverride } from "./http-support.ts";
import { insertOverride, overridesWithoutMembership } from "./support.ts";

/** How many users each race is run for at once; there are ten races, so 1,000 in all. */
const USERS = 100;

/** The groups of a user: Everyone, one of their own, one with all others in it, and one that they may be moved to. */
type Groups = { readonly everyone: string; readonly own: string; readonly shared: string; readonly next: string };
type Racer = { readonly server: TestServer; readonly user: { readonly id: string }; readonly groups: Groups };
type Send = (racer: Racer) => Promise<{ readonly statusCode: number; readonly body: string }>;

const put =
  (group: keyof Groups): Send =>
  ({ server, user, groups }) =>
    putOverride(server, user.id, groups[group]);
const leave =
  (group: keyof Groups): Send =>
  ({ server, user, groups }) =>
    server.send("PATCH", `/api/v2/groups/${groups[group]}`, { as: server.admin, json: { remove_users: [user.id] } });
const leaveOrganization: Send = ({ server, user }) =>
  server.send("DELETE", `/api/v2/organizations/default/members/${user.id}`, { as: server.admin });
/** The same as somebody does who writes SQL, about the user or their membership of a group; an error ends the test. */
const inSql =
  (statement: string, group?: keyof Groups): Send =>
  async ({ server, user, groups }) => {
    await server.pool.query(statement, [user.id, ...(group ? [groups[group]] : [])]);
    return { statusCode: 204, body: "" };
  };
const LEAVE_GROUP = "delete from group_members where user_id = $1 and group_id = $2";
const LEAVE_ORGANIZATION = "delete from organization_members where user_id = $1";
const deleteGroup: Send = ({ server, groups }) =>
  server.send("DELETE", `/api/v2/groups/${groups.own}`, { as: server.admin });
const deleteUser: Send = ({ server, user }) => server.send("DELETE", `/api/v2/users/${user.id}`, { as: server.admin });

const RACES: readonly {
  /** What an override counts for already. */
  readonly from?: keyof Groups;
  readonly to: keyof Groups;
  readonly against: string;
  readonly send: Send;
}[] = [
  { to: "own", against: "the removal from it", send: leave("own") },
  { to: "shared", against: "the removal from it in SQL", send: inSql(LEAVE_GROUP, "shared") },
  { to: "everyone", against: "the removal from the organization", send: leaveOrganization },
  { to: "own", against: "the removal from the organization in SQL", send: inSql(LEAVE_ORGANIZATION) },
  { to: "own", against: "its deletion", send: deleteGroup },
  { to: "own", against: "the user's deletion", send: deleteUser },
  { from: "everyone", to: "own", against: "the removal from the organization", send: leaveOrganization },
  { from: "own", to: "everyone", against: "the removal from the organization", send: leaveOrganization },
  { from: "own", to: "next", against: "the deletion of the former group", send: deleteGroup },
  { from: "own", to: "next", against: "another move, out of the group", send: put("shared") },
];

/** Users of the default organization, each in a group of their own and in others. */
async function givenRacers(server: TestServer, race: number): Promise<Racer[]> {
  const { pool, defaultOrganizationId: everyone } = server;
  const shared = await givenGroup(server, everyone, [], `shared-${race}`);
  const { rows } = await pool.query<{ id: string; own: string; next: string }>(
    `with person as (
       insert into users (username, email)
       select name, name || '@example.com' from generate_series(1, $2::int) n, concat('racer-', $4::int, '-', n) name
       returning id),
     member as (insert into organization_members (organization_id, user_id) select $1, id from person),
     made as (
       insert into groups (organization_id, name)
       select $1, kind || ' of ' || id from person, unnest('{own,next}'::text[]) kind returning id, name),
     mine as (
       select p.id, o.id as own, n.id as next from person p
       join made o on o.name = 'own of ' || p.id join made n on n.name = 'next of ' || p.id),
     joined as (
       insert into group_members (user_id, group_id)
       select m.id, g from mine m, unnest(array[m.own, m.next, $3::uuid]) g)
     select * from mine order by id`,
    [everyone, USERS, shared, race],
  );
  return rows.map(({ id, ...own }) => ({ server, user: { id }, groups: { ...own, everyone, shared } }));
}

test("whoever is given an override while their membership ends has none without it, in 1,000 races", async (t) => {
  const server = await startTestServer(t);
  for (const [index, { from, to, against, send }] of RACES.entries()) {
    await t.test(`for ${to}${from ? ` instead of ${from}` : ""}, against ${against}`, async () => {
      const racers = await givenRacers(server, index);
      if (from) for (const { user, groups } of racers) await insertOverride(server.pool, user.id, groups[from]);
      // Half of the removals are asked for first; how far each request is when the other one begins is for chance to say.
      const pairs = racers.map((racer, n) =>
        (n % 2 === 0 ? [put(to), send] : [send, put(to)]).map((ask) => ask(racer)),
      );
      for (const { statusCode, body } of await Promise.all(pairs.flat())) {
        assert.ok([200, 204, 400, 404].includes(statusCode), `${statusCode} ${body}`);
      }
      assert.deepEqual(await overridesWithoutMembership(server.pool), []);
    });
  }
});
