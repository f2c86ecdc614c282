import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DriverContext } from "../driver.ts";
import { describeFailure } from "../outcome.ts";
import { createLineSplitter } from "../output.ts";
import { type PlanJson, parsePlan } from "./plan-json.ts";
import { readRoot } from "./prepare.ts";
import { missingProviders } from "./providers.ts";
import { fileValues } from "./root-module.ts";
import { FILES } from "./run-dir.ts";
import { type StateDump, withoutDump } from "./state-dump.ts";
import { collectText, runTerraform, type TerraformRun } from "./terraform.ts";

/** What all commands of one build or import have in common. */
export type Session = DriverContext &
  Pick<TerraformRun, "binary" | "env" | "killGraceMs"> & {
    /** How long a command waits for another one that holds the lock of the state. */
    readonly lockTimeoutSeconds: number;
    /** The parameters that no variable of an environment can hold. */
    readonly parameters: Readonly<Record<string, string>>;
    /** Has a directory fetch what its state needs beyond its source; a sentence says why that failed. */
    init(directory: string): Promise<string | undefined>;
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
/** The largest state that is kept of what Terraform prints because it can write it nowhere. */
const MAX_DUMP_BYTES = 64 * 1024 * 1024;

/**
 * Plans what a directory's source asks for, or the removal of all that its state holds, and keeps the plan there.
 * @param levelOf the level of each line of the plan as Terraform shows it to people
 */
export async function planIn(
  session: Session,
  directory: string,
  { destroy, levelOf }: { readonly destroy: boolean; readonly levelOf?: (line: string) => "info" | "warn" },
): Promise<PlanResult> {
  const initError = await fetchMissing(session, directory);
  if (initError !== undefined) return { ok: false, error: initError };
  const given = [...(await variableFile(session, directory)), ...(destroy ? ["-destroy"] : [])];
  const args = ["plan", ...UNATTENDED, ...locking(session), `-out=${FILES.plan}`, ...given];
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

/** How an apply ended: why it failed, and the state that Terraform printed because it could not write it. */
export type ApplyResult = { readonly error: string | undefined; readonly dump: StateDump };

/** Carries out exactly the plan that is kept in the directory. */
export async function applyIn(
  session: Session,
  directory: string,
  { destroy }: { readonly destroy: boolean },
): Promise<ApplyResult> {
  const args = ["apply", ...UNATTENDED, ...locking(session), FILES.plan];
  const stage = destroy ? "destroy" : "apply";
  let dump: StateDump = { begun: false, bytes: null };
  const error = await run(session, directory, args, stage, {
    pidFile: FILES.pid,
    stderrBefore(log) {
      const sink = withoutDump(log, MAX_DUMP_BYTES);
      const end = () => {
        sink.end();
        dump = sink.dump();
      };
      return { write: sink.write, end };
    },
  });
  if (dump.begun) {
    const output = "terraform has printed its state, which is not shown: it may hold sensitive values";
    session.log({ level: "warn", stage, output });
  }
  // Nothing of the group is alive, and its id will become a stranger's.
  await rm(join(directory, FILES.pid), { force: true });
  return { error, dump };
}

/** A template may do without a provider by now that what it made earlier still needs. @returns why that failed */
async function fetchMissing(session: Session, directory: string): Promise<string | undefined> {
  const read = (name: string) => readFile(join(directory, name), "utf8").catch(() => "");
  const missing = missingProviders(await read(FILES.state), await read(".terraform.lock.hcl"));
  if (missing.length === 0) return undefined;
  const output = `what is there needs ${missing.join(", ")}, which the template does without by now: fetching it`;
  session.log({ level: "info", stage: "init", output });
  return await session.init(directory);
}

/** With this name Terraform reads it as JSON, and not of itself. */
const VARIABLES = ".prebuildd.tfvars.json";

/** Writes the parameters that the environment cannot hold where only Terraform reads them. @returns its arguments */
async function variableFile({ parameters }: Session, directory: string): Promise<string[]> {
  if (Object.keys(parameters).length === 0) return [];
  const values = fileValues(await readRoot(directory), parameters);
  if (Object.keys(values).length === 0) return [];
  const path = join(directory, VARIABLES);
  await rm(path, { recursive: true, force: true }); // one of the source's would keep its mode
  await writeFile(path, JSON.stringify(values), { mode: 0o600 });
  return [`-var-file=${VARIABLES}`];
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
