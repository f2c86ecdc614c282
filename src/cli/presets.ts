import type { Command } from "commander";
import type { SchedulePreview } from "../prebuilds/schedule-preview.ts";
import type { PoolView } from "../prebuilds/status.ts";
import { openClient } from "./client.ts";
import { findPreset, type PresetReference } from "./find.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { pauseText } from "./pool-notes.ts";
import { scheduleLines } from "./schedule-table.ts";
import { wholeNumber } from "./whole-number.ts";
import { poolTitle } from "./words.ts";

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

/** Adds `presets pause|resume|reset|schedule`. */
export function addPresetsCommand(program: Command, io: Io): void {
  const presets = program.command("presets").description("pause, resume and reset one pool, or show its schedule");

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
