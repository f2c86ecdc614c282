import { type Command, InvalidArgumentError } from "commander";
import type { MigrationStatus } from "../db/migrate.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { addSettingFlags, configOf } from "./settings.ts";

/** Adds `migrate up|down|status`. */
export function addMigrateCommand(program: Command, io: Io): void {
  const migrate = program.command("migrate").description("bring the database's schema up, down, or show where it is");
  const json = ["--json", "print the result as JSON"] as const;

  addSettingFlags(
    migrate
      .command("up")
      .description("apply all migrations that are missing")
      .option(...json),
    "database",
  ).action((options) => run(options, (url, db) => db.migrateUp(url)));
  addSettingFlags(
    migrate
      .command("down")
      .description("undo the newest migrations, with all data that they hold")
      .requiredOption("--to <count>", "how many migrations to leave applied; 0 leaves nothing of ours", wholeNumber)
      .option(...json),
    "database",
  ).action((options) => run(options, (url, db) => db.migrateDown(url, options.to)));
  addSettingFlags(
    migrate
      .command("status")
      .description("show which migrations are applied")
      .option(...json),
    "database",
  ).action((options) => run(options, (url, db) => db.migrationStatus(url)));

  async function run(
    options: { readonly json?: boolean },
    work: (url: string, db: typeof import("../db/migrate.ts")) => Promise<MigrationStatus>,
  ): Promise<void> {
    const [{ withDatabaseUrl }, db] = await Promise.all([import("./database.ts"), import("../db/migrate.ts")]);
    const status = await withDatabaseUrl(configOf(io, options), ({ directUrl }) => work(directUrl, db));
    if (options.json) printJson(io, status);
    else printLines(io, describe(status));
  }
}

function describe({ migrations, unknown }: MigrationStatus): string[] {
  const applied = migrations.filter((migration) => migration.applied).length;
  return [
    ...migrations.map((migration) => `${migration.applied ? "applied" : "missing"}  ${migration.name}`),
    `${applied} of ${migrations.length} migrations are applied`,
    ...(unknown > 0 ? [`${unknown} more come from a newer version of prebuildd`] : []),
  ];
}

function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("It must be a whole number from 0.");
  return Number(text);
}
