import { type Command, InvalidArgumentError } from "commander";
import { parseDuration } from "../duration.ts";
import type { WorkspaceView } from "../workspaces/schema.ts";
import { type Client, openClient } from "./client.ts";
import { findPreset, findTemplate } from "./find.ts";
import { type Io, printJson, printLines } from "./io.ts";

type Parameter = { readonly name: string; readonly value: string };
type Options = {
  readonly template: string;
  readonly preset?: string;
  readonly parameter?: readonly Parameter[];
  readonly name: string;
  readonly user: string;
  readonly organization: string;
  readonly wait?: number;
  readonly autostop?: number;
  readonly automaticUpdates?: boolean;
  readonly idempotencyKey?: string;
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
    .option("--preset <preset>", "the preset's name; without it the preset that the parameters match best")
    .option("--parameter <name=value>", "a parameter of the template; may be given more than once", parameter)
    .requiredOption("--name <name>", "what to call the workspace")
    .option("--user <user>", "whose workspace it will be", "me")
    .option("--organization <organization>", "where the template is", "default")
    .option("--wait <duration>", "how long to wait for a prebuilt one, up to 4m, before one is built", wait)
    .option(
      "--autostop <duration>",
      "stop it so long after its start; 0s for never, else as the template says",
      duration,
    )
    .option("--automatic-updates", "build it from the template's active version whenever it is started")
    .option("--idempotency-key <key>", "a text of your own: repeated with it, the command gets the same workspace")
    .option("--json", "print the workspace as JSON")
    .action(async (options: Options) => {
      const client = await openClient(io);
      const target = await targetOf(client, options);
      const waitMs = options.wait ?? 0;
      const startedAt = performance.now();
      const claimed = await client.send<Claimed>(
        "POST",
        `/organizations/${encodeURIComponent(options.organization)}/members/${encodeURIComponent(options.user)}/workspaces` +
          `?wait=${Math.ceil(waitMs / 1_000)}`,
        JSON.stringify({
          ...target,
          name: options.name,
          rich_parameter_values: options.parameter,
          ttl_ms: options.autostop,
          automatic_updates: options.automaticUpdates ? "always" : undefined,
        }),
        {
          timeoutMs: waitMs + ANSWER_TIMEOUT_MS,
          headers: options.idempotencyKey === undefined ? {} : { "idempotency-key": options.idempotencyKey },
        },
      );
      const ms = Math.round(performance.now() - startedAt);
      if (options.json) printJson(io, claimed);
      else printLines(io, describe(claimed, ms));
    });
}

async function targetOf(client: Client, { preset, ...options }: Options) {
  if (preset === undefined) return { template_id: (await findTemplate(client, options)).id };
  const { templateId, presetId } = await findPreset(client, { ...options, preset });
  return { template_id: templateId, template_version_preset_id: presetId };
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

function duration(given: string): number {
  const ms = parseDuration(given);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError("It must be a duration such as 8h.");
}

function parameter(given: string, before: readonly Parameter[] = []): readonly Parameter[] {
  const at = given.indexOf("=");
  if (at > 0) return [...before, { name: given.slice(0, at), value: given.slice(at + 1) }];
  throw new InvalidArgumentError("It must be a name and a value, such as size=small.");
}
