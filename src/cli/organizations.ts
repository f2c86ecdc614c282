import { Argument, type Command } from "commander";
import { UsageError } from "../errors.ts";
import type { SharingView } from "../organizations/sharing.ts";
import type { OrganizationView } from "../organizations/view.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { readAll } from "./pages.ts";
import { formatTable } from "./table.ts";
import { instantText, oneLine } from "./words.ts";

const WHICH = "an id, a name or `default`";

type AsJson = { readonly json?: boolean };
type Text = { readonly displayName?: string; readonly description?: string; readonly icon?: string };

/** Adds `organizations list|show|create|edit|delete|sharing`. */
export function addOrganizationsCommand(program: Command, io: Io): void {
  const organizations = program
    .command("organizations")
    .description("list, show, make, change and delete organizations");
  addReading(organizations, io);
  addWriting(organizations, io);
  addSharing(organizations, io);

  organizations
    .command("delete")
    .description("delete an organization without workspaces and templates")
    .argument("<organization>", WHICH)
    .option("--json", "print which one was deleted as JSON")
    .action(async (reference: string, { json }: AsJson) => {
      const client = await openClient(io);
      const { id, name } = await client.get<OrganizationView>(pathOf(reference));
      await client.send<undefined>("DELETE", pathOf(id));
      if (json) printJson(io, { id, name, deleted: true });
      else printLines(io, [`deleted organization ${name}`]);
    });
}

function addReading(organizations: Command, io: Io): void {
  organizations
    .command("list")
    .description("list the organizations that you may see")
    .option("--json", "print them as JSON")
    .action(async ({ json }: AsJson) => {
      const found = await readAll<OrganizationView>(await openClient(io), "/organizations");
      if (json) printJson(io, found);
      else
        printLines(io, found.length === 0 ? ["there are no organizations"] : formatTable(HEADINGS, found.map(rowOf)));
    });

  organizations
    .command("show")
    .description("show one organization")
    .argument("<organization>", WHICH)
    .option("--json", "print it as JSON")
    .action(async (reference: string, { json }: AsJson) => {
      const client = await openClient(io);
      const found = await client.get<OrganizationView>(pathOf(reference));
      if (json) printJson(io, found);
      else printLines(io, describe(found));
    });
}

function addWriting(organizations: Command, io: Io): void {
  addTextOptions(organizations.command("create"))
    .description("make an organization, and become a member of it")
    .argument("<name>", "letters and digits, with single hyphens between them")
    .option("--json", "print it as JSON")
    .action(async (name: string, { json, ...text }: AsJson & Text) => {
      const client = await openClient(io);
      const body = JSON.stringify({ name, ...bodyOf(text) });
      const made = await client.send<OrganizationView>("POST", "/organizations", body);
      if (json) printJson(io, made);
      else printLines(io, [`made organization ${made.name} (${made.id})`]);
    });

  addTextOptions(organizations.command("edit"))
    .description("change an organization; what is not given stays as it is")
    .argument("<organization>", WHICH)
    .option("--name <name>", "what to call it from now on")
    .option("--json", "print it as JSON")
    .action(async (reference: string, { json, name, ...text }: AsJson & Text & { readonly name?: string }) => {
      const body = JSON.stringify({ name, ...bodyOf(text) });
      if (body === "{}")
        throw new UsageError("say what to change, with --name, --display-name, --description or --icon");
      const client = await openClient(io);
      const before = await client.get<OrganizationView>(pathOf(reference));
      const after = await client.send<OrganizationView>("PATCH", pathOf(before.id), body);
      const changed = after.updated_at === before.updated_at ? "is that already" : "is changed";
      if (json) printJson(io, after);
      else printLines(io, [`organization ${after.name} ${changed}`]);
    });
}

function addSharing(organizations: Command, io: Io): void {
  organizations
    .command("sharing")
    .description("show or say whether workspaces can be shared in an organization; off ends the sharing of all of them")
    .argument("<organization>", WHICH)
    .addArgument(new Argument("[switch]", "what it is to be").choices(["on", "off"]))
    .option("--json", "print it as JSON")
    .action(async (reference: string, wanted: "on" | "off" | undefined, { json }: AsJson) => {
      const client = await openClient(io);
      const { id, name } = await client.get<OrganizationView>(pathOf(reference));
      const path = `${pathOf(id)}/settings/workspace-sharing`;
      const body = JSON.stringify({ sharing_disabled: wanted === "off" });
      const now = await (wanted ? client.send<SharingView>("PATCH", path, body) : client.get<SharingView>(path));
      if (json) printJson(io, now);
      else printLines(io, [`sharing in ${name} is ${sharingText(now)}`]);
    });
}

function sharingText({ sharing_globally_disabled: everywhere, sharing_disabled: disabled }: SharingView): string {
  if (everywhere) return "off, as in the whole deployment";
  return disabled ? "off" : "on";
}

function addTextOptions(command: Command): Command {
  return command
    .option("--display-name <text>", "what to show instead of its name")
    .option("--description <text>", "what it is for")
    .option("--icon <path>", "a path or URL of a picture");
}

const bodyOf = ({ displayName, description, icon }: Text) => ({ display_name: displayName, description, icon });

const pathOf = (reference: string): string => `/organizations/${encodeURIComponent(reference)}`;

const HEADINGS = ["ORGANIZATION", "SHOWN AS", "DEFAULT", "CREATED", "ID"];

function rowOf({ name, display_name, is_default, created_at, id }: OrganizationView): string[] {
  return [name, oneLine(display_name), is_default ? "yes" : "no", instantText(created_at), id];
}

function describe(found: OrganizationView): string[] {
  const lines: [string, string][] = [
    ["organization", `${found.name}${found.is_default ? " (the default one)" : ""}`],
    ["id", found.id],
    ["shown as", found.display_name],
    ["description", found.description],
    ["icon", found.icon],
    ["created", instantText(found.created_at)],
  ];
  return lines.flatMap(([name, value]) => (value === "" ? [] : [`${`${name}:`.padEnd(13)} ${oneLine(value)}`]));
}
