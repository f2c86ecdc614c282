import { type Command, InvalidArgumentError } from "commander";
import { parseDuration } from "../config.ts";
import type { WorkspaceView } from "../workspaces/schema.ts";
import { openClient } from "./client.ts";
import { findPreset } from "./find.ts";
import { type Io, printJson, printLines } from "./io.ts";

type Options = {
  readonly template: string;
  readonly preset: string;
  readonly name: string;
  readonly user: string;
  readonly organization: string;
  readonly wait?: number;
  readonly json?: boolean;
};
type Claimed = WorkspaceView & { readonly claimed: boolean; readonly miss_reason?: string };

/** Longer than this no answer is waited for: Node's fetch gives up on a silent server soon after. */
const MAX_WAIT_MS = 240_000;
const ANSWER_TIMEOUT_MS = 30_000;

/** Adds `claim`. */
export function addClaimCommand(program: Command, io: Io): void {
  program
    .command("claim")
    .description("get a workspace: a prebuilt one at once, or else a new one that is built now")
    .requiredOption("--template <template>", "the template's name")
    .requiredOption("--preset <preset>", "the preset's name")
    .requiredOption("--name <name>", "what to call the workspace")
    .option("--user <user>", "whose workspace it will be", "me")
    .option("--organization <organization>", "where the template is", "default")
    .option("--wait <duration>", "how long to wait for a prebuilt one, up to 4m, before one is built", wait)
    .option("--json", "print the workspace as JSON")
    .action(async (options: Options) => {
      const client = await openClient(io);
      const found = await findPreset(client, options);
      const waitMs = options.wait ?? 0;
      const startedAt = performance.now();
      const claimed = await client.send<Claimed>(
        "POST",
        `/organizations/${encodeURIComponent(options.organization)}/members/${encodeURIComponent(options.user)}/workspaces` +
          `?wait=${Math.ceil(waitMs / 1_000)}`,
        JSON.stringify({
          name: options.name,
          template_id: found.templateId,
          template_version_preset_id: found.presetId,
        }),
        { timeoutMs: waitMs + ANSWER_TIMEOUT_MS },
      );
      const ms = Math.round(performance.now() - startedAt);
      if (options.json) printJson(io, claimed);
      else printLines(io, describe(claimed, ms));
    });
}

/** What a miss means, for a person; a reason that is not here is shown as it is. */
const MISSES: Readonly<Record<string, string>> = {
  no_preset: "no preset has these parameters",
  no_pool: "the preset keeps no prebuilt workspaces",
  parameters: "a parameter that cannot be changed later is to have another value than the prebuilt ones have",
  inactive_version: "prebuilt workspaces are kept of the active version only",
  pool_empty: "the pool is empty",
  not_ready: "none in the pool is ready yet",
  paused: "the pool is empty, and paused",
};

function describe(workspace: Claimed, ms: number): string[] {
  const name = `${workspace.owner_name}/${workspace.name} (${workspace.id})`;
  if (workspace.claimed) return [`claimed ${name} in ${ms} ms`];
  const reason = workspace.miss_reason ?? "none matches";
  return [
    `building new workspace ${name}, answered in ${ms} ms`,
    `no prebuilt one was claimed: ${MISSES[reason] ?? reason.replaceAll("_", " ")}`,
  ];
}

function wait(given: string): number {
  const ms = parseDuration(given);
  if (ms !== undefined && ms <= MAX_WAIT_MS) return ms;
  throw new InvalidArgumentError("It must be a duration such as 30s, up to 4m.");
}
