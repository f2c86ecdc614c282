import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { newEntries } from "./effects.ts";
import { givenUser } from "./server.ts";
import { givenDev, givenGroup, storedLists } from "./sharing.ts";
import { givenPrebuild } from "./world.ts";

describe("sharing a workspace", () => {
  it("is with users, groups and Everyone, in the role of each, and is written down", async (t) => {
    const { server, share, acl, unshare } = await givenDev(t);
    const { defaultOrganizationId: everyone } = server;
    const [one, two] = [await givenUser(server), await givenUser(server)];
    const crew = await givenGroup(server, everyone);
    await newEntries(server);
    const given = await share({
      user_roles: { [one.id.toUpperCase()]: "use", [two.id]: "admin" },
      group_roles: { [crew]: "use", [everyone]: "use" },
    });
    assert.deepEqual([given.statusCode, given.body], [204, ""]);
    const user = ({ id, username }: typeof one, role: string) => ({ id, username, name: "", avatar_url: "", role });
    const group = (id: string, name: string, display_name: string, role: string) => {
      return { id, name, display_name, organization_id: everyone, avatar_url: "", role };
    };
    const byName = [user(one, "use"), user(two, "admin")].sort((a, b) => (a.username < b.username ? -1 : 1));
    assert.deepEqual((await acl()).json(), {
      users: byName,
      groups: [group(crew, "crew", "The crew", "use"), group(everyone, "Everyone", "", "use")],
    });

    const changed = await share({ user_roles: { [one.id]: "", [two.id]: "use" }, group_roles: { [crew]: "" } });
    assert.equal(changed.statusCode, 204);
    const left = { users: [user(two, "use")], groups: [group(everyone, "Everyone", "", "use")] };
    assert.deepEqual((await acl()).json(), left);
    const none = await unshare();
    assert.deepEqual([none.statusCode, none.body], [204, ""]);
    assert.deepEqual((await acl()).json(), { users: [], groups: [] });

    const inOrder = (roles: Record<string, string>) => Object.fromEntries(Object.entries(roles).sort());
    const before = { user_acl: {}, group_acl: {} };
    const first = {
      user_acl: inOrder({ [one.id]: "use", [two.id]: "admin" }),
      group_acl: inOrder({ [crew]: "use", [everyone]: "use" }),
    };
    const second = { user_acl: { [two.id]: "use" }, group_acl: { [everyone]: "use" } };
    const entry = (old: typeof before, now: typeof before) => ({
      ...{ by: "alice", action: "write", type: "workspace", target: "alice/dev" },
      diff: {
        user_acl: { old: old.user_acl, new: now.user_acl },
        group_acl: { old: old.group_acl, new: now.group_acl },
      },
    });
    assert.deepEqual(await newEntries(server), [entry(before, first), entry(first, second), entry(second, before)]);
  });

  it("writes nothing when it is shared so already", async (t) => {
    const { server, dev, share, unshare } = await givenDev(t);
    const member = await givenUser(server);
    const updatedAt = async () =>
      (await server.pool.query("select updated_at from workspaces where id = $1", [dev.id])).rows;
    for (const ask of [unshare, () => share({}), () => share({ user_roles: { [member.id]: "" } })]) {
      const before = await updatedAt();
      await newEntries(server);
      assert.equal((await ask()).statusCode, 204);
      assert.deepEqual([await updatedAt(), await newEntries(server)], [before, []]);
    }
  });

  it("refuses everybody who is no member of its organization, and names each, and shares with nobody then", async (t) => {
    const { server, share, stored } = await givenDev(t);
    const gone = await givenUser(server);
    await server.pool.query("update users set deleted = true where id = $1", [gone.id]);
    const others = [server.bob.id, server.nobody.id, gone.id, randomUUID(), PREBUILDS_SYSTEM_USER_ID];
    const member = await givenUser(server);
    const foreign = await givenGroup(server, server.otherOrganizationId);
    const groups = [foreign, server.otherOrganizationId, randomUUID()];
    const answer = await share({
      user_roles: Object.fromEntries([...others, server.alice.id, member.id].map((id) => [id, "use"])),
      group_roles: Object.fromEntries([...groups, server.defaultOrganizationId].map((id) => [id, "use"])),
    });
    assert.equal(answer.statusCode, 400);
    const owner = {
      field: `user_roles.${server.alice.id}`,
      detail: "is the workspace's owner, who may do everything with it",
    };
    const byField = (one: { field: string }, other: { field: string }) => (one.field < other.field ? -1 : 1);
    assert.deepEqual(
      answer.json().validations.sort(byField),
      [
        ...others.map((id) => ({ field: `user_roles.${id}`, detail: "is no member of the workspace's organization" })),
        owner,
        ...groups.map((id) => ({ field: `group_roles.${id}`, detail: "is no group of the workspace's organization" })),
      ].sort(byField),
    );
    assert.deepEqual(await stored(), { users: {}, groups: {} });
  });

  it("refuses what makes no sense", async (t) => {
    const { server, share, stored } = await givenDev(t);
    const { id } = await givenUser(server);
    for (const [json, field] of [
      [{ user_roles: { alice: "use" } }, "user_roles.alice"],
      [{ user_roles: { [id]: "owner" } }, `user_roles.${id}`],
      [{ user_roles: { [id]: null } }, `user_roles.${id}`],
      [{ group_roles: { [id]: ["use"] } }, `group_roles.${id}`],
      [{ user_roles: [id] }, "user_roles"],
      [{ group_roles: "use" }, "group_roles"],
      [{ users: { [id]: "use" } }, "users"],
      [{ user_roles: Object.fromEntries(Array.from({ length: 501 }, () => [randomUUID(), ""])) }, "user_roles"],
    ] as const) {
      const answer = await share(json);
      assert.equal(answer.statusCode, 400, answer.body.slice(0, 200));
      assert.deepEqual(
        answer.json().validations.map((one: { field: string }) => one.field),
        [field],
      );
    }
    const [alice] = (await share({ user_roles: { alice: "use" } })).json().validations;
    assert.equal(alice.detail, "is not the id of a user");
    assert.deepEqual(await stored(), { users: {}, groups: {} });
  });

  it("is with at most 500 users, whoever comes one by one", async (t) => {
    const { server, dev, share } = await givenDev(t);
    const { id } = await givenUser(server);
    const full = Object.fromEntries(Array.from({ length: 500 }, () => [randomUUID(), "use"]));
    await server.pool.query("update workspaces set user_acl = $2 where id = $1", [dev.id, full]);
    const answer = await share({ user_roles: { [id]: "use" } });
    assert.equal(answer.statusCode, 400);
    assert.match(answer.json().validations[0].detail, /at most 500 users/);
    const exchanged = await share({ user_roles: { [Object.keys(full)[0] ?? ""]: "", [id]: "use" } });
    assert.equal(exchanged.statusCode, 204, exchanged.body);
  });

  it("shows only those who are still there", async (t) => {
    const { server, shared, acl } = await givenDev(t);
    const [one, two] = [await givenUser(server), await givenUser(server)];
    await shared({ [one.id]: "use", [two.id]: "use" });
    await server.pool.query("update users set deleted = true where id = $1", [one.id]);
    assert.deepEqual(
      (await acl()).json().users.map(({ id }: { id: string }) => id),
      [two.id],
    );
  });
});

