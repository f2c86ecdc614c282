import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newEntries } from "./effects.ts";
import { givenUser, startTestServer, type TestServer, type TestUser } from "./server.ts";
import { givenDev, givenGroup, storedLists, switchSharing } from "./sharing.ts";
import { givenWorkspace } from "./world.ts";

const PATH = "/api/v2/organizations/default/settings/workspace-sharing";
const ON = { sharing_globally_disabled: false, sharing_disabled: false, shareable_workspace_owners: "everyone" };
const OFF = { sharing_globally_disabled: false, sharing_disabled: true, shareable_workspace_owners: "none" };

const read = (server: TestServer, as: TestUser) => server.send("GET", PATH, { as });

/** Whether what all members may do in the organization keeps them from sharing. */
async function roleDenies({ pool, defaultOrganizationId }: TestServer): Promise<boolean> {
  const { rows } = await pool.query<{ denies: boolean }>(
    `select org_permissions @> '[{"negate": true, "resource_type": "workspace", "action": "share"}]' as denies
      from custom_roles where organization_id = $1 and is_system`,
    [defaultOrganizationId],
  );
  assert.equal(rows.length, 1);
  return rows[0]?.denies === true;
}

describe("the switch of an organization", () => {
  it("SHR-01, SHR-02: is seen by every member, and moved by those alone who may change the organization", async (t) => {
    const server = await startTestServer(t);
    for (const as of [server.alice, server.admin]) {
      const answer = await read(server, as);
      assert.deepEqual([answer.statusCode, answer.json()], [200, ON]);
    }
    const refused = await switchSharing(server, true, server.alice);
    assert.deepEqual([refused.statusCode, (await read(server, server.alice)).json()], [403, ON]);
    for (const as of [server.bob, server.nobody]) {
      assert.equal((await read(server, as)).statusCode, 404);
      assert.equal((await switchSharing(server, true, as)).statusCode, 404);
    }
    const admin = await givenUser(server, { roles: ["organization-admin"] });
    const moved = await switchSharing(server, true, admin);
    assert.deepEqual([moved.statusCode, moved.json()], [200, OFF]);
    assert.deepEqual((await read(server, server.alice)).json(), OFF);
  });

  it("SHR-03: empties all lists of the organization and takes its members' right when it is turned off", async (t) => {
    const { server, dev, template, shared } = await givenDev(t);
    const crew = await givenGroup(server, server.defaultOrganizationId);
    const member = await givenUser(server);
    await shared({ [member.id]: "use" }, { [crew]: "admin", [server.defaultOrganizationId]: "use" });
    const second = await givenWorkspace(server, { ownerId: member.id, name: "two", template });
    const elsewhere = await givenWorkspace(server, { ownerId: server.bob.id, name: "three", template });
    await server.pool.query("update workspaces set organization_id = $2 where id = $1", [
      elsewhere.id,
      server.otherOrganizationId,
    ]);
    await server.pool.query("update workspaces set user_acl = $1 where id <> $2", [{ [member.id]: "use" }, dev.id]);
    await newEntries(server);
    assert.equal(await roleDenies(server), false);
    assert.equal((await switchSharing(server, true)).statusCode, 200);
    assert.equal(await roleDenies(server), true);
    for (const { id } of [dev, second]) {
      assert.deepEqual(await storedLists(server, id), { users: {}, groups: {} });
    }
    assert.deepEqual(
      (await storedLists(server, elsewhere.id)).users,
      { [member.id]: "use" },
      "of another organization",
    );
    const entry = { by: "admin", action: "write", type: "organization", target: "default" };
    assert.deepEqual(await newEntries(server), [
      {
        ...entry,
        diff: { workspace_sharing_disabled: { old: false, new: true }, shared_workspaces: { old: 2, new: 0 } },
      },
    ]);
    await switchSharing(server, false);
    assert.deepEqual(await newEntries(server), [
      { ...entry, diff: { workspace_sharing_disabled: { old: true, new: false } } },
    ]);
  });

  it("SHR-04, SHR-05: while it is off nobody shares, the site owner neither, and lists are empty", async (t) => {
    const { server, share, unshare, acl, shared, stored } = await givenDev(t);
    const member = await givenUser(server);
    const orgAdmin = await givenUser(server, { roles: ["organization-admin"] });
    await shared({ [member.id]: "use" });
    await switchSharing(server, true);
    for (const as of [server.admin, orgAdmin, server.alice]) {
      for (const answer of [await share({ user_roles: { [member.id]: "use" } }, as), await unshare(as)]) {
        assert.equal(answer.statusCode, 403);
        assert.match(answer.json().message, /^sharing is disabled in this organization/);
      }
      const listed = await acl(as);
      assert.deepEqual([listed.statusCode, listed.json()], [200, { users: [], groups: [] }]);
    }
    assert.deepEqual(await stored(), { users: {}, groups: {} });
    for (const answer of [await acl(member), await share({}, member), await unshare(server.bob)]) {
      assert.equal(answer.statusCode, 404, "who does not see the workspace learns nothing");
    }
  });

  it("SHR-06: brings nothing back when it is turned on again, and then workspaces can be shared anew", async (t) => {
    const { server, acl, shared } = await givenDev(t);
    const member = await givenUser(server);
    await shared({ [member.id]: "use" });
    await switchSharing(server, true);
    const answer = await switchSharing(server, false);
    assert.deepEqual([answer.statusCode, answer.json()], [200, ON]);
    assert.equal(await roleDenies(server), false);
    assert.deepEqual((await acl()).json(), { users: [], groups: [] });
    await shared({ [member.id]: "admin" });
    assert.equal((await acl(member)).json().users.length, 1);
  });

  it("SHR-08: is not moved by what it does not know, says or contradicts", async (t) => {
    const server = await startTestServer(t);
    for (const json of [
      { shareable_workspace_owners: "service_accounts" },
      { shareable_workspace_owners: "some" },
      { shareable_workspace_owners: "" },
      { shareable_workspace_owners: "none", sharing_disabled: false },
      {},
    ]) {
      const answer = await server.send("PATCH", PATH, { as: server.admin, json });
      assert.equal(answer.statusCode, 400, JSON.stringify(json));
      assert.equal(answer.json().validations[0].field, "shareable_workspace_owners");
    }
    const answer = await server.send("PATCH", PATH, { as: server.admin, json: { shareable_workspace_owners: "each" } });
    assert.match(answer.json().validations[0].detail, /none or everyone/);
    for (const json of [{ sharing_disabled: "yes" }, { sharing_disabled: true, more: 1 }, null]) {
      assert.equal((await server.send("PATCH", PATH, { as: server.admin, json })).statusCode, 400);
    }
    assert.deepEqual((await read(server, server.admin)).json(), ON);
  });

  it("SHR-11: stays as it is, and so do role and lists, when any part of moving it fails", async (t) => {
    const { server, shared, stored } = await givenDev(t);
    const member = await givenUser(server);
    await shared({ [member.id]: "use" });
    await server.pool.query(`create function fail() returns trigger language plpgsql as
      $$ begin raise exception 'no room left'; end $$`);
    for (const what of [
      "update on organizations",
      "update on custom_roles",
      "update on workspaces",
      "insert on audit_logs",
    ]) {
      await newEntries(server);
      const table = what.split(" ").at(-1);
      await server.pool.query(`create trigger fail before ${what} for each row execute function fail()`);
      const answer = await switchSharing(server, true);
      assert.equal(answer.statusCode, 500, `${what}: ${answer.body}`);
      assert.ok(!answer.body.includes("no room"));
      await server.pool.query(`drop trigger fail on ${table}`);
      assert.deepEqual((await read(server, server.admin)).json(), ON, what);
      assert.equal(await roleDenies(server), false, what);
      assert.deepEqual((await stored()).users, { [member.id]: "use" }, what);
      assert.deepEqual(await newEntries(server), [], what);
    }
  });

  it("writes nothing when it stands already where it is wanted", async (t) => {
    const server = await startTestServer(t);
    const rows = async () => (await server.pool.query("select xmin, * from organizations order by id")).rows;
    for (const disabled of [false, true]) {
      await switchSharing(server, disabled);
      await newEntries(server);
      const before = await rows();
      assert.equal((await switchSharing(server, disabled)).statusCode, 200);
      assert.deepEqual([await rows(), await newEntries(server)], [before, []]);
    }
  });

  it("hides members from one another, and groups from those who are not in them, while it is off", async (t) => {
    const server = await startTestServer(t);
    const member = await givenUser(server);
    await givenGroup(server, server.defaultOrganizationId, [server.alice], "hers");
    await givenGroup(server, server.defaultOrganizationId, [member], "theirs");
    const seen = async (what: string) => {
      // What is remembered of a token is believed for three seconds.
      server.advance(3_001);
      const answer = await server.send("GET", `/api/v2/organizations/default/${what}`, { as: server.alice });
      assert.equal(answer.statusCode, 200, answer.body);
      return answer.json().map(({ username, name }: { username?: string; name: string }) => username ?? name);
    };
    const others = async () => {
      const path = `/api/v2/organizations/default/members/${member.id}`;
      return (await server.send("GET", path, { as: server.alice })).statusCode;
    };
    assert.deepEqual(await seen("members"), ["admin", "alice", member.username]);
    assert.deepEqual(await seen("groups"), ["Everyone", "hers", "theirs"]);
    assert.equal(await others(), 200);
    await switchSharing(server, true);
    assert.deepEqual(await seen("members"), ["alice"]);
    assert.deepEqual(await seen("groups"), ["Everyone", "hers"]);
    assert.equal(await others(), 404);
    await switchSharing(server, false);
    assert.deepEqual(await seen("groups"), ["Everyone", "hers", "theirs"]);
  });
});

