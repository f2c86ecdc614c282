import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { addApplyCommand } from "./apply.ts";
import { addAuditCommand } from "./audit.ts";
import { addBudgetsCommand } from "./budgets.ts";
import { addClaimCommand } from "./claim.ts";
import { describeFailure, EXIT } from "./failure.ts";
import { addGroupsCommand } from "./groups.ts";
import type { Io } from "./io.ts";
import { addJobsCommand } from "./jobs.ts";
import { addLogLevelCommand } from "./log-level.ts";
import { addMembersCommand } from "./members.ts";
import { addMigrateCommand } from "./migrate.ts";
import { addNotificationsCommand } from "./notifications.ts";
import { addOrganizationsCommand } from "./organizations.ts";
import { addPlanCommand } from "./plan.ts";
import { addPrebuildsCommand } from "./prebuilds.ts";
import { addPresetsCommand } from "./presets.ts";
import { addRolesCommand } from "./roles.ts";
import { addRunCommand } from "./run.ts";
import { addStatusCommand } from "./status.ts";
import { addTemplatesCommand } from "./templates.ts";
import { addTokenCommand } from "./token.ts";
import { addTokensCommand } from "./tokens.ts";
import { addUsersCommand } from "./users.ts";
import { addWorkspacesCommand } from "./workspaces.ts";

/** Runs one command line and returns the exit code; it never throws. */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync(args, { from: "user" });
    return EXIT.done;
  } catch (error) {
    const { code, text } = describeFailure(error);
    if (text !== "") io.err(text);
    return code;
  }
}

function createProgram(io: Io): Command {
  const program = new Command("prebuildd")
    .description(packageJson.description)
    .version(packageJson.version)
    .helpCommand(true)
    .showHelpAfterError("(see --help)")
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .addHelpText(
      "after",
      `
Commands that talk to a daemon find it through PREBUILDD_URL and PREBUILDD_TOKEN, or, where the database is the
embedded one, through the files that the daemon keeps in its data directory (PREBUILDD_DATA_DIR, .prebuildd).
Exit codes: 0 done, 1 failed, 2 wrong use.`,
    );
  addRunCommand(program, io);
  addMigrateCommand(program, io);
  addApplyCommand(program, io);
  addPlanCommand(program, io);
  addStatusCommand(program, io);
  addClaimCommand(program, io);
  addWorkspacesCommand(program, io);
  addPresetsCommand(program, io);
  addPrebuildsCommand(program, io);
  addTemplatesCommand(program, io);
  addJobsCommand(program, io);
  addUsersCommand(program, io);
  addTokensCommand(program, io);
  addOrganizationsCommand(program, io);
  addMembersCommand(program, io);
  addRolesCommand(program, io);
  addGroupsCommand(program, io);
  addBudgetsCommand(program, io);
  addTokenCommand(program, io);
  addAuditCommand(program, io);
  addNotificationsCommand(program, io);
  addLogLevelCommand(program, io);
  return program;
}
