import type { Command } from "commander";
import type { QuotaView } from "../quota/routes.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";

type Options = { readonly organization: string; readonly json?: boolean };

/** Adds `users quota`. */
export function addQuotaCommand(users: Command, io: Io): void {
  users
    .command("quota")
    .description("show what the workspaces of a user cost a day, and what the user's groups allow")
    .argument("[user]", "an id, a username, an e-mail address, or `me`", "me")
    .option("--organization <organization>", "in which one", "default")
    .option("--json", "print it as JSON")
    .action(async (user: string, { organization, json }: Options) => {
      const client = await openClient(io);
      const path = `/organizations/${encodeURIComponent(organization)}/members/${encodeURIComponent(user)}`;
      const quota = await client.get<QuotaView>(`${path}/workspace-quota`);
      if (json) printJson(io, quota);
      else printLines(io, [`${quota.credits_consumed} of ${quota.budget} a day are in use`]);
    });
}
