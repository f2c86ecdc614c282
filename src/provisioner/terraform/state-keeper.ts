import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FILES } from "./run-dir.ts";
import { parseState } from "./state.ts";

/** The largest state that is stored while Terraform works on it; at its end each one is. */
const MAX_WATCHED_BYTES = 16 * 1024 * 1024;

/** How often a state that Terraform is working on is looked at. */
const LOOK_EVERY_MS = 250;

/** Stores a state; false when another worker has the build and only its state counts. */
export type KeepState = (state: Buffer) => Promise<boolean>;

type WatchOptions = {
  /** What is stored already. */
  readonly known: Buffer | null;
  readonly keep: KeepState;
  readonly onError: (error: unknown) => void;
};

/**
 * Stores the state in a directory whenever Terraform has written it, which it does for each resource, so that what
 * exists is known even if this machine is gone before the build ends. Stopping waits for what is being stored, and tells
 * what was stored last.
 */
export function watchState(
  directory: string,
  { known, keep, onError }: WatchOptions,
): { stop(): Promise<Buffer | null> } {
  const path = join(directory, FILES.state);
  const stopping = new AbortController();
  let seen = "";
  let stored = known;

  async function look(): Promise<void> {
    const info = await stat(path, { bigint: true }).catch(() => undefined);
    const version = info ? `${info.ino} ${info.size} ${info.mtimeNs}` : "";
    if (!info || version === seen || info.size > MAX_WATCHED_BYTES) return;
    const state = await readFile(path);
    // It may just be being written; the next look finds it whole.
    if (!parseState(state)) return;
    if (!stored?.equals(state)) await keep(state);
    stored = state;
    seen = version;
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {});
      if (!stopping.signal.aborted) await look().catch(onError);
    }
  }

  const watching = watch();
  return {
    async stop() {
      stopping.abort();
      await watching;
      return stored;
    },
  };
}

/** A quarter of a second, half a second, one, two and four: what has been made is worth some patience. */
const KEEP_ATTEMPTS = 6;

/** Stores the state at a build's end; false when that did not succeed, or another worker has the build. */
export async function keepAtLast(
  state: Buffer | null,
  keep: KeepState,
  onError: (error: unknown) => void,
): Promise<boolean> {
  for (let attempt = 1; attempt <= KEEP_ATTEMPTS; attempt += 1) {
    try {
      return await keep(state ?? Buffer.alloc(0));
    } catch (error) {
      onError(error);
      if (attempt < KEEP_ATTEMPTS) await delay(2 ** attempt * 125);
    }
  }
  return false;
}
