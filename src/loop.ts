import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "./log.ts";

export type Loop = AsyncDisposable & {
  /** Asks for a run now. Any number of requests during a run become one run after it. */
  poke(): void;
  /** Milliseconds since the last run ended (or since the start); compare with the interval to see a stall. */
  idleMs(): number;
};

type LoopOptions = {
  readonly name: string;
  readonly intervalMs: number;
  /**
   * The least time between the starts of two runs, so that a burst of pokes is a handful of runs. It is `least` at
   * first, twice as much after each run that was poked while it ran or rested, up to `most`, and `least` again after a
   * run that was not. Left out, runs may follow one another at once.
   */
  readonly spacingMs?: { readonly least: number; readonly most: number };
  readonly log: Logger;
  work(signal: AbortSignal): Promise<void>;
  /** Asked after each run: in how many milliseconds the next one is due, when that is before the interval is over. */
  dueInMs?(): number | undefined;
};

/**
 * Runs `work` at once, then whenever it is poked, and at least every interval; never twice at the same time. An error
 * is logged and the next run is as usual. Disposing aborts the signal and waits for the run to end.
 */
export function startLoop({ name, intervalMs, spacingMs, log, work, dueInMs }: LoopOptions): Loop {
  const stop = new AbortController();
  let poked = Promise.withResolvers<void>();
  let wasPoked = false;
  let endedAt = performance.now();

  async function run(): Promise<void> {
    let spacing = spacingMs?.least ?? 0;
    while (!stop.signal.aborted) {
      poked = Promise.withResolvers();
      wasPoked = false;
      const startedAt = performance.now();
      try {
        await work(stop.signal);
      } catch (err) {
        if (!stop.signal.aborted) log.error({ err }, `${name} failed; it runs again at the next interval`);
      }
      endedAt = performance.now();
      if (spacingMs) {
        const tookMs = endedAt - startedAt;
        // A run that takes long is followed by a rest twice as long, so that the loop uses a third of its time at most.
        await pause(Math.max(spacing - tookMs, Math.min(2 * tookMs, intervalMs)), stop.signal);
        spacing = wasPoked ? Math.min(2 * spacing, spacingMs.most) : spacingMs.least;
      }
      const untilInterval = Math.max(intervalMs - (performance.now() - endedAt), 0);
      await pokedOr(Math.min(dueInMs?.() ?? untilInterval, untilInterval));
    }
  }

  async function pokedOr(ms: number): Promise<void> {
    const waiting = new AbortController();
    await Promise.race([poked.promise, pause(ms, AbortSignal.any([stop.signal, waiting.signal]))]);
    waiting.abort(); // or every poke would leave a timer of a whole interval behind
  }

  async function pause(ms: number, signal: AbortSignal): Promise<void> {
    await delay(ms, undefined, { signal }).catch(() => {});
  }

  const running = run();
  return {
    poke() {
      wasPoked = true;
      poked.resolve();
    },
    idleMs: () => performance.now() - endedAt,
    async [Symbol.asyncDispose]() {
      stop.abort();
      poked.resolve();
      await running;
    },
  };
}