describe("the switch of the whole deployment", () => {
  it("SHR-07: says that sharing is off everywhere, whatever organizations have stored", async (t) => {
    const server = await startTestServer(t, { workspaceSharingDisabled: true });
    const off = { ...OFF, sharing_globally_disabled: true };
    assert.deepEqual((await read(server, server.alice)).json(), off);
    for (const disabled of [true, false]) {
      const answer = await switchSharing(server, disabled);
      assert.deepEqual([answer.statusCode, answer.json()], [200, off]);
      const { rows } = await server.pool.query(
        "select workspace_sharing_disabled as is from organizations where is_default",
      );
      assert.deepEqual(rows, [{ is: disabled }], "what holds when the deployment allows it again");
    }
  });

  it("keeps everybody from sharing, and makes nothing of what has been shared before", async (t) => {
    const { server, dev, share, unshare, acl } = await givenDev(t, { workspaceSharingDisabled: true });
    const member = await givenUser(server);
    const crew = await givenGroup(server, server.defaultOrganizationId, [member]);
    await server.pool.query("update workspaces set user_acl = $2, group_acl = $3 where id = $1", [
      dev.id,
      { [member.id]: "admin" },
      { [crew]: "admin", [server.defaultOrganizationId]: "admin" },
    ]);
    const seen = await server.send("GET", `/api/v2/workspaces/${dev.id}`, { as: member });
    const listed = await server.send("GET", "/api/v2/workspaces", { as: member });
    assert.deepEqual([seen.statusCode, listed.statusCode, listed.json().count], [404, 200, 0]);
    for (const as of [server.admin, server.alice]) {
      for (const answer of [await share({ user_roles: { [member.id]: "use" } }, as), await unshare(as)]) {
        assert.equal(answer.statusCode, 403);
        assert.match(answer.json().message, /^sharing is disabled in this deployment/);
      }
      assert.deepEqual((await acl(as)).json(), { users: [], groups: [] });
    }
    for (const answer of [await acl(member), await share({}, member)]) assert.equal(answer.statusCode, 404);
  });
});
