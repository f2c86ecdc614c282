import type { Command } from "commander";
import { type Config, readConfig } from "../config.ts";
import type { Io } from "./io.ts";

/**
 * The flags that stand for a setting: the setting's key, the flag, and what it says in the help. What holds a secret of
 * somebody else has none, because everybody on the machine can read the arguments of a process.
 */
const FLAGS = [
  ["DATABASE_URL", "--database-url <url>", "PostgreSQL to use instead of the embedded one"],
  ["PREBUILDD_DATA_DIR", "--data-dir <directory>", "where the embedded database and all other files are kept"],
  ["PREBUILDD_LOG_LEVEL", "--log-level <level>", "trace, debug, info, warn, error or silent"],
  ["DATABASE_DIRECT_URL", "--database-direct-url <url>", "the same database without a transaction pooler between"],
  ["PREBUILDD_LISTEN", "--listen <address>", "where the API answers, such as 127.0.0.1:7070"],
  ["PREBUILDD_METRICS_LISTEN", "--metrics-listen <address>", "a second address, for probes and metrics only"],
  ["PREBUILDD_PROVISIONERS", "--provisioners <count>", "how many builds this process runs at once"],
  ["PREBUILDD_WORKERS_ONLY", "--workers-only", "run builds, and never lead nor serve the API"],
  ["PREBUILDD_RECONCILIATION_INTERVAL", "--reconciliation-interval <duration>", "the longest time between two passes"],
  ["PREBUILDD_RECONCILIATION_BACKOFF_INTERVAL", "--backoff-interval <duration>", "the delay that one failure causes"],
  ["PREBUILDD_RECONCILIATION_BACKOFF_LOOKBACK", "--backoff-lookback <duration>", "how long a failure counts"],
  ["PREBUILDD_FAILURE_HARD_LIMIT", "--failure-hard-limit <count>", "failed builds in a row after which a pool stops"],
  ["PREBUILDD_FAILED_RETENTION", "--failed-retention <duration>", "how long a failed prebuild is kept"],
  ["PREBUILDD_MAX_IN_FLIGHT", "--max-in-flight <count>", "the most prebuilds that are being started at once"],
  [
    "PREBUILDD_AI_BUDGET_POLICY",
    "--ai-budget-policy <policy>",
    "which of the AI budgets of a user's groups counts: highest",
  ],
  ["PREBUILDD_DISABLE_WORKSPACE_SHARING", "--disable-workspace-sharing", "let nobody share workspaces with others"],
  ["PREBUILDD_METRICS_INTERVAL", "--metrics-interval <duration>", "how often the metrics are read"],
  ["PREBUILDD_SHUTDOWN_TIMEOUT", "--shutdown-timeout <duration>", "how long stopping may take"],
  [
    "PREBUILDD_TERRAFORM_PATH",
    "--terraform-path <path>",
    "the terraform or tofu to use instead of the one on the PATH",
  ],
  [
    "PREBUILDD_TERRAFORM_ENV",
    "--terraform-env <names>",
    "environment variables that terraform inherits, such as AWS_REGION",
  ],
  ["PREBUILDD_NOTIFICATION_WINDOW", "--notification-window <duration>", "for how long equal events become one message"],
  ["PREBUILDD_WEBHOOK_URL", "--webhook-url <url>", "where notifications are posted to"],
  [
    "PREBUILDD_WEBHOOK_ALLOW_PRIVATE",
    "--webhook-allow-private",
    "let the webhook redirect to addresses that are not public",
  ],
  ["PREBUILDD_SMTP_FROM", "--smtp-from <address>", "the sender of notifications by mail"],
] as const;

/** The settings that any command needs which works on the database itself. */
const DATABASE_KEYS: readonly string[] = ["DATABASE_URL", "PREBUILDD_DATA_DIR", "PREBUILDD_LOG_LEVEL"];

/** Gives a command the flags that stand for settings; each overrides the environment variable that its help names. */
export function addSettingFlags(command: Command, which: "all" | "database"): Command {
  for (const [key, flag, says] of FLAGS) {
    if (which === "all" || DATABASE_KEYS.includes(key)) command.option(flag, `${says} [${key}]`);
  }
  return command;
}

/** The settings from a command's flags and, where there is none, from the environment. */
export function configOf(io: Io, options: Readonly<Record<string, unknown>>): Config {
  const overrides = FLAGS.flatMap(([key, flag]) => {
    const value = options[optionName(flag)];
    return value === undefined ? [] : [[key, String(value)] as const];
  });
  return readConfig({ ...io.env, ...Object.fromEntries(overrides) });
}

/** The name that commander keeps a flag's value under. */
function optionName(flag: string): string {
  const [name = ""] = flag.slice("--".length).split(" ");
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
