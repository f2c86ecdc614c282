import assert from "node:assert/strict";
import { it } from "node:test";
import { startApi, writeApplyFile } from "./api.ts";
import { prebuildd } from "./command.ts";

type Api = Awaited<ReturnType<typeof startApi>>;

/** Runs a command as the site owner that must succeed, and returns what it prints. */
async function print(api: Api, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await api.as(api.admin, ...args);
  assert.deepEqual([code, stderr], [0, ""], args.join(" "));
  return stdout;
}

const json = async (api: Api, ...args: string[]) => JSON.parse(await print(api, ...args, "--json"));

it("roles makes, lists, shows, changes and deletes roles, and members gives them", async (t) => {
  const api = await startApi(t);
  const grants = ["--permission", "workspace:read", "--permission", "template:read"];
  const made = await print(api, "roles", "create", "Reader", "--display-name", "The Reader", ...grants);
  assert.equal(made, "made role reader, which grants 2 permissions\n");
  const list = (await print(api, "roles", "list")).trimEnd().split("\n");
  assert.match(list[0] ?? "", /^ROLE +SHOWN AS +BUILT IN +GRANTS +YOU MAY GIVE IT$/);
  assert.match(list[1] ?? "", /^organization-admin +Organization Admin +yes +\d+ permissions +yes$/);
  assert.match(list.at(-1) ?? "", /^reader +The Reader +no +2 permissions +yes$/);
  assert.deepEqual((await print(api, "roles", "show", "READER")).trimEnd().split("\n"), [
    "role:                reader",
    "shown as:            The Reader",
    "built in:            no",
    "in the organization: workspace:read, template:read",
  ]);
  assert.match(await print(api, "roles", "show", "organization-auditor"), /^everywhere: +user:read$/m);

  assert.match(await print(api, "members", "roles"), /^reader +yes$/m);
  assert.equal(await print(api, "members", "roles", "alice", "--add", "Reader"), "alice: reader\n");
  assert.equal(await print(api, "members", "roles", "alice", "--remove", "READER"), "alice: no roles\n");
  assert.equal(await print(api, "members", "roles", "alice", "--add", "reader"), "alice: reader\n");
  const changed = await print(api, "roles", "update", "reader", "--permission", "workspace:read");
  assert.equal(changed, "role reader grants 1 permission\n");
  assert.equal((await json(api, "roles", "show", "reader")).display_name, "The Reader", "what is not given stays");
  const renamed = await json(api, "roles", "update", "reader", "--display-name", "");
  assert.deepEqual([renamed.display_name, renamed.organization_permissions.length], ["", 1]);
  const deleted = await json(api, "roles", "delete", "Reader");
  assert.deepEqual(deleted, { name: "reader", organization_id: api.defaultOrganizationId, deleted: true });
  assert.equal(await print(api, "members", "roles", "alice"), "alice: no roles\n");

  const other = ["--organization", "other"];
  const nothing = await json(api, "roles", "create", "nothing", ...other);
  assert.deepEqual(nothing.organization_permissions, []);
  assert.match(await print(api, "roles", "list", ...other), /^nothing +no +nothing +yes$/m);
  assert.equal(await print(api, "roles", "delete", "nothing", ...other), "deleted role nothing\n");
});

it("roles says why it did nothing", async (t) => {
  const api = await startApi(t);
  await print(api, "roles", "create", "reader");
  for (const [user, args, says] of [
    [api.admin, "create reader", /^error: there is a role "reader" in this organization already\n$/],
    [api.admin, "create owner", /^error: .*\n {2}name: is reserved: owner is a role of prebuildd's own; choose/],
    [api.admin, "create new --permission workspace:fly", /\n {2}organization_permissions\.0: workspace has no action/],
    [api.admin, "create new --permission user_secret:read", /^error: you cannot let others do .*: user_secret:read\n$/],
    [api.admin, "show organization-member", /^error: default has no role organization-member; see `roles list`\n$/],
    [api.admin, "update gone --display-name x", /^error: default has no role gone; see `roles list`\n$/],
    [
      api.admin,
      "delete organization-admin",
      /^error: the role organization-admin is built in and cannot be deleted\n$/,
    ],
    [api.admin, "update organization-admin --display-name x", /\n {2}name: is reserved: .*; it cannot be changed\n$/],
    [api.alice, "create new", /^error: you are not allowed to do this: it needs the right assign_org_role:create\n$/],
    [api.bob, "list", /^error: what you asked for does not exist, or you may not see it\n$/],
  ] as const) {
    const { code, stdout, stderr } = await api.as(user, "roles", ...args.split(" "));
    assert.deepEqual([code, stdout], [1, ""], args);
    assert.match(stderr, says);
  }
  for (const [args, says] of [
    [["update", "reader"], /^error: say what to change, with --display-name or --permission\n$/],
    [["create", "reader", "--permission", "workspace"], /It must be type:action, such as workspace:read\./],
  ] as const) {
    const { code, stderr } = await prebuildd(t, ["roles", ...args]);
    assert.equal(code, 2);
    assert.match(stderr, says);
  }
});

it("an apply file gives roles that people have made, and one that there is not is placed at its line", async (t) => {
  const api = await startApi(t);
  const membership = "    organizations: [{ name: default, roles: [reader] }]\n";
  const file = await writeApplyFile(t, (yaml) => yaml.replace("templates:\n", `${membership}templates:\n`));
  const refused = await api.as(api.admin, "apply", "-f", file);
  assert.equal(refused.code, 1);
  const place = `${file}:4:46: users[0].organizations[0].roles[0]: there is no such role; there are `;
  assert.ok(refused.stderr.includes(place), refused.stderr);
  await print(api, "roles", "create", "reader");
  assert.match(await print(api, "apply", "-f", file), /^updated member alice in default \(roles\)$/m);
  assert.equal(await print(api, "members", "roles", "alice"), "alice: reader\n");
});
