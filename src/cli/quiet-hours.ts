import type { Command } from "commander";
import type { QuietHoursView } from "../users/quiet-hours-view.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { instantText } from "./words.ts";

const DEFAULT = "default";

/** Adds `users quiet-hours`. */
export function addQuietHoursCommand(users: Command, io: Io): void {
  users
    .command("quiet-hours")
    .description("show or say at what time of day the workspaces of a user stop that have to stop on some day")
    .argument("<user>", "an id, a username, an e-mail address, or `me`")
    .argument("[schedule]", `a time of every day, such as "CRON_TZ=Europe/Berlin 0 2 * * *", or ${DEFAULT}`)
    .option("--json", "print them as JSON")
    .action(async (user: string, schedule: string | undefined, { json }: { readonly json?: boolean }) => {
      const client = await openClient(io);
      const path = `/users/${encodeURIComponent(user)}/quiet-hours`;
      const asked = { schedule: schedule === DEFAULT ? "" : schedule };
      const quietHours =
        schedule === undefined
          ? await client.get<QuietHoursView>(path)
          : await client.send<QuietHoursView>("PUT", path, JSON.stringify(asked));
      if (json) printJson(io, quietHours);
      else printLines(io, [describe(quietHours)]);
    });
}

function describe({ time, timezone, next, user_set }: QuietHoursView): string {
  const whose = user_set ? "" : ", by default";
  return `quiet hours begin at ${time} in ${timezone}${whose}; next at ${instantText(next)}`;
}