describe("the right to share a workspace", () => {
  it("is the owner's, the administrators' and that of those who have it shared with them as admin", async (t) => {
    const { server, shared, share, unshare, acl } = await givenDev(t);
    const [user, admin] = [await givenUser(server), await givenUser(server)];
    await shared({ [user.id]: "use", [admin.id]: "admin" });
    const orgAdmin = await givenUser(server, { roles: ["organization-admin"] });
    const reader = await givenUser(server, { roles: ["organization-template-admin"] });
    for (const as of [server.alice, server.admin, orgAdmin, admin]) {
      assert.equal((await share({ user_roles: { [user.id]: "use" } }, as)).statusCode, 204);
    }
    for (const as of [user, reader]) {
      assert.equal((await acl(as)).statusCode, 200);
      for (const answer of [await share({ user_roles: { [as.id]: "admin" } }, as), await unshare(as)]) {
        assert.equal(answer.statusCode, 403);
        assert.match(answer.json().message, /it needs the right workspace:share/);
      }
    }
    const other = await givenUser(server);
    for (const as of [other, server.bob, server.nobody]) {
      for (const answer of [await acl(as), await share({ user_roles: { [as.id]: "admin" } }, as), await unshare(as)]) {
        assert.equal(answer.statusCode, 404);
      }
    }
    assert.equal((await unshare(admin)).statusCode, 204, "they can end it for all, themselves among them");
    assert.equal((await acl(admin)).statusCode, 404);
  });

  it("ends where the token's does", async (t) => {
    const { server, share, acl } = await givenDev(t);
    const limited = async (scopes: readonly string[]) =>
      givenUser(server, { roles: ["organization-admin"], scopes: [...scopes, "organization:read"] });
    const reader = await limited(["workspace:read"]);
    assert.deepEqual([(await acl(reader)).statusCode, (await share({}, reader)).statusCode], [200, 403]);
    const sharer = await limited(["workspace:read", "workspace:share"]);
    assert.equal((await share({}, sharer)).statusCode, 204);
  });

  it("is nobody's on a workspace that is dormant or deleted", async (t) => {
    const { server, dev, share, unshare, acl } = await givenDev(t);
    await server.pool.query("update workspaces set dormant_at = now() where id = $1", [dev.id]);
    for (const as of [server.alice, server.admin]) {
      assert.deepEqual([(await share({}, as)).statusCode, (await unshare(as)).statusCode], [403, 403]);
    }
    assert.equal((await acl()).statusCode, 200);
    await server.pool.query("update workspaces set dormant_at = null, deleted = true where id = $1", [dev.id]);
    for (const answer of [await share({}), await unshare(), await acl()]) assert.equal(answer.statusCode, 404);
  });
});

