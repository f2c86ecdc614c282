import type { Command } from "commander";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";

type LogLevelView = {
  readonly level: string;
  readonly configured_level: string;
  readonly replica: string;
  readonly note: string;
};

/** Adds `log-level`. */
export function addLogLevelCommand(program: Command, io: Io): void {
  program
    .command("log-level")
    .description("show how much the replica that answers logs, or change it until that replica ends")
    .argument("[level]", "trace, debug, info, warn, error or silent")
    .option("--json", "print it as JSON")
    .action(async (level: string | undefined, { json }: { readonly json?: boolean }) => {
      const client = await openClient(io);
      const path = "/debug/log-level";
      const view =
        level === undefined
          ? await client.get<LogLevelView>(path)
          : await client.send<LogLevelView>("PUT", path, JSON.stringify({ level }));
      if (json) printJson(io, view);
      else printLines(io, [`${view.level} (configured: ${view.configured_level}) on ${view.replica}; ${view.note}`]);
    });
}
