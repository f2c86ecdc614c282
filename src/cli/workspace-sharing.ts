import { type Command, Option } from "commander";
import { ProblemError, UsageError } from "../errors.ts";
import type { GroupView } from "../organizations/group-view.ts";
import { isUuid } from "../uuid.ts";
import { SHARED_ROLES, type SharedRole } from "../workspaces/access.ts";
import type { AclView } from "../workspaces/acl.ts";
import type { WorkspaceView } from "../workspaces/schema.ts";
import { type Client, openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { memberId } from "./member-reference.ts";
import { repeated } from "./repeated.ts";
import { formatTable } from "./table.ts";
import { oneLine } from "./words.ts";
import { findWorkspace, titleOf, WHICH_WORKSPACE } from "./workspace-reference.ts";

type Options = { readonly json?: boolean };
type Named = { readonly user?: readonly string[]; readonly group?: readonly string[] };

/** Adds `workspaces acl|share|unshare`. */
export function addSharingCommands(workspaces: Command, io: Io): void {
  workspaces
    .command("acl")
    .description("show whom a workspace is shared with")
    .argument("<workspace>", WHICH_WORKSPACE)
    .option("--json", "print it as JSON")
    .action(async (reference: string, options: Options) => {
      const client = await openClient(io);
      const workspace = await findWorkspace(client, reference);
      print(io, workspace, await client.get<AclView>(pathOf(workspace)), options);
    });

  addNamed(workspaces.command("share"), "to share it with")
    .description("share a workspace with members and groups of its organization; others stay")
    .argument("<workspace>", WHICH_WORKSPACE)
    .addOption(
      new Option(
        "--role <role>",
        "to use it, or also to change it and share it; without it, who has a role keeps it and others get use",
      ).choices(SHARED_ROLES),
    )
    .option("--json", "print whom it is shared with then as JSON")
    .action(async (reference: string, options: Options & Named & { readonly role?: SharedRole }) => {
      demandNamed(options);
      const client = await openClient(io);
      const workspace = await findWorkspace(client, reference);
      const ids = {
        users: await Promise.all((options.user ?? []).map((user) => memberId(client, workspace, user))),
        groups: await Promise.all((options.group ?? []).map((group) => groupId(client, workspace, group))),
      };
      const roles = options.role ? given(ids, options.role) : given(await withoutRole(client, workspace, ids), "use");
      print(io, workspace, await change(client, workspace, roles), options);
    });

  addNamed(workspaces.command("unshare"), "to share it with no longer")
    .description("share a workspace no longer with users and groups; others stay")
    .argument("<workspace>", WHICH_WORKSPACE)
    .option("--json", "print whom it is still shared with as JSON")
    .action(async (reference: string, options: Options & Named) => {
      demandNamed(options);
      const client = await openClient(io);
      const workspace = await findWorkspace(client, reference);
      // Without a change, for the answer to who may not share at all: nobody may where sharing is disabled.
      const acl = await change(client, workspace, given({ users: [], groups: [] }, ""));
      const users = acl.users.map(({ id, username: name }) => ({ id, name }));
      const ids = {
        users: (options.user ?? []).map((user) => idAmong(users, user, workspace)),
        groups: (options.group ?? []).map((group) => idAmong(acl.groups, group, workspace)),
      };
      print(io, workspace, await change(client, workspace, given(ids, "")), options);
    });
}

function addNamed(command: Command, what: string): Command {
  return command
    .option("--user <user>", `a user ${what}; may be given more than once`, repeated)
    .option("--group <group>", `a group ${what}, by id or name; may be given more than once`, repeated);
}

function demandNamed({ user = [], group = [] }: Named): void {
  if (user.length + group.length === 0) throw new UsageError("error: say with whom, with --user or --group");
}

const pathOf = ({ id }: WorkspaceView): string => `/workspaces/${id}/acl`;

type Ids = { readonly users: readonly string[]; readonly groups: readonly string[] };
type Roles = Readonly<Record<string, SharedRole | "">>;
type Changes = { readonly user_roles: Roles; readonly group_roles: Roles };

/** The change that gives these the role, or takes it from them. */
function given({ users, groups }: Ids, role: SharedRole | ""): Changes {
  const roles = (ids: readonly string[]): Roles => Object.fromEntries(ids.map((id) => [id, role]));
  return { user_roles: roles(users), group_roles: roles(groups) };
}

/** Those of them who have no role yet. */
async function withoutRole(client: Client, workspace: WorkspaceView, { users, groups }: Ids): Promise<Ids> {
  const acl = await client.get<AclView>(pathOf(workspace));
  const among = (ids: readonly string[], list: readonly { readonly id: string }[]) =>
    ids.filter((id) => !list.some((one) => one.id === id.toLowerCase()));
  return { users: among(users, acl.users), groups: among(groups, acl.groups) };
}

/** Makes the change, and returns whom the workspace is shared with then. */
async function change(client: Client, workspace: WorkspaceView, changes: Changes): Promise<AclView> {
  await client.send<undefined>("PATCH", pathOf(workspace), JSON.stringify(changes));
  return client.get<AclView>(pathOf(workspace));
}

/** The id of somebody, or of a group, with whom a workspace is shared. */
function idAmong(
  list: readonly { readonly id: string; readonly name: string }[],
  wanted: string,
  workspace: WorkspaceView,
): string {
  const is = (text: string) => text.toLowerCase() === wanted.toLowerCase();
  const found = list.find(({ id, name }) => is(id) || is(name));
  if (found) return found.id;
  const what = `${titleOf(workspace)} is not shared with ${wanted}; see \`workspaces acl\``;
  throw new ProblemError("not_found", what);
}

async function groupId(client: Client, workspace: WorkspaceView, group: string): Promise<string> {
  if (isUuid(group)) return group;
  const path = `/organizations/${workspace.organization_id}/groups/${encodeURIComponent(group)}`;
  try {
    return (await client.get<GroupView>(path)).id;
  } catch (error) {
    if (!(error instanceof ProblemError && error.kind === "not_found")) throw error;
    const what = `${group} is no group of ${workspace.organization_name}, or you may not see it; see \`groups list\``;
    throw new ProblemError("not_found", what);
  }
}

function print(io: Io, workspace: WorkspaceView, acl: AclView, { json }: Options): void {
  if (json) {
    printJson(io, acl);
    return;
  }
  const rows = [
    ...acl.users.map(({ username, role, id }) => ["user", oneLine(username), role, id]),
    ...acl.groups.map(({ name, role, id }) => ["group", oneLine(name), role, id]),
  ];
  const nobody = [`${titleOf(workspace)} is shared with nobody`];
  printLines(io, rows.length === 0 ? nobody : formatTable(["SHARED WITH", "NAME", "ROLE", "ID"], rows));
}
