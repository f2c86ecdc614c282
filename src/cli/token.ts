import type { Command } from "commander";
import type { Io } from "./io.ts";
import { addSettingFlags, configOf } from "./settings.ts";

/** Adds `token create`, which works on the database itself: it is how the first token is made. */
export function addTokenCommand(program: Command, io: Io): void {
  const token = program.command("token").description("make tokens for the API on the database itself");
  addSettingFlags(
    token
      .command("create")
      .description("make a token, on the database itself, and print it; it cannot be shown again")
      .requiredOption(
        "--user <user>",
        "whose token it is: an id, username or e-mail address; `admin` is made when there is none",
      )
      .option("--name <name>", "what to call the token", "cli"),
    "database",
  ).action(async (options: { readonly user: string; readonly name: string }) => {
    const [{ withDatabaseUrl }, { makeToken }] = await Promise.all([
      import("./database.ts"),
      import("./make-token.ts"),
    ]);
    const made = await withDatabaseUrl(configOf(io, { ...options }), (database) => makeToken(options, database));
    io.out(`${made}\n`);
  });
}
