import { type Command, InvalidArgumentError } from "commander";
import { ProblemError, UsageError } from "../errors.ts";
import type { AssignableRoleView } from "../organizations/role-view.ts";
import { wordOf } from "../organizations/system-roles.ts";
import { type Client, openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { formatTable } from "./table.ts";
import { oneLine } from "./words.ts";

type Permission = { readonly resource_type: string; readonly action: string };
type Options = { readonly organization: string; readonly json?: boolean };
type Settings = { readonly displayName?: string; readonly permission?: readonly Permission[] };

/** Adds `roles list|show|create|update|delete`. */
export function addRolesCommand(program: Command, io: Io): void {
  const roles = program
    .command("roles")
    .description("list and show the roles of an organization; make, change and delete those of its own");
  addReading(roles, io);
  addWriting(roles, io);

  addWhere(roles.command("delete"))
    .description("delete a role that was made for the organization, and take it from all who have it")
    .argument("<name>", "its name")
    .option("--json", "print which one was deleted as JSON")
    .action(async (reference: string, options: Options) => {
      const client = await openClient(io);
      const { name, organization_id } = await find(client, options, reference);
      await client.send<undefined>("DELETE", `${pathOf(options)}/${encodeURIComponent(name)}`);
      if (options.json) printJson(io, { name, organization_id, deleted: true });
      else printLines(io, [`deleted role ${name}`]);
    });
}

const addWhere = (command: Command): Command =>
  command.option("--organization <organization>", "whose role", "default");

function addReading(roles: Command, io: Io): void {
  roles
    .command("list")
    .description("list the roles that members of an organization can be given")
    .option("--organization <organization>", "whose roles", "default")
    .option("--json", "print them as JSON")
    .action(async (options: Options) => {
      const found = await readRoles(await openClient(io), options);
      if (options.json) printJson(io, found);
      else printLines(io, formatTable(HEADINGS, found.map(rowOf)));
    });

  addWhere(roles.command("show"))
    .description("show one role, and what it lets its holders do")
    .argument("<name>", "its name")
    .option("--json", "print it as JSON")
    .action(async (reference: string, options: Options) => {
      const role = await find(await openClient(io), options, reference);
      if (options.json) printJson(io, role);
      else printLines(io, describe(role));
    });
}

function addWriting(roles: Command, io: Io): void {
  addSettings(addWhere(roles.command("create")))
    .description("make a role, which nobody has yet; give it with `members roles --add`")
    .argument("<name>", "letters and digits, with single hyphens between them")
    .option("--json", "print it as JSON")
    .action(async (name: string, options: Options & Settings) => {
      const client = await openClient(io);
      const body = { name, display_name: options.displayName, organization_permissions: options.permission ?? [] };
      const made = await client.send<AssignableRoleView>("POST", pathOf(options), JSON.stringify(body));
      if (options.json) printJson(io, made);
      else printLines(io, [`made role ${made.name}, which grants ${grantsOf(made)}`]);
    });

  addSettings(addWhere(roles.command("update")))
    .description("change a role that was made for the organization; what is not given stays as it is")
    .argument("<name>", "its name")
    .option("--json", "print it as JSON")
    .action(async (reference: string, options: Options & Settings) => {
      const { displayName, permission } = options;
      if (displayName === undefined && permission === undefined) {
        throw new UsageError("error: say what to change, with --display-name or --permission");
      }
      const client = await openClient(io);
      const before = await find(client, options, reference);
      const body = {
        name: before.name,
        display_name: displayName ?? before.display_name,
        organization_permissions: permission ?? before.organization_permissions,
      };
      const after = await client.send<AssignableRoleView>("PUT", pathOf(options), JSON.stringify(body));
      if (options.json) printJson(io, after);
      else printLines(io, [`role ${after.name} grants ${grantsOf(after)}`]);
    });
}

function addSettings(command: Command): Command {
  return command
    .option("--display-name <text>", "what to show instead of its name")
    .option(
      "--permission <type:action>",
      "what it lets its holders do, such as workspace:read; repeat it to name all that the role is to grant",
      permission,
    );
}

function permission(given: string, before: readonly Permission[] = []): readonly Permission[] {
  const [, resource_type, action] = /^([^:]+):(.+)$/.exec(given) ?? [];
  if (resource_type === undefined || action === undefined) {
    throw new InvalidArgumentError("It must be type:action, such as workspace:read.");
  }
  return [...before, { resource_type, action }];
}

const pathOf = ({ organization }: Options): string =>
  `/organizations/${encodeURIComponent(organization)}/members/roles`;

const readRoles = (client: Client, options: Options): Promise<AssignableRoleView[]> => client.get(pathOf(options));

async function find(client: Client, options: Options, reference: string): Promise<AssignableRoleView> {
  const roles = await readRoles(client, options);
  const found = roles.find(({ name }) => name.toLowerCase() === reference.toLowerCase());
  if (found) return found;
  throw new ProblemError("not_found", `${options.organization} has no role ${reference}; see \`roles list\``);
}

const HEADINGS = ["ROLE", "SHOWN AS", "BUILT IN", "GRANTS", "YOU MAY GIVE IT"];

function rowOf(role: AssignableRoleView): string[] {
  const { name, display_name, built_in, assignable } = role;
  return [name, oneLine(display_name), built_in ? "yes" : "no", grantsOf(role), assignable ? "yes" : "no"];
}

/** How much a role grants; built-in ones grant by wildcards, too, and deny. */
function grantsOf({ organization_permissions: held }: AssignableRoleView): string {
  if (held.length === 0) return "nothing";
  return held.length === 1 ? "1 permission" : `${held.length} permissions`;
}

function describe(role: AssignableRoleView): string[] {
  const lines: [string, string][] = [
    ["role", role.name],
    ["shown as", role.display_name],
    ["built in", role.built_in ? "yes" : "no"],
    ["in the organization", role.organization_permissions.map(wordOf).join(", ")],
    ["everywhere", role.site_permissions.map(wordOf).join(", ")],
  ];
  return lines.flatMap(([name, value]) => (value === "" ? [] : [`${`${name}:`.padEnd(20)} ${oneLine(value)}`]));
}
