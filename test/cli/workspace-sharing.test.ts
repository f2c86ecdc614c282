import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { givenUser } from "../http/server.ts";
import { givenGroup } from "../http/sharing.ts";
import { givenTemplate, givenWorkspace } from "../http/world.ts";
import { startApi } from "./api.ts";

/** The API with a workspace of alice's, `dev`, a member of her organization and a group there, `crew`. */
async function given(t: TestContext) {
  const api = await startApi(t);
  const template = await givenTemplate(api);
  await givenWorkspace(api, { ownerId: api.alice.id, name: "dev", template });
  await givenGroup(api, api.defaultOrganizationId);
  const run = (...args: string[]) => api.as(api.alice, ...args);
  return { api, member: await givenUser(api), run };
}

const rows = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/).slice(0, 3).join(" "));

test("a workspace is shared with users and groups, shown, and shared no longer", async (t) => {
  const { api, member, run } = await given(t);
  assert.equal((await run("workspaces", "acl", "dev")).stdout, "alice/dev is shared with nobody\n");
  const { stdout, stderr } = await run("workspaces", "share", "dev", "--user", member.username, "--group", "Everyone");
  assert.deepEqual(
    [rows(stdout), stderr],
    [["SHARED WITH NAME ROLE", `user ${member.username} use`, "group Everyone use"], ""],
  );
  const asAdmin = await run("workspaces", "share", "dev", "--group", "crew", "--role", "admin", "--json");
  assert.deepEqual(
    JSON.parse(asAdmin.stdout).groups.map(({ name, role }: { name: string; role: string }) => [name, role]),
    [
      ["crew", "admin"],
      ["Everyone", "use"],
    ],
  );
  assert.match((await api.as(member, "workspaces", "list")).stdout, /^alice\/dev /m);
  assert.equal((await api.as(member, "workspaces", "stop", "alice/dev")).code, 0);
  const { id } = member;
  const left = await run("workspaces", "unshare", "alice/dev", "--user", id, "--group", "CREW");
  assert.deepEqual(rows(left.stdout), ["SHARED WITH NAME ROLE", "group Everyone use"]);
  const again = await run("workspaces", "unshare", "dev", "--user", member.username);
  const what = `error: alice/dev is not shared with ${member.username}; see \`workspaces acl\`\n`;
  assert.deepEqual([again.code, again.stderr], [1, what]);
});

test("whom a workspace cannot be shared with is said by name", async (t) => {
  const { run } = await given(t);
  for (const [args, code, says] of [
    [["--user", "bob"], 1, /^error: bob is no member of default, or you may not see that/],
    [["--group", "others"], 1, /^error: others is no group of default, or you may not see it/],
    [["--user", "alice"], 1, /is the workspace's owner/],
    [["--user", "bob", "--role", "owner"], 2, /Allowed choices are use, admin/],
    [[], 2, /say with whom/],
  ] as const) {
    const answer = await run("workspaces", "share", "dev", ...args);
    assert.deepEqual([answer.code, answer.stdout], [code, ""], args.join(" "));
    assert.match(answer.stderr, says);
  }
});

test("sharing again without a role leaves a role as it is, and with one changes it", async (t) => {
  const { api, member, run } = await given(t);
  const other = await givenUser(api);
  const share = async (...args: string[]) => {
    const acl = JSON.parse((await run("workspaces", "share", "dev", ...args, "--json")).stdout);
    const roles = (list: { id: string; role: string }[]) => list.map(({ id, role }) => [id, role]);
    return Object.fromEntries([...roles(acl.users), ...roles(acl.groups)]);
  };
  const everyone = api.defaultOrganizationId;
  const named = ["--user", member.username, "--group", everyone.toUpperCase()];
  assert.deepEqual(await share(...named, "--role", "admin"), { [member.id]: "admin", [everyone]: "admin" });
  const kept = { [member.id]: "admin", [everyone]: "admin", [other.id]: "use" };
  assert.deepEqual(await share(...named, "--user", other.username), kept);
  assert.deepEqual(await share(...named, "--role", "use"), {
    [member.id]: "use",
    [everyone]: "use",
    [other.id]: "use",
  });
});

test("sharing is turned off and on in an organization by who may change it, and seen by all members", async (t) => {
  const { api, member, run } = await given(t);
  await run("workspaces", "share", "dev", "--user", member.username);
  const sharing = (...args: string[]) => api.as(api.admin, "organizations", "sharing", "default", ...args);
  assert.equal((await sharing()).stdout, "sharing in default is on\n");
  assert.equal((await sharing("off")).stdout, "sharing in default is off\n");
  const refused = await run("workspaces", "share", "dev", "--group", "Everyone");
  assert.deepEqual([refused.code, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /^error: sharing is disabled in this organization/);
  const unshared = await run("workspaces", "unshare", "dev", "--user", member.username);
  assert.deepEqual([unshared.code, unshared.stderr], [refused.code, refused.stderr]);
  const shown = JSON.parse((await run("organizations", "sharing", "default", "--json")).stdout);
  assert.deepEqual([shown.sharing_disabled, shown.shareable_workspace_owners], [true, "none"]);
  assert.equal((await sharing("on")).stdout, "sharing in default is on\n");
  assert.equal((await run("workspaces", "acl", "dev")).stdout, "alice/dev is shared with nobody\n");
  assert.equal((await run("organizations", "sharing", "default", "off")).code, 1);
  assert.equal((await sharing("perhaps")).code, 2);
});
