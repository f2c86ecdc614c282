import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { readTooFull } from "./store.ts";

const EVERY_MS = 50;

/** Looks all the time whether any pool has more than it should, and returns what it has seen when it is stopped. */
export function watchPools(database: pg.Pool): { stop(): Promise<{ looks: number; violations: string[] }> } {
  const stopping = new AbortController();
  const seen = new Set<string>();
  let looks = 0;
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      const tooFull = await readTooFull(database).catch(() => undefined); // the database is away
      if (tooFull) looks += 1;
      for (const { preset, desired, members } of tooFull ?? [])
        seen.add(`pool ${preset} had ${members} prebuilds instead of ${desired}`);
      await delay(EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await watching;
      return { looks, violations: [...seen] };
    },
  };
}
