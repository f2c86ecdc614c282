import { setTimeout as delay } from "node:timers/promises";

/** One request to stop may arrive twice: from the terminal, and from npx or a supervisor that passes it on. */
export const REPEAT_MS = 250;

/**
 * Runs what goes on until its signal is aborted, which Ctrl-C does, and the end of whoever reads the output. It returns
 * no sooner than Ctrl-C can have arrived twice: a process that is ending no longer catches signals, so the second one
 * would make a failure of it.
 */
export async function untilInterrupted<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  let repeated: Promise<void> | undefined;
  process.on("SIGINT", () => {
    repeated ??= delay(REPEAT_MS);
    over.abort();
  });
  process.stdout.once("close", () => over.abort());
  try {
    return await run(over.signal);
  } finally {
    await repeated;
  }
}
