/** How work waits for its turn. */
type Waiting = { readonly signal: AbortSignal; onWait(): void };

/** @returns what the work returned; undefined when the signal ended the waiting */
export type InTurn = <T>(key: string, waiting: Waiting, work: () => Promise<T>) => Promise<T | undefined>;

/** Makes pieces of work with the same key follow one another, within this process. */
export function createTurns(): InTurn {
  const lasts = new Map<string, Promise<void>>();

  return async function inTurn(key, { signal, onWait }, work) {
    const before = lasts.get(key);
    const ended = Promise.withResolvers<void>();
    // Who gives up waiting does not make those behind it any earlier.
    const last: Promise<void> = Promise.all([before, ended.promise]).then(() => {
      if (lasts.get(key) === last) lasts.delete(key);
    });
    lasts.set(key, last);
    try {
      if (before !== undefined) {
        onWait();
        if (!(await comesBefore(before, signal))) return undefined;
      }
      return await work();
    } finally {
      ended.resolve();
    }
  };
}

/** Whether the promise resolves before the signal is aborted. */
async function comesBefore(promise: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  const aborted = Promise.withResolvers<false>();
  const giveUp = () => aborted.resolve(false);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([promise.then(() => true), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
