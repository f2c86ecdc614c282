import { createHash } from "node:crypto";
import { appendFile, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { FILES } from "./run-dir.ts";
import { isLater, type LeftState, parseState } from "./state.ts";
import type { StateDump } from "./state-dump.ts";

/** No state at all, as it is stored and noted. */
const NOTHING = Buffer.alloc(0);

/**
 * Reads what an attempt has left in the directory as its state, whatever has become of it.
 * @returns also whether there is a state that cannot be read, so that more may exist than what is returned
 */
export async function readLeft(
  directory: string,
  stored: Buffer | null,
): Promise<LeftState & { readonly damaged: boolean }> {
  const { file, written } = await readWritten(directory, []);
  const notes = await readNotes(directory);
  const state = written ?? furthest([await readIn(directory, FILES.backup)]);
  // Terraform makes an empty file when it begins with nothing; otherwise it was just writing.
  const damaged = !written && file !== null && (file.length > 0 || notes.heldSomething);
  return {
    state,
    kept: state !== null && notes.stored.has(fingerprint(state)),
    goesOn: notes.offered.has(fingerprint(stored ?? NOTHING)),
    damaged,
  };
}

/** What an apply has left; with a problem, what was known of it last. */
export type StateAfter = { readonly state: Buffer | null; readonly problem?: string };

/** Reads the state after an apply that has ended, which the state of before it must never be taken for. */
export async function readAfterApply(
  directory: string,
  apply: {
    /** What was stored last. */
    readonly known: Buffer | null;
    readonly succeeded: boolean;
    readonly dump: StateDump;
  },
): Promise<StateAfter> {
  const { file, written } = await readWritten(directory, [apply.dump.bytes]);
  if (written) return { state: written };
  const state = furthest([apply.known, await readIn(directory, FILES.backup)]) ?? apply.known;
  const advice = "What was known last is kept: see what exists before you build again";
  if (apply.dump.begun || (file && file.length > 0)) {
    const problem = `terraform's state in ${directory} is damaged, as it is when a disk is full. ${advice}`;
    return { state, problem };
  }
  if (apply.succeeded) {
    const problem = `terraform has left no state in ${directory}: does the template bring a backend of its own along? ${advice}`;
    return { state, problem };
  }
  if (apply.known && apply.known.length > 0) {
    return { state, problem: `terraform's state in ${directory} is gone. ${advice}` };
  }
  return { state: null };
}

/** Reads Terraform's file, and the furthest state of it and of others that tell of the same apply. */
async function readWritten(directory: string, others: readonly (Buffer | null)[]) {
  const file = await readIn(directory, FILES.state);
  return { file, written: furthest([file, await readIn(directory, FILES.errored), ...others]) };
}

/** The latest state of them; of those that cannot be compared, the first. */
function furthest(candidates: readonly (Buffer | null)[]): Buffer | null {
  let best: Buffer | null = null;
  for (const candidate of candidates) {
    const state = candidate ? parseState(candidate) : undefined;
    const bestState = best ? parseState(best) : undefined;
    if (candidate && state && (!bestState || isLater(state, bestState))) best = candidate;
  }
  return best;
}

async function readIn(directory: string, name: string): Promise<Buffer | null> {
  return await readFile(join(directory, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}

/** Puts a state that cannot be read where no build and no sweep touches it. @returns where that is */
export async function setAside(directory: string, now: Date): Promise<string> {
  const path = `${directory}.damaged-${now.toISOString().replaceAll(":", "")}`;
  await rename(join(directory, FILES.state), path);
  return path;
}

/** Notes that a state is about to be stored: whoever finds it stored knows that what is here went on from it. */
export async function noteOffered(directory: string, state: Buffer | null): Promise<void> {
  await note(directory, "offered", state);
}

/** Notes that a state is stored. */
export async function noteStored(directory: string, state: Buffer | null): Promise<void> {
  await note(directory, "stored", state);
}

/** In a line of its own, also behind one that a full disk has cut. */
async function note(directory: string, what: "offered" | "stored", state: Buffer | null): Promise<void> {
  await appendFile(join(directory, FILES.kept), `\n${what} ${fingerprint(state ?? NOTHING)}\n`);
}

async function readNotes(directory: string) {
  const text = (await readIn(directory, FILES.kept))?.toString("latin1") ?? "";
  const lines = [...text.matchAll(/^(offered|stored) ([0-9a-f]{64})$/gm)];
  const offered = new Set(lines.map(([, , print = ""]) => print));
  const stored = new Set(lines.filter(([, what]) => what === "stored").map(([, , print = ""]) => print));
  return { offered, stored, heldSomething: [...offered].some((print) => print !== fingerprint(NOTHING)) };
}

function fingerprint(state: Buffer): string {
  return createHash("sha256").update(state).digest("hex");
}