describe("a prebuild", () => {
  it("is shared with nobody, by the API or in SQL", async (t) => {
    const { server, template } = await givenDev(t);
    const prebuild = await givenPrebuild(server, template);
    const path = `/api/v2/workspaces/${prebuild.id}/acl`;
    const json = { user_roles: { [server.alice.id]: "use" } };
    for (const answer of [
      await server.send("PATCH", path, { as: server.admin, json }),
      await server.send("DELETE", path, { as: server.admin }),
    ]) {
      assert.equal(answer.statusCode, 409);
      assert.match(answer.json().message, /claim it first/);
    }
    for (const column of ["user_acl", "group_acl"]) {
      const statement = `update workspaces set ${column} = $2 where id = $1`;
      await assert.rejects(server.pool.query(statement, [prebuild.id, { [server.alice.id]: "use" }]), {
        constraint: "workspaces_prebuilds_not_shared",
      });
    }
  });

  it("is a workspace that is shared with nobody when it has been claimed, and can be shared then", async (t) => {
    const { server, template } = await givenDev(t);
    const prebuild = await givenPrebuild(server, template);
    const answer = await server.send("POST", "/api/v2/organizations/default/members/me/workspaces", {
      as: server.alice,
      json: { name: "claimed", template_id: template.id, template_version_preset_id: template.smallId },
    });
    assert.deepEqual([answer.json().id, answer.json().claimed], [prebuild.id, true]);
    assert.deepEqual(await storedLists(server, prebuild.id), { users: {}, groups: {} });
    const path = `/api/v2/workspaces/${prebuild.id}/acl`;
    const json = { group_roles: { [server.defaultOrganizationId]: "use" } };
    assert.equal((await server.send("PATCH", path, { as: server.alice, json })).statusCode, 204);
    const back = server.pool.query("update workspaces set owner_id = $2 where id = $1", [
      prebuild.id,
      PREBUILDS_SYSTEM_USER_ID,
    ]);
    await assert.rejects(back, { constraint: "workspaces_prebuilds_not_shared" });
  });
});
