import type { Command } from "commander";
import { ProblemError } from "../errors.ts";
import type { Io } from "./io.ts";
import { addSettingFlags, configOf } from "./settings.ts";

/** Adds `token create`, which works on the database itself: it is how the first token is made. */
export function addTokenCommand(program: Command, io: Io): void {
  const token = program.command("token").description("make tokens for the API");
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
    const [{ withDatabaseUrl }, { openPool }, { ensureAdmin, findUser }, { createToken }] = await Promise.all([
      import("./database.ts"),
      import("../db/connection.ts"),
      import("../users/store.ts"),
      import("../users/tokens/create.ts"),
    ]);
    const made = await withDatabaseUrl(configOf(io, { ...options }), async ({ url, log }) => {
      const pool = openPool(url, log, { max: 1 });
      try {
        // The very first token has to come from somewhere: asking for the administrator's makes the administrator.
        const user =
          (await findUser(pool, options.user)) ?? (options.user === "admin" ? await ensureAdmin(pool) : undefined);
        if (user === undefined) throw new ProblemError("not_found", `there is no user ${options.user}`);
        return await createToken(pool, { userId: user.id, name: options.name });
      } finally {
        await pool.end();
      }
    });
    io.out(`${made}\n`);
  });
}
