import { rm } from "node:fs/promises";
import { messageOf } from "../../errors.ts";
import type { BuildContext, BuildRequest, BuildResult } from "../driver.ts";
import { applyIn, planIn, type Session } from "./commands.ts";
import { dailyCostOf } from "./cost.ts";
import type { PlanJson } from "./plan-json.ts";
import type { PreparedSource } from "./prepare.ts";
import { planLineLevel, replacementBlock } from "./replacement-log.ts";
import { replacementsOf } from "./replacements.ts";
import { awaitLastWork, fillRunDir, noteKept, orphansDirOf, readState } from "./run-dir.ts";
import {
  addressesIn,
  agentsOf,
  chooseState,
  hasResources,
  parseState,
  type StartingState,
  type State,
} from "./state.ts";
import { keepAtLast, MAX_STATE_BYTES, watchState } from "./state-keeper.ts";

export type BuildOptions = {
  readonly request: BuildRequest;
  readonly context: Pick<BuildContext, "keepState" | "commitCost">;
  /** The workspace's directory, which is there until its state is safe. */
  readonly directory: string;
  /** The session of a build of a workspace with this state; an error when a parameter cannot be passed on. */
  sessionFor(state: State | undefined): Session | { readonly error: string };
  /** What goes along with what is done without Terraform. */
  readonly waiting: Pick<Session, "signal" | "log">;
  prepare(): Promise<PreparedSource>;
};

/**
 * Carries out one build: finds the state to start from, plans, asks whether the owner may have it, applies, and stores
 * the state however that ends. The directory stays where it holds what the database does not.
 */
export async function executeBuild(options: BuildOptions): Promise<BuildResult> {
  const { request, directory } = options;
  const { signal, log } = options.waiting;
  const context = { ...options.context, keepState: noting(options) };
  const orphansDir = orphansDirOf(directory);
  for (const dir of [directory, orphansDir]) await awaitLastWork(dir, signal);
  const left = await readState(directory);
  const start = chooseState(request.state, left);
  tellAboutLeftState(start, left.damaged, options);
  const nothingLeft = start.state === null || isEmpty(start.state);
  if (request.transition === "delete" && nothingLeft && !start.orphans && !left.damaged) {
    await context.commitCost(0);
    await removeDirectory(directory, options);
    return { ok: true, state: null, agents: [] };
  }
  const failed = (error: string): BuildResult => ({ ok: false, state: start.state, error });
  if (signal.aborted) return failed("terraform was canceled before it began");
  const session = options.sessionFor(start.state ? parseState(start.state) : undefined);
  if ("error" in session) return failed(session.error);
  const prepared = await options.prepare();
  if (!prepared.ok) return failed(prepared.error);
  if (start.orphans) {
    const error = await destroyOrphans(session, orphansDir, prepared.directory, start.orphans);
    if (error !== undefined) return failed(`what an earlier attempt left could not be removed: ${error}`);
  }
  await fillRunDir(directory, prepared.directory, start.state);
  const onError = (error: unknown) => {
    log({ level: "warn", stage: "state", output: `what has been done could not be stored: ${messageOf(error)}` });
  };
  const result = await change(session, { ...options, context }, start.state, onError);
  if (result.state && result.state.length > MAX_STATE_BYTES) {
    const error = `the state has ${result.state.length} bytes, and at most 16 MiB are kept: split the template; what was made stands in ${directory} until it is destroyed`;
    return { ok: false, state: start.state, error };
  }
  if (await keepAtLast(result.state, context.keepState, onError)) await removeDirectory(directory, options);
  return result;
}

/** Stores a state, and notes in the directory that it is stored: who finds it there then knows that nothing is lost. */
function noting({ context, directory }: BuildOptions): BuildContext["keepState"] {
  return async (state) => {
    const kept = await context.keepState(state);
    if (kept) await noteKept(directory, state).catch(() => {}); // only a hint
    return kept;
  };
}

/** Plans and applies; the result holds the state that came of it. */
async function change(
  session: Session,
  { request, context, directory }: BuildOptions,
  state: Buffer | null,
  onError: (error: unknown) => void,
): Promise<BuildResult> {
  const failed = (error: string, kept = state): BuildResult => ({ ok: false, state: kept, error });
  const destroy = request.transition === "delete";
  const isClaim = request.stage === "claim" && request.transition === "start";
  const planned = await planIn(session, directory, { destroy, ...(isClaim ? { levelOf: planLineLevel } : {}) });
  if (!planned.ok) return failed(planned.error);
  if (!destroy) {
    const refusal = await context.commitCost(dailyCostOf(planned.plan));
    if (refusal !== undefined) return failed(refusal);
    if (!planned.warned) logReplacements(session, planned.plan);
  }
  // Who has lost the build must not make anything: another worker starts from the state that is stored now.
  if (!(await context.keepState(state ?? Buffer.alloc(0)))) return failed("another worker has taken this build over");
  const watching = watchState(directory, { known: state, keep: context.keepState, onError });
  const error = await applyIn(session, directory, { destroy });
  await watching.stop();
  const kept = (await readState(directory)).state ?? state;
  if (error !== undefined) return failed(error, kept);
  if (destroy) {
    if (kept && !isEmpty(kept)) return failed("terraform destroyed everything, but its state still holds some", kept);
    await context.commitCost(0).catch(onError);
    return { ok: true, state: null, agents: [] };
  }
  if (request.transition === "stop") return { ok: true, state: kept, agents: [] };
  const names = new Set(agentsOf(kept ? parseState(kept) : undefined).map(({ name }) => name));
  const agents = (names.size > 0 ? [...names] : ["main"]).map((name) => ({ name, ready: true }));
  return { ok: true, state: kept, agents, replacements: isClaim ? replacementsOf(planned.plan) : null };
}

function logReplacements(session: Session, plan: PlanJson): void {
  for (const output of replacementBlock(plan)) session.log({ level: "warn", stage: "plan", output });
}

/**
 * Destroys what only an attempt that died knew of, with a source of its template, in a directory that is gone afterwards.
 * @returns why that failed
 */
export async function destroyOrphans(
  session: Session,
  directory: string,
  prepared: string,
  orphans: State,
): Promise<string | undefined> {
  await fillRunDir(directory, prepared, Buffer.from(JSON.stringify(orphans)));
  const planned = await planIn(session, directory, { destroy: true });
  if (!planned.ok) return planned.error;
  const error = await applyIn(session, directory, { destroy: true });
  if (error === undefined) await rm(directory, { recursive: true, force: true });
  return error;
}

function tellAboutLeftState({ adopted, orphans }: StartingState, damaged: boolean, options: BuildOptions): void {
  const { log } = options.waiting;
  const tell = (level: "info" | "warn", output: string) => log({ level, stage: "state", output });
  if (damaged) tell("warn", `an attempt that died left a damaged state in ${options.directory}: it is not used`);
  if (adopted) tell("info", "an attempt that died left a further state: going on from there");
  for (const address of orphans ? addressesIn(orphans) : []) {
    tell("warn", `an attempt that died left ${address}, which the stored state does not know: it is removed first`);
  }
}

function isEmpty(state: Buffer): boolean {
  const parsed = parseState(state);
  return parsed !== undefined && !hasResources(parsed);
}

async function removeDirectory(directory: string, { waiting }: Pick<BuildOptions, "waiting">): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
    waiting.log({ level: "warn", stage: "state", output: `${directory} could not be removed: ${messageOf(error)}` });
  });
}
