import type { Command } from "commander";
import type { SchedulePreview } from "../prebuilds/schedule-preview.ts";
import type { PoolView } from "../prebuilds/status.ts";
import type { PresetRow } from "../templates/view.ts";
import { openClient } from "./client.ts";
import { findPreset, findTemplate, type PresetReference, type TemplateReference } from "./find.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { pauseText } from "./pool-notes.ts";
import { scheduleLines } from "./schedule-table.ts";
import { formatTable } from "./table.ts";
import { wholeNumber } from "./whole-number.ts";
import { oneLine, poolTitle } from "./words.ts";

type Options = PresetReference & { readonly json?: boolean };

const DEFAULT_DAYS = 7;
const MAX_DAYS = 31;

const STEERING = [
  {
    verb: "pause",
    description: "pause a pool, over new versions too: nothing is created or deleted, and claims go on",
    says: (pool: PoolView) => `${poolTitle(pool)} is ${pool.paused ? pauseText(pool.paused) : "paused"}`,
  },
  {
    verb: "resume",
    description: "end the pause of a pool",
    says: (pool: PoolView) =>
      pool.paused
        ? `${poolTitle(pool)} is not paused by itself, but all pools are ${pauseText(pool.paused)}`
        : `${poolTitle(pool)} is not paused`,
  },
  {
    verb: "reset",
    description: "forget the failures of a pool, so that prebuilds are created again at once",
    says: (pool: PoolView) => `${poolTitle(pool)} is ${pool.status}, and its failures are forgotten`,
  },
] as const;

/** Adds `presets list|pause|resume|reset|schedule`. */
export function addPresetsCommand(program: Command, io: Io): void {
  const presets = program
    .command("presets")
    .description("list presets; pause, resume and reset one pool, or show its schedule");

  presets
    .command("list")
    .description("list the presets of a template's active version")
    .requiredOption("--template <template>", "the template's name")
    .option("--organization <organization>", "where the template is", "default")
    .option("--json", "print them as JSON")
    .action(async (options: TemplateReference & { readonly json?: boolean }) => {
      const client = await openClient(io);
      const { active_version_id: versionId } = await findTemplate(client, options);
      const found = versionId === null ? [] : await client.get<PresetRow[]>(`/templateversions/${versionId}/presets`);
      if (options.json) printJson(io, found);
      else printLines(io, found.length === 0 ? ["there are no presets"] : formatTable(HEADINGS, found.map(rowOf)));
    });

  for (const { verb, description, says } of STEERING) {
    addPresetCommand(presets, verb, description)
      .option("--json", "print the pool as JSON")
      .action(async (options: Options) => {
        const client = await openClient(io);
        const { presetId } = await findPreset(client, options);
        const pool = await client.send<PoolView>("POST", `/prebuilds/presets/${presetId}/${verb}`, "{}");
        if (options.json) printJson(io, pool);
        else printLines(io, [says(pool)]);
      });
  }

  addPresetCommand(presets, "schedule", "show the sizes that a pool will have, in its own time zone")
    .option("--days <count>", `how far to look ahead, 1 to ${MAX_DAYS}`, wholeNumber(MAX_DAYS), DEFAULT_DAYS)
    .option("--json", "print it as JSON")
    .action(async (options: Options & { readonly days: number }) => {
      const client = await openClient(io);
      const { presetId } = await findPreset(client, options);
      const preview = await client.get<SchedulePreview>(`/prebuilds/presets/${presetId}/schedule?days=${options.days}`);
      const { organization, template, preset, days } = options;
      const title = poolTitle({ organization_name: organization, template_name: template, preset_name: preset });
      if (options.json) printJson(io, preview);
      else printLines(io, scheduleLines(title, preview, days));
    });
}

function addPresetCommand(presets: Command, name: string, description: string): Command {
  return presets
    .command(name)
    .description(description)
    .requiredOption("--template <template>", "the template's name")
    .requiredOption("--preset <preset>", "the preset's name")
    .option("--organization <organization>", "where the template is", "default");
}

const HEADINGS = ["PRESET", "PREBUILDS", "PARAMETERS", "ID"];

function rowOf(preset: PresetRow): string[] {
  return [
    preset.default ? `${preset.name} (default)` : preset.name,
    preset.desired_prebuild_instances === null ? "none" : String(preset.desired_prebuild_instances),
    oneLine(preset.parameters.map(({ name, value }) => `${name}=${value}`).join(", ")),
    preset.id,
  ];
}
