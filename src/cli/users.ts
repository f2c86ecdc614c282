import { type Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import type { AssignableRoleView } from "../users/assignable-roles.ts";
import type { UserView } from "../users/view.ts";
import { type Client, openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { readAll } from "./pages.ts";
import { addQuietHoursCommand } from "./quiet-hours.ts";
import { addQuotaCommand } from "./quota.ts";
import { repeated } from "./repeated.ts";
import { formatTable } from "./table.ts";
import { wholeNumber } from "./whole-number.ts";
import { instantText, oneLine } from "./words.ts";

const MAX_LISTED = 1_000;
const PAGE = 100;
const WHICH = "an id, a username, an e-mail address, or `me`";

type AsJson = { readonly json?: boolean };
type Page = { readonly users: readonly UserView[]; readonly count: number };
type Named = { readonly id: string; readonly name: string };

/** Adds `users list|show|create|suspend|activate|delete|roles|quiet-hours|quota`. */
export function addUsersCommand(program: Command, io: Io): void {
  const users = program.command("users").description("list, show, make, suspend and delete users, and give them roles");
  addList(users, io);
  addShow(users, io);
  addCreate(users, io);
  addStatus(users, io);
  addDelete(users, io);
  addRoles(users, io);
  addQuietHoursCommand(users, io);
  addQuotaCommand(users, io);
}

type ListOptions = AsJson & {
  readonly search?: string;
  readonly status?: string;
  readonly limit: number;
};

function addList(users: Command, io: Io): void {
  users
    .command("list")
    .description("list the users that you may see")
    .option("--search <text>", "only those with this in their username or e-mail address")
    .addOption(
      new Option("--status <status>", "only those with this status").choices(["active", "dormant", "suspended"]),
    )
    .option("--limit <count>", `the most to list, up to ${MAX_LISTED}`, wholeNumber(MAX_LISTED), PAGE)
    .option("--json", "print them as JSON")
    .action(async ({ search, status, limit, json }: ListOptions) => {
      const query = new URLSearchParams({
        limit: String(limit),
        ...(search === undefined ? {} : { q: search }),
        ...(status === undefined ? {} : { status }),
      });
      const client = await openClient(io);
      const page = await client.get<Page>(`/users?${query}`);
      if (json) {
        printJson(io, page);
        return;
      }
      printLines(io, page.count === 0 ? ["there are no such users"] : formatTable(HEADINGS, page.users.map(rowOf)));
      if (page.users.length < page.count) io.err(`these are ${page.users.length} of ${page.count}\n`);
    });
}

function addShow(users: Command, io: Io): void {
  users
    .command("show")
    .description("show one user")
    .argument("<user>", WHICH)
    .option("--json", "print it as JSON")
    .action(async (reference: string, { json }: AsJson) => {
      const client = await openClient(io);
      const user = await client.get<UserView>(pathOf(reference));
      if (json) {
        printJson(io, user);
        return;
      }
      const organizations = await readAll<Named>(client, `${pathOf(user.id)}/organizations`);
      printLines(io, describe(user, organizations));
    });
}

type CreateOptions = AsJson & {
  readonly email: string;
  readonly name: string;
  readonly role?: readonly string[];
  readonly organization?: readonly string[];
  readonly loginType: string;
};

function addCreate(users: Command, io: Io): void {
  users
    .command("create")
    .description("make a user; make a token for it with `tokens create --user`")
    .argument("<username>", "letters and digits, with single hyphens between them")
    .requiredOption("--email <address>", "its e-mail address")
    .option("--name <name>", "what the person is called", "")
    .option("--role <role>", "a role for the whole deployment; may be given more than once", repeated)
    .option(
      "--organization <organization>",
      "which one it becomes a member of, the default one unless given; may be given more than once",
      repeated,
    )
    .addOption(
      new Option("--login-type <type>", "none: nobody can act as it").choices(["token", "none"]).default("token"),
    )
    .option("--json", "print it as JSON")
    .action(async (username: string, options: CreateOptions) => {
      const client = await openClient(io);
      const { email, name, role, organization, loginType, json } = options;
      const body = { username, email, name, roles: role, login_type: loginType };
      const organization_ids =
        organization && (await Promise.all(organization.map((one) => organizationId(client, one))));
      const user = await client.send<UserView>("POST", "/users", JSON.stringify({ ...body, organization_ids }));
      if (json) printJson(io, user);
      else printLines(io, [`made user ${user.username} (${user.id})`]);
    });
}

function addStatus(users: Command, io: Io): void {
  for (const [verb, description] of [
    ["suspend", "suspend a user: its tokens do not work until it is activated"],
    ["activate", "make a user active again"],
  ] as const) {
    users
      .command(verb)
      .description(description)
      .argument("<user>", WHICH)
      .option("--json", "print it as JSON")
      .action(async (reference: string, { json }: AsJson) => {
        const client = await openClient(io);
        const user = await client.send<UserView>("PUT", `${pathOf(reference)}/status/${verb}`);
        if (json) printJson(io, user);
        else printLines(io, [`${user.username} is ${user.status}`]);
      });
  }
}

function addDelete(users: Command, io: Io): void {
  users
    .command("delete")
    .description("delete a user who has no workspaces, and its tokens")
    .argument("<user>", WHICH)
    .option("--json", "print who was deleted as JSON")
    .action(async (reference: string, { json }: AsJson) => {
      const client = await openClient(io);
      const { id, username } = await client.get<UserView>(pathOf(reference));
      await client.send<undefined>("DELETE", pathOf(id));
      if (json) printJson(io, { id, username, deleted: true });
      else printLines(io, [`deleted user ${username}`]);
    });
}

type RoleOptions = AsJson & { readonly add?: readonly string[]; readonly remove?: readonly string[] };

function addRoles(users: Command, io: Io): void {
  users
    .command("roles")
    .description("show or change the roles of a user for the whole deployment; without a user: which roles there are")
    .argument("[user]", WHICH)
    .option("--add <role>", "a role to give; may be given more than once", repeated)
    .option("--remove <role>", "a role to take; may be given more than once", repeated)
    .option("--json", "print them as JSON")
    .action(async (reference: string | undefined, { add = [], remove = [], json }: RoleOptions) => {
      const changes = add.length + remove.length > 0;
      if (reference === undefined && changes) throw new UsageError("error: --add and --remove need a user");
      const client = await openClient(io);
      if (reference === undefined) {
        const roles = await client.get<AssignableRoleView[]>("/users/roles");
        if (json) printJson(io, roles);
        else printLines(io, formatTable(["ROLE", "YOU MAY GIVE IT"], roles.map(assignableRow)));
        return;
      }
      const before = await client.get<UserView>(pathOf(reference));
      const roles = [...namesOf(before), ...add].filter((role) => !remove.includes(role));
      const user = changes
        ? await client.send<UserView>("PUT", `${pathOf(before.id)}/roles`, JSON.stringify({ roles }))
        : before;
      if (json) printJson(io, user.roles);
      else printLines(io, [`${user.username}: ${namesOf(user).join(", ") || "no roles"}`]);
    });
}

const pathOf = (reference: string): string => `/users/${encodeURIComponent(reference)}`;

async function organizationId(client: Client, reference: string): Promise<string> {
  return (await client.get<Named>(`/organizations/${encodeURIComponent(reference)}`)).id;
}

const namesOf = ({ roles }: UserView): string[] => roles.map(({ name }) => name);

const assignableRow = ({ name, assignable }: AssignableRoleView): string[] => [name, assignable ? "yes" : "no"];

const HEADINGS = ["USERNAME", "E-MAIL", "STATUS", "ROLES", "CREATED", "ID"];

function rowOf(user: UserView): string[] {
  const { username, email, status, created_at, id } = user;
  return [username, oneLine(email), status, namesOf(user).join(","), instantText(created_at), id];
}

function describe(user: UserView, organizations: readonly Named[]): string[] {
  const lines: [string, string][] = [
    ["user", user.username],
    ["id", user.id],
    ["e-mail", oneLine(user.email)],
    ["name", oneLine(user.name)],
    ["status", `${user.status}${user.login_type === "none" ? ", and nobody can act as it" : ""}`],
    ["roles", namesOf(user).join(", ")],
    ["member of", organizations.map(({ name }) => name).join(", ")],
    ["created", instantText(user.created_at)],
  ];
  return lines.flatMap(([name, value]) => (value === "" ? [] : [`${`${name}:`.padEnd(10)} ${value}`]));
}
