import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startApi } from "./api.ts";
import { prebuildd } from "./command.ts";

type Api = Awaited<ReturnType<typeof startApi>>;
const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;

/** Runs a command as the site owner that must succeed, and returns what it prints. */
async function print(api: Api, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await api.as(api.admin, ...args);
  assert.deepEqual([code, stderr], [0, ""], args.join(" "));
  return stdout;
}

const json = async (api: Api, ...args: string[]) => JSON.parse(await print(api, ...args, "--json"));

/** The lines of a description, with everything that differs from run to run taken out. */
const lines = (text: string): string[] => text.replaceAll(ID, "ID").replaceAll(INSTANT, "TIME").trimEnd().split("\n");

/** Checks that commands fail with exit code 1 and these words. */
async function refuses(api: Api, cases: readonly (readonly [user: { token: string }, args: string, says: RegExp])[]) {
  for (const [user, args, says] of cases) {
    const { code, stdout, stderr } = await api.as(user, ...args.split(" "));
    assert.deepEqual([code, stdout], [1, ""], args);
    assert.match(stderr, says);
  }
}

describe("organizations", () => {
  it("makes, lists, shows, changes and deletes organizations", async (t) => {
    const api = await startApi(t);
    const text = ["--display-name", "The Lab", "--description", "for\nexperiments"];
    const made = await print(api, "organizations", "create", "lab", ...text);
    assert.match(made, /^made organization lab \([0-9a-f-]{36}\)\n$/);
    assert.deepEqual(lines(await print(api, "organizations", "list")), [
      "ORGANIZATION  SHOWN AS  DEFAULT  CREATED               ID",
      "default                 yes      TIME  ID",
      "lab           The Lab   no       TIME  ID",
      "other                   no       TIME  ID",
    ]);
    assert.deepEqual(lines(await print(api, "organizations", "show", "LAB")), [
      "organization: lab",
      "id:           ID",
      "shown as:     The Lab",
      "description:  for experiments",
      "created:      TIME",
    ]);
    assert.equal(
      await print(api, "organizations", "edit", "lab", "--name", "labs", "--icon", "/x.png"),
      "organization labs is changed\n",
    );
    assert.equal(
      await print(api, "organizations", "edit", "labs", "--name", "labs"),
      "organization labs is that already\n",
    );
    const { id, icon, display_name } = await json(api, "organizations", "show", "labs");
    assert.deepEqual([icon, display_name], ["/x.png", "The Lab"]);
    assert.equal((await json(api, "organizations", "list")).length, 3);
    assert.deepEqual(await json(api, "organizations", "delete", "labs"), { id, name: "labs", deleted: true });
    assert.equal(await print(api, "organizations", "delete", "other"), "deleted organization other\n");
    assert.match(await print(api, "organizations", "show", "default"), /^organization: default \(the default one\)\n/);
  });

  it("says why it did nothing", async (t) => {
    const api = await startApi(t);
    await refuses(api, [
      [api.admin, "organizations create default", /^error: the name default is reserved\n {2}name: is reserved for /],
      [api.admin, "organizations create other", /^error: there is an organization "other" already\n$/],
      [api.admin, "organizations delete default", /^error: default is the default organization, which cannot be delet/],
      [api.alice, "organizations create lab", /^error: you are not allowed to do this: it needs the right organizatio/],
      [api.alice, "organizations show other", /^error: what you asked for does not exist, or you may not see it\n$/],
    ]);
    const nothing = await prebuildd(t, ["organizations", "edit", "default"]);
    assert.deepEqual([nothing.code, nothing.stderr.startsWith("say what to change, with --name, ")], [2, true]);
  });
});

