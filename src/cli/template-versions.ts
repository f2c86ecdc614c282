import type { Command } from "commander";
import type { TemplateVersionView, TemplateView } from "../templates/view.ts";
import { type Client, openClient } from "./client.ts";
import { findTemplate, type TemplateReference } from "./find.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { readAll } from "./pages.ts";
import { formatTable } from "./table.ts";
import { instantText } from "./words.ts";

type Options = { readonly organization: string; readonly json?: boolean };
type Done = { readonly message: string };

const CHANGES = [
  {
    verb: "promote",
    description: "make a version the active one, from which new workspaces and the pools are built",
    send: (client: Client, template: TemplateView, { id }: TemplateVersionView) =>
      client.send<Done>("PATCH", `/templates/${template.id}/versions`, JSON.stringify({ id })),
  },
  {
    verb: "archive",
    description: "archive a version that is not the active one, so that lists leave it out",
    send: (client: Client, _: TemplateView, { id }: TemplateVersionView) =>
      client.send<Done>("POST", `/templateversions/${id}/archive`),
  },
  {
    verb: "unarchive",
    description: "take a version out of the archive",
    send: (client: Client, _: TemplateView, { id }: TemplateVersionView) =>
      client.send<Done>("POST", `/templateversions/${id}/unarchive`),
  },
] as const;

/** Adds `versions|promote|archive|unarchive` to `templates`. */
export function addTemplateVersionCommands(templates: Command, io: Io): void {
  templates
    .command("versions")
    .description("list the versions of a template, the newest first")
    .argument("<template>", "the template's name")
    .option("--organization <organization>", "where the template is", "default")
    .option("--include-archived", "list those that are archived, too")
    .option("--json", "print them as JSON")
    .action(async (template: string, options: Options & { readonly includeArchived?: boolean }) => {
      const client = await openClient(io);
      const { id } = await findTemplate(client, { template, organization: options.organization });
      const versions = await readAll<TemplateVersionView>(client, `/templates/${id}/versions`, {
        include_archived: String(options.includeArchived ?? false),
      });
      if (options.json) printJson(io, versions);
      else
        printLines(io, versions.length === 0 ? ["there are no versions"] : formatTable(HEADINGS, versions.map(rowOf)));
    });

  for (const { verb, description, send } of CHANGES) {
    templates
      .command(verb)
      .description(description)
      .argument("<template>", "the template's name")
      .argument("<version>", "the version's name")
      .option("--organization <organization>", "where the template is", "default")
      .option("--json", "print the answer as JSON")
      .action(async (template: string, version: string, options: Options) => {
        const client = await openClient(io);
        const reference = { template, organization: options.organization };
        const answer = await send(client, ...(await findVersion(client, reference, version)));
        if (options.json) printJson(io, answer);
        else printLines(io, [`${template}: ${answer.message}`]);
      });
  }
}

async function findVersion(
  client: Client,
  reference: TemplateReference,
  name: string,
): Promise<[TemplateView, TemplateVersionView]> {
  const template = await findTemplate(client, reference);
  const path = `/templates/${template.id}/versions/${encodeURIComponent(name)}`;
  return [template, await client.get<TemplateVersionView>(path)];
}

const HEADINGS = ["VERSION", "STATE", "CREATED", "BY", "ID"];

function rowOf({ name, active, archived, created_at, created_by, id }: TemplateVersionView): string[] {
  return [name, active ? "active" : archived ? "archived" : "", instantText(created_at), created_by.username, id];
}
