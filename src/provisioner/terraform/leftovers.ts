import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isUuid } from "../../uuid.ts";
import type { BuildRequest, Leftover, LeftoverContext } from "../driver.ts";
import type { Session } from "./commands.ts";
import { destroyOrphans } from "./execute.ts";
import { awaitLastWork } from "./last-work.ts";
import type { PreparedSource } from "./prepare.ts";
import { orphansDirOf, touchedAt, workspaceOf } from "./run-dir.ts";
import { addressesIn, parseState, type State, unknownTo } from "./state.ts";
import { readLeft } from "./state-files.ts";

/** Finds the workspaces of which something lies in the directory that nothing has touched for as long as `ageMs`. */
export async function findLeftovers(workspaces: string, ageMs: number): Promise<Leftover[]> {
  const ids = new Set((await namesIn(workspaces)).map(workspaceOf).filter(isUuid));
  const found: Leftover[] = [];
  for (const workspaceId of ids) {
    const path = join(workspaces, workspaceId);
    if (await hasRested(path, ageMs)) found.push({ workspaceId, path });
  }
  return found;
}

/** Removes directories that killed processes left and that are nobody's any more after `ageMs`. */
export async function removeOld(directory: string, ageMs: number): Promise<void> {
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    const at = await touchedAt(path);
    if (at !== undefined && at <= Date.now() - ageMs) await rm(path, { recursive: true, force: true });
  }
}

export type ClearOptions = {
  readonly request: BuildRequest;
  readonly context: LeftoverContext;
  /** The workspace's directory. */
  readonly directory: string;
  /** For how long nothing must have touched it. */
  readonly ageMs: number;
  readonly signal: AbortSignal;
  sessionFor(state: State | undefined): Session | { readonly error: string };
  prepare(): Promise<PreparedSource>;
};

/** Removes what lies here of a workspace; as the driver's `clearLeftover` promises. */
export async function clearLeftover(options: ClearOptions): Promise<readonly string[] | undefined> {
  const { request, context, directory, signal } = options;
  const orphansDir = orphansDirOf(directory);
  for (const dir of [directory, orphansDir]) {
    const running = await awaitLastWork(dir, signal);
    if (running !== undefined) throw new Error(running);
  }
  signal.throwIfAborted();
  // First what somebody was destroying already: that directory is needed for the rest.
  const lefts = [await readLeft(orphansDir, request.state), await readLeft(directory, request.state)];
  if (lefts.some(({ damaged }) => damaged)) {
    throw new Error("the state there cannot be read: see what it names, remove that, and then the directory");
  }
  const unknown = unknownTo(request.state, lefts);
  if (!unknown) throw new Error("what the workspace has is unknown: its stored state cannot be read");
  if (!((await hasRested(directory, options.ageMs)) && (await context.isFree()))) return undefined;
  if (unknown.length > 0) await destroy(unknown, orphansDir, options);
  // A build that has begun meanwhile uses the directory, or will find it.
  if (await context.isFree()) {
    for (const dir of [orphansDir, directory]) await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
  return unknown.flatMap(addressesIn);
}

async function destroy(
  unknown: readonly State[],
  orphansDir: string,
  { request, sessionFor, prepare }: ClearOptions,
): Promise<void> {
  const session = sessionFor(request.state ? parseState(request.state) : undefined);
  if ("error" in session) throw new Error(session.error);
  const prepared = await prepare();
  if (!prepared.ok) throw new Error(prepared.error);
  for (const orphans of unknown) {
    const error = await destroyOrphans(session, orphansDir, prepared.directory, orphans);
    if (error !== undefined) throw new Error(`${addressesIn(orphans).join(", ")} could not be destroyed: ${error}`);
  }
}

/** Whether something lies there, and nothing has touched it for as long as `ageMs`. */
async function hasRested(directory: string, ageMs: number): Promise<boolean> {
  const times = [await touchedAt(directory), await touchedAt(orphansDirOf(directory))];
  const latest = Math.max(...times.filter((time) => time !== undefined));
  return Number.isFinite(latest) && latest <= Date.now() - ageMs;
}

/** What is in a directory; nothing when it is not there yet. */
async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}