describe("members", () => {
  it("adds, lists and removes members", async (t) => {
    const api = await startApi(t);
    assert.equal(await print(api, "members", "add", "bob"), "bob is a member of default\n");
    assert.deepEqual(lines(await print(api, "members", "list")), [
      "USERNAME  E-MAIL             STATUS  ROLES  MEMBER SINCE          ID",
      "admin     admin@localhost    active         TIME  ID",
      "alice     alice@example.com  active         TIME  ID",
      "bob       bob@example.com    active         TIME  ID",
    ]);
    const system = await json(api, "members", "list", "--include-system", "--search", "PREB");
    assert.deepEqual(
      system.map(({ username }: { username: string }) => username),
      ["prebuilds"],
    );
    assert.equal(await print(api, "members", "list", "--search", "zz"), "there are no such members\n");
    assert.equal(await print(api, "members", "remove", "bob"), "bob is no longer a member of default\n");
    const added = await json(api, "members", "add", "alice", "--organization", "other");
    assert.equal(added.organization_id, api.otherOrganizationId);
    const removed = await json(api, "members", "remove", "alice", "--organization", "other");
    assert.deepEqual(removed, {
      user_id: api.alice.id,
      username: "alice",
      organization_id: api.otherOrganizationId,
      removed: true,
    });
  });

  it("shows, gives and takes roles, and says which there are", async (t) => {
    const api = await startApi(t);
    assert.match(await print(api, "members", "roles"), /^ROLE +YOU MAY GIVE IT\norganization-admin +yes\n/);
    assert.equal((await json(api, "members", "roles"))[0].name, "organization-admin");
    const role = (flag: string, name: string) => [flag, `organization-${name}`];
    const add = [...role("--add", "auditor"), ...role("--add", "admin")];
    const both = "alice: organization-admin, organization-auditor\n";
    assert.equal(await print(api, "members", "roles", "alice", ...add), both);
    assert.equal(await print(api, "members", "roles", "alice"), both);
    const taken = await json(api, "members", "roles", "alice", ...role("--remove", "admin"));
    assert.deepEqual(taken, [{ name: "organization-auditor", organization_id: api.defaultOrganizationId }]);
    assert.equal(await print(api, "members", "roles", "admin"), "admin: no roles\n");
  });

  it("says why it did nothing", async (t) => {
    const api = await startApi(t);
    await refuses(api, [
      [api.admin, "members add alice", /^error: alice is a member of this organization already\n$/],
      [api.admin, "members remove prebuilds", /^error: what you asked for does not exist, or you may not see it\n$/],
      [api.admin, "members roles alice --add owner", /^error: .*\n {2}roles\.0: there is no such role; there are /],
      [api.alice, "members roles me --add organization-admin", /it needs the right assign_org_role:assign\n$/],
      [api.bob, "members list", /^error: what you asked for does not exist, or you may not see it\n$/],
    ]);
    const whose = await prebuildd(t, ["members", "roles", "--add", "organization-admin"]);
    assert.deepEqual([whose.code, whose.stderr], [2, "error: --add and --remove need a user\n"]);
  });
});

describe("groups", () => {
  it("makes, lists, shows, changes and deletes groups", async (t) => {
    const api = await startApi(t);
    const settings = ["--display-name", "The Crew", "--quota-allowance", "7"];
    const made = await print(api, "groups", "create", "crew", ...settings);
    assert.match(made, /^made group default\/crew \([0-9a-f-]{36}\)\n$/);
    const add = ["--add", "alice", "--add", "ADMIN@localhost", "--add", "prebuilds"];
    assert.equal(
      await print(api, "groups", "edit", "crew", ...add),
      "group default/crew is changed; members: 2\n",
      "the system user does not count",
    );
    assert.deepEqual(lines(await print(api, "groups", "list")), [
      "GROUP             SHOWN AS  MEMBERS  QUOTA ALLOWANCE  CREATED               ID",
      "default/crew      The Crew        2                7  TIME  ID",
      "default/Everyone                  2                0  TIME  ID",
    ]);
    assert.deepEqual(lines(await print(api, "groups", "show", "crew")), [
      "group:           default/crew",
      "id:              ID",
      "shown as:        The Crew",
      "quota allowance: 7",
      "members:         2",
      "among them:      admin, alice",
      "created:         TIME",
    ]);
    const { id, members } = await json(api, "groups", "show", "crew");
    assert.equal(members.length, 2);
    const edited = await json(
      api,
      "groups",
      "edit",
      id,
      "--remove",
      "alice",
      "--name",
      "team",
      "--quota-allowance",
      "0",
    );
    assert.deepEqual([edited.name, edited.quota_allowance, edited.total_member_count], ["team", 0, 1]);
    const again = await print(api, "groups", "edit", "team", "--remove", "alice");
    assert.equal(again, "group default/team is that already; members: 1\n");
    assert.deepEqual(await json(api, "groups", "delete", "team"), { id, name: "team", deleted: true });
    await print(api, "groups", "create", "others", "--organization", "other");
    assert.match(await print(api, "groups", "list", "--organization", "other"), /^other\/others +0 +0 /m);
    const gone = await print(api, "groups", "delete", "others", "--organization", "other");
    assert.equal(gone, "deleted group others\n");
  });

  it("says why it did nothing", async (t) => {
    const api = await startApi(t);
    await print(api, "groups", "create", "crew");
    await refuses(api, [
      [api.admin, "groups create crew", /^error: there is a group "crew" in this organization already\n$/],
      [api.admin, "groups delete Everyone", /^error: the group Everyone holds all members, and cannot be deleted\n$/],
      [
        api.admin,
        "groups edit crew --add bob",
        /^error: bob is no member of default, or you may not see that; see `mem/,
      ],
      [api.alice, "groups edit crew --name team", /^error: you are not allowed to do this: it needs the right group:u/],
      [api.bob, "groups show crew", /^error: what you asked for does not exist, or you may not see it\n$/],
    ]);
    for (const [args, says] of [
      [["groups", "edit", "crew"], /^say what to change, with --name, /],
      [["groups", "create", "x", "--quota-allowance", "-1"], /It must be a whole number from 0\./],
    ] as const) {
      const { code, stderr } = await prebuildd(t, args);
      assert.equal(code, 2);
      assert.match(stderr, says);
    }
  });
});
