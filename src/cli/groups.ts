import { type Command, InvalidArgumentError } from "commander";
import { UsageError } from "../errors.ts";
import type { GroupMemberView, GroupView } from "../organizations/group-view.ts";
import { isUuid } from "../uuid.ts";
import { type Client, openClient } from "./client.ts";
import { groupsOf, titleOf } from "./group-reference.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { memberId } from "./member-reference.ts";
import { readAll } from "./pages.ts";
import { repeated } from "./repeated.ts";
import { formatTable } from "./table.ts";
import { instantText, oneLine } from "./words.ts";

const WHICH = "its id, or its name in the organization";
const MAX_SHOWN = 1_000;

type Options = { readonly organization: string; readonly json?: boolean };
type Settings = { readonly displayName?: string; readonly avatarUrl?: string; readonly quotaAllowance?: number };
type Edits = Settings & {
  readonly name?: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
};

/** Adds `groups list|show|create|edit|delete`. */
export function addGroupsCommand(program: Command, io: Io): void {
  const groups = program.command("groups").description("list, show, make, change and delete groups of members");
  addReading(groups, io);
  addCreate(groups, io);
  addEdit(groups, io);

  addWhere(groups.command("delete"))
    .description("delete a group; who was in it stays a member of the organization")
    .argument("<group>", WHICH)
    .option("--json", "print which one was deleted as JSON")
    .action(async (reference: string, options: Options) => {
      const client = await openClient(io);
      const { id, name } = await find(client, options, reference);
      await client.send<undefined>("DELETE", `/groups/${id}`);
      if (options.json) printJson(io, { id, name, deleted: true });
      else printLines(io, [`deleted group ${name}`]);
    });
}

const addWhere = (command: Command): Command =>
  command.option("--organization <organization>", "whose group", "default");

function addReading(groups: Command, io: Io): void {
  groups
    .command("list")
    .description("list the groups of an organization that you may see")
    .option("--organization <organization>", "whose groups", "default")
    .option("--json", "print them as JSON")
    .action(async (options: Options) => {
      const found = await readAll<GroupView>(await openClient(io), groupsOf(options.organization));
      if (options.json) printJson(io, found);
      else printLines(io, found.length === 0 ? ["there are no groups"] : formatTable(HEADINGS, found.map(rowOf)));
    });

  addWhere(groups.command("show"))
    .description("show one group, and those in it whom you may see")
    .argument("<group>", WHICH)
    .option("--json", "print it as JSON")
    .action(async (reference: string, options: Options) => {
      const client = await openClient(io);
      const group = await find(client, options, reference);
      const path = `/groups/${group.id}/members?limit=${MAX_SHOWN}`;
      const { users } = await client.get<{ readonly users: readonly GroupMemberView[] }>(path);
      if (options.json) printJson(io, { ...group, members: users });
      else printLines(io, describe(group, users));
    });
}

function addCreate(groups: Command, io: Io): void {
  addSettings(addWhere(groups.command("create")))
    .description("make a group; put members into it with `groups edit --add`")
    .argument("<name>", "letters and digits, with single hyphens between them")
    .option("--json", "print it as JSON")
    .action(async (name: string, options: Options & Settings) => {
      const client = await openClient(io);
      const body = JSON.stringify({ name, ...bodyOf(options) });
      const made = await client.send<GroupView>("POST", groupsOf(options.organization), body);
      if (options.json) printJson(io, made);
      else printLines(io, [`made group ${titleOf(made)} (${made.id})`]);
    });
}

function addEdit(groups: Command, io: Io): void {
  addSettings(addWhere(groups.command("edit")))
    .description("change a group and who is in it; what is not given stays as it is")
    .argument("<group>", WHICH)
    .option("--name <name>", "what to call it from now on")
    .option("--add <user>", "a member of the organization to put into it; may be given more than once", repeated)
    .option("--remove <user>", "a member to take out of it; may be given more than once", repeated)
    .option("--json", "print it as JSON")
    .action(async (reference: string, options: Options & Edits) => {
      const { name, add, remove } = options;
      if (JSON.stringify({ name, add, remove, ...bodyOf(options) }) === "{}") {
        const flags = "--name, --display-name, --avatar-url, --quota-allowance, --add or --remove";
        throw new UsageError(`say what to change, with ${flags}`);
      }
      const client = await openClient(io);
      const before = await find(client, options, reference);
      const body = {
        name,
        ...bodyOf(options),
        add_users: await idsOf(client, before, add),
        remove_users: await idsOf(client, before, remove),
      };
      const after = await client.send<GroupView>("PATCH", `/groups/${before.id}`, JSON.stringify(body));
      const changed = after.updated_at === before.updated_at ? "is that already" : "is changed";
      if (options.json) printJson(io, after);
      else printLines(io, [`group ${titleOf(after)} ${changed}; members: ${after.total_member_count}`]);
    });
}

function addSettings(command: Command): Command {
  return command
    .option("--display-name <text>", "what to show instead of its name")
    .option("--avatar-url <url>", "a picture")
    .option("--quota-allowance <count>", "what its members' workspaces may cost together, from 0", count);
}

function bodyOf({ displayName, avatarUrl, quotaAllowance }: Settings) {
  return { display_name: displayName, avatar_url: avatarUrl, quota_allowance: quotaAllowance };
}

function count(given: string): number {
  if (/^\d{1,10}$/.test(given)) return Number(given);
  throw new InvalidArgumentError("It must be a whole number from 0.");
}

function find(client: Client, options: Options, reference: string): Promise<GroupView> {
  if (isUuid(reference)) return client.get(`/groups/${reference}`);
  return client.get(`${groupsOf(options.organization)}/${encodeURIComponent(reference)}`);
}

/** The ids of users, who are looked for among the members of the group's organization. */
function idsOf(client: Client, group: GroupView, users: readonly string[] | undefined): Promise<string[]> | undefined {
  return users && Promise.all(users.map((user) => memberId(client, group, user)));
}

const HEADINGS = ["GROUP", "SHOWN AS", "MEMBERS", "QUOTA ALLOWANCE", "CREATED", "ID"];

function rowOf(group: GroupView): (string | number)[] {
  const { display_name, total_member_count: members, quota_allowance, created_at, id } = group;
  return [titleOf(group), oneLine(display_name), members, quota_allowance, instantText(created_at), id];
}

function describe(group: GroupView, members: readonly GroupMemberView[]): string[] {
  const lines: [string, string][] = [
    ["group", titleOf(group)],
    ["id", group.id],
    ["shown as", group.display_name],
    ["quota allowance", String(group.quota_allowance)],
    ["members", String(group.total_member_count)],
    ["among them", members.map(({ username }) => username).join(", ")],
    ["created", instantText(group.created_at)],
  ];
  return lines.flatMap(([name, value]) => (value === "" ? [] : [`${`${name}:`.padEnd(16)} ${oneLine(value)}`]));
}
