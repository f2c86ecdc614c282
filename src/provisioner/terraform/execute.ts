import { rm } from "node:fs/promises";
import { messageOf } from "../../errors.ts";
import type { BuildContext, BuildRequest, BuildResult } from "../driver.ts";
import { applyIn, planIn, type Session } from "./commands.ts";
import { dailyCostOf } from "./cost.ts";
import { awaitLastWork } from "./last-work.ts";
import type { PlanJson } from "./plan-json.ts";
import type { PreparedSource } from "./prepare.ts";
import { planLineLevel, replacementBlock } from "./replacement-log.ts";
import { replacementsOf } from "./replacements.ts";
import { fillRunDir, orphansDirOf } from "./run-dir.ts";
import {
  addressesIn,
  agentsOf,
  chooseState,
  hasResources,
  parseState,
  type StartingState,
  type State,
} from "./state.ts";
import { noteOffered, noteStored, readAfterApply, readLeft, setAside } from "./state-files.ts";
import { keepAtLast, watchState } from "./state-keeper.ts";

/** With a larger state no build makes anything; what one has made is stored however large it is. */
const MAX_STATE_BYTES = 64 * 1024 * 1024;

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
  const failedFrom = (state: Buffer | null) => (error: string) => ({ ok: false, state, error }) as const;
  const running = await awaitOthers(directory, signal);
  if (running !== undefined) return failedFrom(request.state)(running);
  const left = await readLeft(directory, request.state);
  const start = chooseState(request.state, left);
  if (!start) {
    const error = `the stored state cannot be read, and an earlier attempt has left one in ${directory}: see what exists, and remove the directory when nobody needs it`;
    return failedFrom(request.state)(error);
  }
  const failed = failedFrom(start.state);
  tellAboutLeftState(start, options);
  const nothingIsKnown = start.state === null || isEmpty(start.state);
  if (request.transition === "delete" && nothingIsKnown && !start.orphans) {
    if (left.damaged) {
      const error = `an attempt that died left a damaged state in ${directory}, and nothing else says what it made: see what the state names, remove that, and then the directory`;
      return failed(error);
    }
    await removeDirectory(directory, options);
    return { ok: true, state: null, agents: [] };
  }
  if (start.state && start.state.length > MAX_STATE_BYTES && request.transition !== "delete") {
    const error = `the state has ${start.state.length} bytes, and with more than 64 MiB nothing further is made: split the template, and delete the workspace`;
    return failed(error);
  }
  if (signal.aborted) return failed("terraform was canceled before it began");
  if (start.adopted && start.state && !(await context.keepState(start.state))) return failed(TAKEN_OVER);
  const session = options.sessionFor(start.state ? parseState(start.state) : undefined);
  if ("error" in session) return failed(session.error);
  const prepared = await options.prepare();
  if (!prepared.ok) return failed(prepared.error);
  // While this process was stopped, another one may have begun.
  const begun = await awaitOthers(directory, signal);
  if (begun !== undefined) return failed(begun);
  if (start.orphans) {
    const error = await destroyOrphans(session, orphansDirOf(directory), prepared.directory, start.orphans);
    if (error !== undefined) return failed(`what an earlier attempt left could not be removed: ${error}`);
  }
  if (left.damaged) {
    const output = `an attempt that died left a damaged state, which may name what nothing else does: it is kept as ${await setAside(directory, new Date())}`;
    log({ level: "warn", stage: "state", output });
  }
  await fillRunDir(directory, prepared.directory, start.state);
  // Not only tried: without the note nobody could go on from what this build makes.
  await noteStored(directory, start.state);
  const onError = (error: unknown) => {
    log({ level: "warn", stage: "state", output: `what has been done could not be stored: ${messageOf(error)}` });
  };
  const { result, isWhole } = await change(session, { ...options, context }, start.state, onError);
  const isStored = await keepAtLast(result.state, context.keepState, onError);
  if (isStored && isWhole) await removeDirectory(directory, options);
  return result;
}

const TAKEN_OVER = "another worker has taken this build over";

/** Waits for what another process has started for this workspace; a sentence when that goes on. */
async function awaitOthers(directory: string, signal: AbortSignal): Promise<string | undefined> {
  return (await awaitLastWork(directory, signal)) ?? (await awaitLastWork(orphansDirOf(directory), signal));
}

/** Stores a state, and notes in the directory what becomes of it. The notes help whoever finds them; the state counts. */
function noting({ context, directory }: BuildOptions): BuildContext["keepState"] {
  return async (state) => {
    await noteOffered(directory, state).catch(() => {});
    const kept = await context.keepState(state);
    if (kept) await noteStored(directory, state).catch(() => {});
    return kept;
  };
}

/** What came of a change; and whether its state tells of all that was made, as far as Terraform knows. */
type Changed = { readonly result: BuildResult; readonly isWhole: boolean };

/** Plans and applies; the result holds the state that came of it. */
async function change(
  session: Session,
  { request, context, directory }: BuildOptions,
  state: Buffer | null,
  onError: (error: unknown) => void,
): Promise<Changed> {
  const whole = (result: BuildResult): Changed => ({ result, isWhole: true });
  const failed = (error: string, kept = state) => whole({ ok: false, state: kept, error });
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
  if (!(await context.keepState(state ?? Buffer.alloc(0)))) return failed(TAKEN_OVER);
  const watching = watchState(directory, { known: state, keep: context.keepState, onError });
  const { error, dump } = await applyIn(session, directory, { destroy });
  const known = await watching.stop();
  const after = await readAfterApply(directory, { known, dump, succeeded: error === undefined });
  const kept = after.state;
  if (after.problem !== undefined) {
    const problem = error === undefined ? after.problem : `${error}: ${after.problem}`;
    return { result: { ok: false, state: kept, error: problem }, isWhole: false };
  }
  if (error !== undefined) return failed(error, kept);
  if (destroy) {
    if (kept && !isEmpty(kept)) return failed("terraform destroyed everything, but its state still holds some", kept);
    return whole({ ok: true, state: null, agents: [] });
  }
  if (request.transition === "stop") return whole({ ok: true, state: kept, agents: [] });
  const names = new Set(agentsOf(kept ? parseState(kept) : undefined).map(({ name }) => name));
  const agents = (names.size > 0 ? [...names] : ["main"]).map((name) => ({ name, ready: true }));
  return whole({ ok: true, state: kept, agents, replacements: isClaim ? replacementsOf(planned.plan) : null });
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
  const { error } = await applyIn(session, directory, { destroy: true });
  if (error === undefined) await rm(directory, { recursive: true, force: true });
  return error;
}

function tellAboutLeftState({ adopted, orphans }: StartingState, options: BuildOptions): void {
  const tell = (level: "info" | "warn", output: string) => options.waiting.log({ level, stage: "state", output });
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
