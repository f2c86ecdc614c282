import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DriverContext } from "../driver.ts";
import { describeFailure } from "../outcome.ts";
import { createLineSplitter } from "../output.ts";
import { type PlanJson, parsePlan } from "./plan-json.ts";
import { FILES } from "./run-dir.ts";
import { collectText, runTerraform, type TerraformRun } from "./terraform.ts";

/** What all commands of one build or import have in common. */
export type Session = DriverContext &
  Pick<TerraformRun, "binary" | "env" | "killGraceMs"> & {
    /** How long a command waits for another one that holds the lock of the state. */
    readonly lockTimeoutSeconds: number;
    /** The deadline that has passed, in milliseconds; undefined while there is time. */
    overdueMs(): number | undefined;
  };

/** A plan with all its values, sensitive ones, too: never to be logged as it is. */
export type PlanResult =
  | {
      readonly ok: true;
      readonly plan: PlanJson;
      /** A line of what was logged warns; Terraform marks what forces most replacements, but not all. */
      readonly warned: boolean;
    }
  | { readonly ok: false; readonly error: string };

/** The largest plan that is read, in bytes. */
const MAX_PLAN_BYTES = 64 * 1024 * 1024;

/**
 * Plans what a directory's source asks for, or the removal of all that its state holds, and keeps the plan there.
 * @param levelOf the level of each line of the plan as Terraform shows it to people
 */
export async function planIn(
  session: Session,
  directory: string,
  { destroy, levelOf }: { readonly destroy: boolean; readonly levelOf?: (line: string) => "info" | "warn" },
): Promise<PlanResult> {
  const args = ["plan", ...UNATTENDED, ...locking(session), `-out=${FILES.plan}`, ...(destroy ? ["-destroy"] : [])];
  let warned = false;
  const stdout = createLineSplitter((output) => {
    const level = levelOf?.(output) ?? "info";
    warned ||= level === "warn";
    session.log({ level, stage: "plan", output });
  });
  const error = await run(session, directory, args, "plan", { stdout });
  if (error !== undefined) return { ok: false, error };
  const shown = collectText(MAX_PLAN_BYTES);
  const showError = await run(session, directory, ["show", "-json", FILES.plan], "plan", { stdout: shown });
  if (showError !== undefined) return { ok: false, error: showError };
  const text = shown.text();
  if (text === undefined) return { ok: false, error: "the plan is larger than 64 MiB: split the template" };
  try {
    return { ok: true, plan: parsePlan(text), warned };
  } catch (problem) {
    return { ok: false, error: `terraform show: ${problem instanceof Error ? problem.message : String(problem)}` };
  }
}

/** Carries out exactly the plan that is kept in the directory. @returns why that failed */
export async function applyIn(
  session: Session,
  directory: string,
  { destroy }: { readonly destroy: boolean },
): Promise<string | undefined> {
  const args = ["apply", ...UNATTENDED, ...locking(session), FILES.plan];
  const error = await run(session, directory, args, destroy ? "destroy" : "apply", { pidFile: FILES.pid });
  // Nothing of the group is alive, and its id will become a stranger's.
  await rm(join(directory, FILES.pid), { force: true });
  return error;
}

const UNATTENDED = ["-input=false", "-no-color"] as const;

const locking = ({ lockTimeoutSeconds }: Session) => ["-lock=true", `-lock-timeout=${lockTimeoutSeconds}s`];

/** Runs a command to its end; a sentence says why it failed. */
async function run(
  session: Session,
  directory: string,
  args: readonly string[],
  stage: string,
  over: Partial<TerraformRun> = {},
): Promise<string | undefined> {
  const { binary, env, killGraceMs, signal, log } = session;
  const outcome = await runTerraform({ binary, env, killGraceMs, signal, log, args, cwd: directory, stage, ...over });
  if (outcome.kind === "succeeded") return undefined;
  const afterMs = outcome.kind === "canceled" ? session.overdueMs() : undefined;
  return describeFailure(`terraform ${stage}`, afterMs === undefined ? outcome : { kind: "timed_out", afterMs });
}
