import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../duration.ts";
import { UsageError } from "../errors.ts";
import { DAYS_OF_WEEK, type DayOfWeek } from "../lifecycle/days.ts";
import { LIFECYCLE_LIMITS } from "../templates/lifecycle-settings.ts";
import type { UpdateTemplate } from "../templates/schema.ts";
import type { TemplateView } from "../templates/view.ts";
import { openClient } from "./client.ts";
import { findTemplate } from "./find.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { wholeNumber } from "./whole-number.ts";

const lasting = (flag: string, says: string) => new Option(`${flag} <duration>`, says).argParser(duration);
const answer = (flag: string, says: string) => new Option(`${flag} <answer>`, says).choices(["true", "false"]);
const days = (flag: string, says: string) => new Option(`${flag} <days>`, says).argParser(daysOfWeek);

/** The options of `templates edit`, each with the field that it sets. */
const EDITS = [
  new Option("--name <name>", "what to call it from now on"),
  new Option("--display-name <text>", "what to show instead of its name"),
  new Option("--description <text>", "what it is for"),
  new Option("--icon <path>", "a path or URL of a picture"),
  lasting("--default-ttl", "after how long workspaces stop whose owners have not chosen, such as 8h; 0: never"),
  lasting("--max-ttl", "how long workspaces run at most, whatever their owners choose; 0: as long as they like"),
  lasting("--activity-bump", "how long workspaces have left at least when they are used; 0: use changes nothing"),
  lasting("--failure-ttl", "how long after a failed build workspaces are stopped; 0: never"),
  lasting("--time-til-dormant", "after how long without use workspaces become dormant, such as 30d; 0: never"),
  lasting("--time-til-dormant-autodelete", "how long workspaces are dormant before they are deleted; 0: for ever"),
  days("--autostop-days", "on which days workspaces must stop in quiet hours, such as saturday,sunday, or none"),
  new Option("--autostop-weeks <number>", "in every how many weeks they must").argParser(
    wholeNumber(LIFECYCLE_LIMITS.weeks),
  ),
  days("--autostart-days", "on which days workspaces may start by themselves, such as monday,friday, or none"),
  answer("--allow-user-autostart", "whether people choose when theirs start"),
  answer("--allow-user-autostop", "whether people choose when theirs stop"),
  answer("--require-active-version", "whether workspaces are started from the active version only"),
  new Option("--deprecation-message <text>", 'why nobody should use it any more; "" ends that'),
];

type Answer = "true" | "false";

type Edits = {
  readonly name?: string;
  readonly displayName?: string;
  readonly description?: string;
  readonly icon?: string;
  readonly defaultTtl?: number;
  readonly maxTtl?: number;
  readonly activityBump?: number;
  readonly failureTtl?: number;
  readonly timeTilDormant?: number;
  readonly timeTilDormantAutodelete?: number;
  readonly autostopDays?: DayOfWeek[];
  readonly autostopWeeks?: number;
  readonly autostartDays?: DayOfWeek[];
  readonly allowUserAutostart?: Answer;
  readonly allowUserAutostop?: Answer;
  readonly requireActiveVersion?: Answer;
  readonly deprecationMessage?: string;
};

/** Adds `templates edit`. */
export function addTemplateEditCommand(templates: Command, io: Io): void {
  const edit = templates
    .command("edit")
    .description("change a template; what is not given stays as it is")
    .argument("<template>", "the template's name")
    .option("--organization <organization>", "where the template is", "default");
  for (const option of EDITS) edit.addOption(option);
  edit
    .option("--json", "print the template as JSON")
    .action(async (template: string, options: Edits & { readonly organization: string; readonly json?: boolean }) => {
      const { organization, json, ...edits } = options;
      if (Object.keys(edits).length === 0) {
        throw new UsageError(`say what to change, with ${EDITS.map(({ long }) => long).join(", ")}`);
      }
      const client = await openClient(io);
      const before = await findTemplate(client, { template, organization });
      const change = JSON.stringify(changeOf(edits, before));
      const after = await client.send<TemplateView>("PATCH", `/templates/${before.id}`, change);
      const changed = after.updated_at === before.updated_at ? "is that already" : "is changed";
      if (json) printJson(io, after);
      else printLines(io, [`template ${after.organization_name}/${after.name} ${changed}`]);
    });
}

function changeOf(edits: Edits, { autostop_requirement: required }: TemplateView): UpdateTemplate {
  const { autostopDays, autostopWeeks, autostartDays } = edits;
  return {
    name: edits.name,
    display_name: edits.displayName,
    description: edits.description,
    icon: edits.icon,
    default_ttl_ms: edits.defaultTtl,
    max_ttl_ms: edits.maxTtl,
    activity_bump_ms: edits.activityBump,
    failure_ttl_ms: edits.failureTtl,
    time_til_dormant_ms: edits.timeTilDormant,
    time_til_dormant_autodelete_ms: edits.timeTilDormantAutodelete,
    // Days and weeks are one setting of the API; of these, too, what is not given stays as it is.
    autostop_requirement:
      autostopDays || autostopWeeks
        ? { days_of_week: autostopDays ?? required.days_of_week, weeks: autostopWeeks ?? required.weeks }
        : undefined,
    autostart_requirement: autostartDays && { days_of_week: autostartDays },
    allow_user_autostart: truth(edits.allowUserAutostart),
    allow_user_autostop: truth(edits.allowUserAutostop),
    require_active_version: truth(edits.requireActiveVersion),
    deprecation_message: edits.deprecationMessage,
  };
}

function truth(given: Answer | undefined): boolean | undefined {
  return given && given === "true";
}

function duration(given: string): number {
  const ms = parseDuration(given);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError("It must be a duration such as 90s, 8h or 1h30m, or 0.");
}

function daysOfWeek(given: string): DayOfWeek[] {
  if (given === "none") return [];
  const names = given.split(",").map((name) => name.trim().toLowerCase());
  const found = names.flatMap((name) => DAYS_OF_WEEK.find((day) => day === name) ?? []);
  if (found.length === names.length && new Set(found).size === found.length) return found;
  throw new InvalidArgumentError(`It must be none or days out of ${DAYS_OF_WEEK.join(",")}, none of them twice.`);
}
