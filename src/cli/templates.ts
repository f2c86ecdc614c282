import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../config.ts";
import { UsageError } from "../errors.ts";
import type { Invalidated } from "../prebuilds/control-store.ts";
import type { UpdateTemplate } from "../templates/schema.ts";
import type { TemplateView } from "../templates/view.ts";
import { openClient } from "./client.ts";
import { findTemplate } from "./find.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { readAll } from "./pages.ts";
import { formatTable } from "./table.ts";
import { addTemplateVersionCommands } from "./template-versions.ts";
import { instantText, oneLine } from "./words.ts";

type Options = { readonly organization: string; readonly json?: boolean };
type ListOptions = { readonly organization?: string; readonly search?: string; readonly json?: boolean };
type Answer = { readonly invalidated: readonly Invalidated[] };

/** Adds `templates list|show|edit|versions|promote|archive|unarchive|invalidate|delete`. */
export function addTemplatesCommand(program: Command, io: Io): void {
  const templates = program.command("templates").description("show and change templates and their versions");
  addReading(templates, io);
  addEditing(templates, io);
  addTemplateVersionCommands(templates, io);

  templates
    .command("invalidate")
    .description("make all prebuilds of the active version expire now, so that they are replaced")
    .argument("<template>", "the template's name")
    .option("--organization <organization>", "where the template is", "default")
    .option("--json", "print the presets as JSON")
    .action(async (template: string, options: Options) => {
      const client = await openClient(io);
      const { id } = await findTemplate(client, { template, organization: options.organization });
      const answer = await client.send<Answer>("POST", `/templates/${id}/prebuilds/invalidate`, "{}");
      if (options.json) printJson(io, answer);
      else printLines(io, describeInvalidated(template, answer));
    });

  templates
    .command("delete")
    .description("delete a template that nobody has a workspace of; its prebuilds are deleted, too")
    .argument("<template>", "the template's name")
    .option("--organization <organization>", "where the template is", "default")
    .option("--json", "print the answer as JSON")
    .action(async (template: string, options: Options) => {
      const client = await openClient(io);
      const { id } = await findTemplate(client, { template, organization: options.organization });
      const answer = await client.send<{ readonly message: string }>("DELETE", `/templates/${id}`);
      if (options.json) printJson(io, answer);
      else printLines(io, [answer.message]);
    });
}

function addReading(templates: Command, io: Io): void {
  templates
    .command("list")
    .description("list the templates that you may see")
    .option("--organization <organization>", "only those of this organization")
    .option("--search <text>", "only those with this in their name")
    .option("--json", "print them as JSON")
    .action(async ({ organization, search, json }: ListOptions) => {
      const path = organization === undefined ? "" : `/organizations/${encodeURIComponent(organization)}`;
      const query = search === undefined ? {} : { q: search };
      const found = await readAll<TemplateView>(await openClient(io), `${path}/templates`, query);
      if (json) printJson(io, found);
      else printLines(io, found.length === 0 ? ["there are no templates"] : formatTable(HEADINGS, found.map(rowOf)));
    });

  templates
    .command("show")
    .description("show one template")
    .argument("<template>", "the template's name")
    .option("--organization <organization>", "where the template is", "default")
    .option("--json", "print it as JSON")
    .action(async (template: string, options: Options) => {
      const found = await findTemplate(await openClient(io), { template, organization: options.organization });
      if (options.json) printJson(io, found);
      else printLines(io, describe(found));
    });
}

/** The options of `templates edit`, each with the field that it sets. */
const EDITS = [
  new Option("--name <name>", "what to call it from now on"),
  new Option("--display-name <text>", "what to show instead of its name"),
  new Option("--description <text>", "what it is for"),
  new Option("--icon <path>", "a path or URL of a picture"),
  new Option("--default-ttl <duration>", "after how long new workspaces stop, such as 8h; 0: never").argParser(ttl),
  new Option("--allow-user-autostart <answer>", "whether people choose when theirs start").choices(["true", "false"]),
  new Option("--allow-user-autostop <answer>", "whether people choose when theirs stop").choices(["true", "false"]),
  new Option("--deprecation-message <text>", 'why nobody should use it any more; "" ends that'),
];

