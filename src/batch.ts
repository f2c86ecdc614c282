/** Does things one by one for its callers, and as few times as possible underneath. */
export type Batcher<Item, Result> = (item: Item) => Promise<Result>;

type BatchOptions<Item, Result> = {
  /** How many batches are under way at the same time; what arrives meanwhile becomes the next one. */
  readonly lanes: number;
  readonly largest: number;
  /** Does it for several items, all or nothing; results stand in the order of the items. */
  work(items: readonly Item[]): Promise<readonly Result[]>;
};

type Waiting<Item, Result> = { readonly item: Item; readonly answer: PromiseWithResolvers<Result> };

/**
 * Collects the items that arrive while earlier ones are being worked on, and works on them together: alone when it is
 * quiet, so that nobody waits, and in ever larger batches the busier it gets. When a batch fails, each of its items is
 * tried by itself, so that one bad item does not spoil the others.
 */
export function createBatcher<Item, Result>(options: BatchOptions<Item, Result>): Batcher<Item, Result> {
  const waiting: Waiting<Item, Result>[] = [];
  let running = 0;

  function start(): void {
    while (running < options.lanes && waiting.length > 0) {
      running += 1;
      void work(waiting.splice(0, options.largest)).finally(() => {
        running -= 1;
        start();
      });
    }
  }

  async function work(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await options.work(batch.map(({ item }) => item));
      for (const [index, { answer }] of batch.entries()) answer.resolve(results[index] as Result);
    } catch (error) {
      if (batch.length === 1) batch[0]?.answer.reject(error);
      else for (const one of batch) await work([one]);
    }
  }

  return (item) => {
    const answer = Promise.withResolvers<Result>();
    waiting.push({ item, answer });
    // After this turn, so that requests which arrive in the same one go together.
    queueMicrotask(start);
    return answer.promise;
  };
}
