import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { lock } from "proper-lockfile";

/** A holder that has not touched its lock for this long is dead. */
const STALE_MS = 10_000;
const TRY_EVERY_MS = 100;

/**
 * Does work that only one process at a time may do with a directory. Waiting ends with the signal. The work's own signal
 * is also aborted when the lock is lost, because this process was stopped for so long that it seemed dead.
 * @returns undefined when the signal ended the waiting
 */
export async function withInitLock<T>(
  directory: string,
  { signal, onWait }: { readonly signal: AbortSignal; onWait(): void },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  await mkdir(directory, { recursive: true });
  const lost = new AbortController();
  const release = await acquire(directory, { signal, onWait }, () => lost.abort(new Error("the lock was lost")));
  if (!release) return undefined;
  try {
    return await work(AbortSignal.any([signal, lost.signal]));
  } finally {
    // A lock that was lost is not ours to release.
    await release().catch(() => {});
  }
}

async function acquire(
  directory: string,
  { signal, onWait }: { readonly signal: AbortSignal; onWait(): void },
  onCompromised: () => void,
): Promise<(() => Promise<void>) | undefined> {
  const options = { lockfilePath: join(directory, "init.lock"), realpath: false, stale: STALE_MS, onCompromised };
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      return await lock(directory, options);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ELOCKED")) throw error;
      if (attempt === 1) onWait();
      await delay(TRY_EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}