type Edits = {
  readonly name?: string;
  readonly displayName?: string;
  readonly description?: string;
  readonly icon?: string;
  readonly defaultTtl?: number;
  readonly allowUserAutostart?: "true" | "false";
  readonly allowUserAutostop?: "true" | "false";
  readonly deprecationMessage?: string;
};

function addEditing(templates: Command, io: Io): void {
  const edit = templates
    .command("edit")
    .description("change a template; what is not given stays as it is")
    .argument("<template>", "the template's name")
    .option("--organization <organization>", "where the template is", "default");
  for (const option of EDITS) edit.addOption(option);
  edit.option("--json", "print the template as JSON").action(async (template: string, options: Options & Edits) => {
    const change = JSON.stringify(changeOf(options));
    if (change === "{}") {
      throw new UsageError(`say what to change, with ${EDITS.map(({ long }) => long).join(", ")}`);
    }
    const client = await openClient(io);
    const before = await findTemplate(client, { template, organization: options.organization });
    const after = await client.send<TemplateView>("PATCH", `/templates/${before.id}`, change);
    const changed = after.updated_at === before.updated_at ? "is that already" : "is changed";
    if (options.json) printJson(io, after);
    else printLines(io, [`template ${titleOf(after)} ${changed}`]);
  });
}

function changeOf(edits: Edits): UpdateTemplate {
  return {
    name: edits.name,
    display_name: edits.displayName,
    description: edits.description,
    icon: edits.icon,
    default_ttl_ms: edits.defaultTtl,
    allow_user_autostart: edits.allowUserAutostart && edits.allowUserAutostart === "true",
    allow_user_autostop: edits.allowUserAutostop && edits.allowUserAutostop === "true",
    deprecation_message: edits.deprecationMessage,
  };
}

function ttl(given: string): number {
  const ms = parseDuration(given);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError("It must be a duration such as 90s, 8h or 1h30m, or 0.");
}

function describeInvalidated(template: string, { invalidated }: Answer): string[] {
  if (invalidated.length === 0) return [`template ${template} has no presets, so nothing is invalidated`];
  return [
    ...invalidated.map((one) => `invalidated ${one.template_name}@${one.template_version_name}: ${one.preset_name}`),
    "prebuilds from before now are being replaced",
  ];
}

const titleOf = (template: TemplateView) => `${template.organization_name}/${template.name}`;

const HEADINGS = ["TEMPLATE", "VERSION", "PROVISIONER", "STOPS AFTER", "DEPRECATED", "ID"];

function rowOf(template: TemplateView): string[] {
  return [
    titleOf(template),
    template.active_version_name ?? "none",
    template.provisioner,
    ttlText(template.default_ttl_ms),
    oneLine(template.deprecation_message),
    template.id,
  ];
}

function describe(template: TemplateView): string[] {
  const choices = [
    ...(template.allow_user_autostart ? ["start"] : []),
    ...(template.allow_user_autostop ? ["stop"] : []),
  ].join(" and ");
  const lines: [string, string | null][] = [
    ["template", titleOf(template)],
    ["id", template.id],
    ["shown as", template.display_name],
    ["description", template.description],
    ["version", template.active_version_name],
    ["provisioner", template.provisioner],
    ["stops after", ttlText(template.default_ttl_ms)],
    ["people choose", choices === "" ? "nothing" : `when theirs ${choices}`],
    ["deprecated", template.deprecation_message],
    ["created", `${instantText(template.created_at)} by ${template.created_by_name}`],
  ];
  return lines.flatMap(([name, value]) => (value ? [`${`${name}:`.padEnd(14)} ${oneLine(value)}`] : []));
}

/** A time to live in words: `1h30m`, `never`. */
function ttlText(ms: number): string {
  if (ms === 0) return "never";
  let rest = ms;
  const parts = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
    ["ms", 1],
  ] as const;
  return parts
    .map(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count === 0 ? "" : `${count}${unit}`;
    })
    .join("");
}
