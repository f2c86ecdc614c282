/** Does things one by one for its callers, and as few times as possible underneath. */
export type Batcher<Item, Result> = (item: Item, signal?: AbortSignal) => Promise<Result>;

type BatchOptions<Item, Result> = {
  /** How many batches are under way at the same time; what arrives meanwhile becomes the next one. */
  readonly lanes: number;
  readonly largest: number;
  /**
   * Does it for several items. Results stand in the order of the items; one that is an Error is the failure of its item
   * alone. When it throws, nothing was done for any of them.
   */
  work(items: readonly Item[]): Promise<readonly (Result | Error)[]>;
  /** Whether a batch failed because of one of its items, so that the others may succeed without it. */
  isItemsFault(error: unknown): boolean;
};

type Waiting<Item, Result> = {
  readonly item: Item;
  readonly signal: AbortSignal | undefined;
  readonly answer: PromiseWithResolvers<Result>;
};

/**
 * Collects the items that arrive while earlier ones are being worked on, and works on them together: alone when it is
 * quiet, so that nobody waits, and in ever larger batches the busier it gets. When one bad item has made a batch fail,
 * each of its items is tried by itself. An item whose signal is aborted before its turn is not worked on.
 */
export function createBatcher<Item, Result>(options: BatchOptions<Item, Result>): Batcher<Item, Result> {
  const waiting: Waiting<Item, Result>[] = [];
  let running = 0;

  function start(): void {
    while (running < options.lanes && waiting.length > 0) {
      const batch = waiting.splice(0, options.largest).filter(isWanted);
      if (batch.length === 0) continue;
      running += 1;
      void work(batch).finally(() => {
        running -= 1;
        start();
      });
    }
  }

  function isWanted({ signal, answer }: Waiting<Item, Result>): boolean {
    if (!signal?.aborted) return true;
    answer.reject(signal.reason);
    return false;
  }

  async function work(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await options.work(batch.map(({ item }) => item));
      for (const [index, { answer }] of batch.entries()) {
        const result = results[index];
        if (result instanceof Error) answer.reject(result);
        else answer.resolve(result as Result);
      }
    } catch (error) {
      if (batch.length > 1 && options.isItemsFault(error)) for (const one of batch) await work([one]);
      else for (const { answer } of batch) answer.reject(error);
    }
  }

  return (item, signal) => {
    const answer = Promise.withResolvers<Result>();
    waiting.push({ item, signal, answer });
    // After this turn, so that requests which arrive in the same one go together.
    queueMicrotask(start);
    return answer.promise;
  };
}
