import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError } from "commander";
import { messageOf, UsageError } from "../errors.ts";
import type { planJson } from "../prebuilds/snapshot-json.ts";
import type { PoolView, PoolWhy } from "../prebuilds/status.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { notesAbout, pauseText } from "./pool-notes.ts";
import { actionsInWords, poolTitle, reasonsInWords, stateInWords } from "./words.ts";

/** Only a daemon knows what pools are called and what explains them; a snapshot file does not hold all of it. */
type Explained = PoolWhy & Pick<PoolView, "preset_name" | "template_name" | "organization_name">;
type PresetPlan = ReturnType<typeof planJson> & (Explained | { readonly reasons?: undefined });
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
  const actions = actionsInWords(plan.actions) || "nothing to do";
  const state = stateInWords(plan.state);
  if (plan.reasons === undefined) return [`${plan.id}: ${actions}`, `  ${state}`];
  const { said, failures } = notesAbout(plan, plan.state.desired);
  const short = plan.reasons.length > 0 ? `; short: ${reasonsInWords(plan.reasons)}` : "";
  return [
    `${poolTitle(plan)}: ${actions}`,
    `  ${state}${short}`,
    ...(plan.paused?.scope === "all" ? [`  all pools are ${pauseText(plan.paused)}`] : []),
    ...(said.length > 0 ? [`  ${said.join("; ")}`] : []),
    ...failures,
  ];
}

function instant(given: string): Date {
  const isInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(given);
  const date = new Date(given);
  if (isInstant && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError("It must be an instant with its offset, such as 2025-06-02T09:00:00Z.");
}
