import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import type { MemberView } from "../organizations/member-view.ts";
import type { AssignableRoleView } from "../organizations/role-view.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { readAll } from "./pages.ts";
import { repeated } from "./repeated.ts";
import { formatTable } from "./table.ts";
import { instantText, oneLine } from "./words.ts";

const WHICH = "an id, a username, an e-mail address, or `me`";

type Options = { readonly organization: string; readonly json?: boolean };

/** Adds `members list|add|remove|roles`. */
export function addMembersCommand(program: Command, io: Io): void {
  const members = program
    .command("members")
    .description("list, add and remove the members of an organization, and give them roles");
  addList(members, io);
  addChanges(members, io);
  addRoles(members, io);
}

function addList(members: Command, io: Io): void {
  members
    .command("list")
    .description("list the members of an organization that you may see")
    .option("--organization <organization>", "whose members", "default")
    .option("--search <text>", "only those with this in their username, name or e-mail address", "")
    .option("--include-system", "list system users, too")
    .option("--json", "print them as JSON")
    .action(async (options: Options & { readonly search: string; readonly includeSystem?: boolean }) => {
      const query = { q: options.search, include_system: String(options.includeSystem ?? false) };
      const found = await readAll<MemberView>(await openClient(io), pathOf(options), query);
      if (options.json) printJson(io, found);
      else printLines(io, found.length === 0 ? ["there are no such members"] : formatTable(HEADINGS, found.map(rowOf)));
    });
}

function addChanges(members: Command, io: Io): void {
  members
    .command("add")
    .description("make a user a member of an organization, without roles")
    .argument("<user>", WHICH)
    .option("--organization <organization>", "which one", "default")
    .option("--json", "print the member as JSON")
    .action(async (user: string, options: Options) => {
      const client = await openClient(io);
      const added = await client.send<MemberView>("POST", pathOf(options, user));
      if (options.json) printJson(io, added);
      else printLines(io, [`${added.username} is a member of ${options.organization}`]);
    });

  members
    .command("remove")
    .description("end somebody's membership of an organization, and of all its groups")
    .argument("<user>", WHICH)
    .option("--organization <organization>", "which one", "default")
    .option("--json", "print who was removed as JSON")
    .action(async (user: string, options: Options) => {
      const client = await openClient(io);
      const { user_id, username, organization_id } = await client.get<MemberView>(pathOf(options, user));
      await client.send<undefined>("DELETE", pathOf(options, user_id));
      if (options.json) printJson(io, { user_id, username, organization_id, removed: true });
      else printLines(io, [`${username} is no longer a member of ${options.organization}`]);
    });
}

type RoleOptions = Options & { readonly add?: readonly string[]; readonly remove?: readonly string[] };

function addRoles(members: Command, io: Io): void {
  members
    .command("roles")
    .description("show or change the roles of a member in an organization; without a user: which roles there are")
    .argument("[user]", WHICH)
    .option("--organization <organization>", "which one", "default")
    .option("--add <role>", "a role to give; may be given more than once", repeated)
    .option("--remove <role>", "a role to take; may be given more than once", repeated)
    .option("--json", "print them as JSON")
    .action(async (user: string | undefined, options: RoleOptions) => {
      const { add = [], remove = [], json } = options;
      const changes = add.length + remove.length > 0;
      if (user === undefined && changes) throw new UsageError("error: --add and --remove need a user");
      const client = await openClient(io);
      if (user === undefined) {
        const roles = await client.get<AssignableRoleView[]>(pathOf(options, "roles"));
        if (json) printJson(io, roles);
        else printLines(io, formatTable(["ROLE", "YOU MAY GIVE IT"], roles.map(assignableRow)));
        return;
      }
      const before = await client.get<MemberView>(pathOf(options, user));
      const taken = new Set(remove.map((role) => role.toLowerCase()));
      const roles = [...namesOf(before), ...add].filter((role) => !taken.has(role.toLowerCase()));
      const path = `${pathOf(options, before.user_id)}/roles`;
      const member = changes ? await client.send<MemberView>("PUT", path, JSON.stringify({ roles })) : before;
      if (json) printJson(io, member.roles);
      else printLines(io, [`${member.username}: ${namesOf(member).join(", ") || "no roles"}`]);
    });
}

function pathOf({ organization }: Options, user?: string): string {
  const path = `/organizations/${encodeURIComponent(organization)}/members`;
  return user === undefined ? path : `${path}/${encodeURIComponent(user)}`;
}

const namesOf = ({ roles }: MemberView): string[] => roles.map(({ name }) => name);

const assignableRow = ({ name, assignable }: AssignableRoleView): string[] => [name, assignable ? "yes" : "no"];

const HEADINGS = ["USERNAME", "E-MAIL", "STATUS", "ROLES", "MEMBER SINCE", "ID"];

function rowOf(member: MemberView): string[] {
  const { username, email, status, created_at, user_id } = member;
  return [username, oneLine(email), status, namesOf(member).join(","), instantText(created_at), user_id];
}
