import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError } from "commander";
import { messageOf, UsageError } from "../errors.ts";
import type { planJson } from "../prebuilds/snapshot-json.ts";
import type { PoolView } from "../prebuilds/status.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { instantText, reasonsInWords } from "./words.ts";

type PresetPlan = ReturnType<typeof planJson> & {
  readonly preset_name?: string;
  readonly template_name?: string;
  readonly organization_name?: string;
  /** Only a daemon says why a pool is short; a snapshot file does not hold all of it. */
  readonly reasons?: PoolView["reasons"];
};
type Plan = { readonly presets: readonly PresetPlan[] };
type Options = { readonly snapshot?: string; readonly now?: Date; readonly json?: boolean };

/** Adds `plan`, with and without `--snapshot`. */
export function addPlanCommand(program: Command, io: Io): void {
  program
    .command("plan")
    .description("show what a pass would do now, and why; changes nothing")
    .option("--snapshot <file>", "plan for the snapshot in this JSON file (- is stdin) instead of asking a daemon")
    .option("--now <instant>", "with --snapshot: the time to plan for, such as 2025-06-02T09:00:00Z", instant)
    .option("--json", "print the plan as JSON")
    .action(async (options: Options) => {
      if (options.now !== undefined && options.snapshot === undefined) {
        throw new UsageError("error: --now goes with --snapshot; a daemon plans for its own time");
      }
      const plan =
        options.snapshot === undefined
          ? await (await openClient(io)).get<Plan>("/prebuilds/plan")
          : await planFile(io, options.snapshot, options.now ?? new Date());
      if (options.json) printJson(io, plan);
      else printLines(io, plan.presets.length === 0 ? ["there are no pools"] : plan.presets.flatMap(describe));
    });
}

async function planFile(io: Io, file: string, now: Date): Promise<Plan> {
  const { planSnapshot } = await import("../prebuilds/snapshot-json.ts");
  const given = await (file === "-" ? text(io.stdin) : readFile(file, "utf8")).catch((cause: unknown) => {
    throw new UsageError(`cannot read the snapshot: ${messageOf(cause)}`, { cause });
  });
  let document: unknown;
  try {
    document = JSON.parse(given);
  } catch (cause) {
    throw new UsageError(`the snapshot is not JSON: ${messageOf(cause)}`, { cause });
  }
  return planSnapshot(document, now);
}

function describe(plan: PresetPlan): string[] {
  const name = plan.preset_name && `${plan.organization_name}/${plan.template_name}: ${plan.preset_name}`;
  const actions = plan.actions.map((action) => {
    switch (action.kind) {
      case "create":
        return `create ${action.count} (${action.reason})`;
      case "delete":
        return `delete ${action.ids.length} (${action.reason})`;
      case "cancel_pending":
        return `cancel what is pending (${action.reason})`;
      case "backoff":
        return `wait until ${instantText(action.until)} (${action.reason})`;
      default:
        return action satisfies never;
    }
  });
  const reasons = plan.reasons ?? [];
  return [
    `${name || plan.id}: ${actions.join(", ") || "nothing to do"}`,
    ...(reasons.length > 0 ? [`  short: ${reasonsInWords(reasons)}`] : []),
  ];
}

function instant(given: string): Date {
  const isInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(given);
  const date = new Date(given);
  if (isInstant && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError("It must be an instant with its offset, such as 2025-06-02T09:00:00Z.");
}
