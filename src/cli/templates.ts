import type { Command } from "commander";
import { durationText } from "../duration.ts";
import { DAYS_OF_WEEK, type DayOfWeek } from "../lifecycle/days.ts";
import type { Invalidated } from "../prebuilds/control-store.ts";
import type { TemplateView } from "../templates/view.ts";
import { openClient } from "./client.ts";
import { findTemplate } from "./find.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { readAll } from "./pages.ts";
import { formatTable } from "./table.ts";
import { addTemplateEditCommand } from "./template-edit.ts";
import { addTemplatePushCommand } from "./template-push.ts";
import { addTemplateVersionCommands } from "./template-versions.ts";
import { instantText, oneLine } from "./words.ts";

type Options = { readonly organization: string; readonly json?: boolean };
type ListOptions = { readonly organization?: string; readonly search?: string; readonly json?: boolean };
type Answer = { readonly invalidated: readonly Invalidated[] };

/** Adds `templates list|show|push|edit|versions|promote|archive|unarchive|invalidate|delete`. */
export function addTemplatesCommand(program: Command, io: Io): void {
  const templates = program.command("templates").description("show and change templates and their versions");
  addReading(templates, io);
  addTemplatePushCommand(templates, io);
  addTemplateEditCommand(templates, io);
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
    ["at most after", orNull(template.max_ttl_ms, (most) => most)],
    ["must stop on", requiredStopText(template.autostop_requirement)],
    ["when used", orNull(template.activity_bump_ms, (bump) => `have ${bump} left at least`)],
    ["failed builds", orNull(template.failure_ttl_ms, (ttl) => `are stopped after ${ttl}`)],
    ["dormant after", orNull(template.time_til_dormant_ms, (idle) => `${idle} without use`)],
    ["deleted after", orNull(template.time_til_dormant_autodelete_ms, (dormant) => `being dormant for ${dormant}`)],
    ["may start on", daysText(template.autostart_requirement.days_of_week)],
    ["starts from", template.require_active_version ? "the active version only" : null],
    ["people choose", choices === "" ? "nothing" : `when theirs ${choices}`],
    ["deprecated", template.deprecation_message],
    ["created", `${instantText(template.created_at)} by ${template.created_by_name}`],
  ];
  return lines.flatMap(([name, value]) => (value ? [`${`${name}:`.padEnd(14)} ${oneLine(value)}`] : []));
}

/** A time to live in words: `1h30m`, `never`. */
function ttlText(ms: number): string {
  return ms === 0 ? "never" : durationText(ms);
}

const orNull = (ms: number, text: (duration: string) => string) => (ms === 0 ? null : text(durationText(ms)));

function daysText(days: readonly DayOfWeek[]): string {
  return days.length === DAYS_OF_WEEK.length ? "every day" : days.join(", ") || "no day";
}

/** When workspaces must stop: `saturday, sunday of every 2nd week, in quiet hours`. */
function requiredStopText({ days_of_week: days, weeks }: TemplateView["autostop_requirement"]): string | null {
  if (days.length === 0) return null;
  const suffix = ["st", "nd", "rd"][weeks - 1] ?? "th";
  return `${daysText(days)}${weeks === 1 ? "" : ` of every ${weeks}${suffix} week`}, in quiet hours`;
}
