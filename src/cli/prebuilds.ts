import type { Command } from "commander";
import type { PrebuildsSettings } from "../prebuilds/settings.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";

const SETTINGS = [
  {
    verb: "pause",
    description: "pause all pools: nothing is created or deleted, and claims go on",
    paused: true,
    changed: "all pools are paused: nothing is created or deleted, and claims go on",
    unchanged: "nothing has changed: all pools were paused already",
  },
  {
    verb: "resume",
    description: "end the pause of all pools; those that are paused by themselves stay so",
    paused: false,
    changed: "all pools go on, except those that are paused by themselves",
    unchanged: "nothing has changed: the pools were not paused",
  },
] as const;

/** Adds `prebuilds pause|resume`. */
export function addPrebuildsCommand(program: Command, io: Io): void {
  const prebuilds = program.command("prebuilds").description("pause and resume all pools at once");
  for (const { verb, description, paused, ...says } of SETTINGS) {
    prebuilds
      .command(verb)
      .description(description)
      .option("--json", "print the settings as JSON, and whether they have changed")
      .action(async (options: { readonly json?: boolean }) => {
        const client = await openClient(io);
        const settings: PrebuildsSettings = { reconciliation_paused: paused };
        const answer = await client.send<PrebuildsSettings | undefined>(
          "PUT",
          "/prebuilds/settings",
          JSON.stringify(settings),
        );
        const changed = answer !== undefined;
        if (options.json) printJson(io, { ...settings, changed });
        else printLines(io, [changed ? says.changed : says.unchanged]);
      });
  }
}
