import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { lockSystemRoles } from "../../src/organizations/system-role-store.ts";
import { waitFor } from "../support/wait-for.ts";
import { givenUser, type TestServer } from "./server.ts";
import { givenDev, givenGroup, storedLists, switchSharing } from "./sharing.ts";
import { givenWorkspace } from "./world.ts";

const ROUNDS = 8;

/** Holds a workspace's row, as somebody who changes it does; returns a way of letting it go. */
async function hold(t: TestContext, { pool }: TestServer, id: string): Promise<() => Promise<void>> {
  const client = await pool.connect();
  t.after(() => client.release(true));
  await client.query("begin");
  await client.query("select from workspaces where id = $1 for update", [id]);
  return async () => void (await client.query("rollback"));
}

/** Waits until so many statements wait for locks. */
async function untilWaiting({ pool }: TestServer, count: number): Promise<void> {
  await waitFor(`${count} statements to wait for a lock`, async () => {
    const { rowCount } = await pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rowCount === count;
  });
}

/** Sends the first request until it waits for the workspace, and the second until it waits, too; then lets both go on. */
async function oneAfterTheOther<T>(
  t: TestContext,
  server: TestServer,
  id: string,
  requests: readonly [() => Promise<T>, () => Promise<T>],
): Promise<T[]> {
  const release = await hold(t, server, id);
  const first = requests[0]();
  await untilWaiting(server, 1);
  const second = requests[1]();
  await untilWaiting(server, 2);
  await release();
  return Promise.all([first, second]);
}

const statuses = (answers: readonly { statusCode: number }[]) => answers.map(({ statusCode }) => statusCode);

test("who shares a workspace just before sharing is turned off shares it with nobody, and just after may not", async (t) => {
  const { server, dev, share, shared, stored } = await givenDev(t);
  const member = await givenUser(server);
  const sharing = () => share({ user_roles: { [member.id]: "admin" } });
  const turningOff = () => switchSharing(server, true);
  assert.deepEqual(statuses(await oneAfterTheOther(t, server, dev.id, [sharing, turningOff])), [204, 200]);
  assert.deepEqual(await stored(), { users: {}, groups: {} });
  await switchSharing(server, false);
  await shared({ [member.id]: "use" });
  assert.deepEqual(statuses(await oneAfterTheOther(t, server, dev.id, [turningOff, sharing])), [200, 403]);
  assert.deepEqual(await stored(), { users: {}, groups: {} });
});

test("sharing is turned off when nobody else changes the organizations' roles any more", async (t) => {
  const { server } = await givenDev(t);
  const holder = await server.pool.connect();
  t.after(() => holder.release(true));
  await holder.query("begin");
  await lockSystemRoles(holder);
  const turningOff = switchSharing(server, true);
  await waitFor("the switch to wait for the roles", async () => {
    const { rowCount } = await server.pool.query(
      `select from pg_locks join pg_database d on d.oid = database and d.datname = current_database()
        where locktype = 'advisory' and objid = 8 and not granted`,
    );
    return rowCount === 1;
  });
  await holder.query("rollback");
  assert.equal((await turningOff).statusCode, 200);
});

test("a workspace is not shared with who is just being removed from the organization, whoever comes first", async (t) => {
  const { server, dev, share, shared, stored } = await givenDev(t);
  const member = await givenUser(server);
  const path = `/api/v2/organizations/default/members/${member.id}`;
  const sharing = () => share({ user_roles: { [member.id]: "admin" } });
  const removing = () => server.send("DELETE", path, { as: server.admin });
  assert.deepEqual(statuses(await oneAfterTheOther(t, server, dev.id, [sharing, removing])), [204, 204]);
  assert.deepEqual(await stored(), { users: {}, groups: {} });
  await server.send("POST", path, { as: server.admin });
  await shared({ [member.id]: "use" });
  assert.deepEqual(statuses(await oneAfterTheOther(t, server, dev.id, [removing, sharing])), [204, 400]);
  assert.deepEqual(await stored(), { users: {}, groups: {} });
});

test("a workspace is not shared with a group that is just being deleted, whoever comes first", async (t) => {
  const { server, dev, share, shared, stored } = await givenDev(t);
  for (const first of ["sharing", "deleting"]) {
    const crew = await givenGroup(server, server.defaultOrganizationId, [], first);
    const sharing = () => share({ group_roles: { [crew]: "admin" } });
    const deleting = () => server.send("DELETE", `/api/v2/groups/${crew}`, { as: server.admin });
    if (first === "deleting") await shared({}, { [crew]: "use" });
    const requests = first === "sharing" ? ([sharing, deleting] as const) : ([deleting, sharing] as const);
    const answers = await oneAfterTheOther(t, server, dev.id, requests);
    assert.deepEqual(statuses(answers), first === "sharing" ? [204, 204] : [204, 400]);
    assert.deepEqual(await stored(), { users: {}, groups: {} });
  }
});

test("who has just lost the right to share a workspace does not share it any more", async (t) => {
  const { server, dev, share, shared, unshare, stored } = await givenDev(t);
  const [admin, friend] = [await givenUser(server), await givenUser(server)];
  await shared({ [admin.id]: "admin" });
  const requests = [() => unshare(), () => share({ user_roles: { [friend.id]: "use" } }, admin)] as const;
  assert.deepEqual(statuses(await oneAfterTheOther(t, server, dev.id, requests)), [204, 404]);
  assert.deepEqual(await stored(), { users: {}, groups: {} });
});

test("whatever happens at once to who has what shared with them, nobody waits for ever and no trace is left", async (t) => {
  const { server, template, dev } = await givenDev(t);
  const { admin, alice, defaultOrganizationId } = server;
  const other = await givenWorkspace(server, { ownerId: alice.id, name: "other", template });
  for (let round = 0; round < ROUNDS; round += 1) {
    await switchSharing(server, false);
    const [one, two] = [await givenUser(server), await givenUser(server)];
    const crew = await givenGroup(server, defaultOrganizationId, [one, two], `crew-${round}`);
    const share = (id: string) => () =>
      server.send("PATCH", `/api/v2/workspaces/${id}/acl`, {
        as: alice,
        json: { user_roles: { [one.id]: "use", [two.id]: "admin" }, group_roles: { [crew]: "use" } },
      });
    for (const id of [dev.id, other.id]) assert.equal((await share(id)()).statusCode, 204);
    const remove = (id: string) => () =>
      server.send("DELETE", `/api/v2/organizations/default/members/${id}`, { as: admin });
    const requests = [
      share(other.id),
      remove(one.id),
      () => server.send("DELETE", `/api/v2/groups/${crew}`, { as: admin }),
      share(dev.id),
      remove(two.id),
      ...(round % 2 === 0 ? [() => switchSharing(server, true)] : []),
    ];
    const turned = [...requests.slice(round % requests.length), ...requests.slice(0, round % requests.length)];
    const answers = await Promise.all(turned.map((send) => send()));
    for (const { statusCode, body } of answers) assert.ok([200, 204, 400, 403].includes(statusCode), body);
    for (const { id } of [dev, other]) {
      assert.deepEqual(await storedLists(server, id), { users: {}, groups: {} }, `round ${round}`);
    }
  }
});
