import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { targetAt } from "../prebuilds/schedule.ts";
import { notify } from "./notify.ts";
import { readMissedPools } from "./store.ts";

/** Counts the requests for a workspace that found nothing, and tells of them now and then. */
export type MissWatch = {
  /** Counts one; costs nothing, because such requests come in crowds. */
  onMiss(presetId: string): void;
  /** Tells of what has been counted since; pools that are to be empty now are not worth telling of. */
  flush(): Promise<void>;
};

/** Makes a watch that has counted nothing yet. */
export function createMissWatch(context: Pick<Context, "pool" | "queue" | "clock">): MissWatch {
  let counts = new Map<string, number>();

  function add(presetId: string, misses: number): void {
    counts.set(presetId, (counts.get(presetId) ?? 0) + misses);
  }

  return {
    onMiss: (presetId) => add(presetId, 1),
    async flush() {
      if (counts.size === 0) return;
      const untold = counts;
      counts = new Map();
      try {
        const now = context.clock.now();
        const missed = await readMissedPools(context.pool, [...untold.keys()]);
        for (const { pool, desiredInstances, scheduling } of missed) {
          const misses = untold.get(pool.presetId) ?? 0;
          if (targetAt(desiredInstances, scheduling, now) > 0) {
            await withTransaction(context.pool, BEGIN.readWrite, (client) =>
              notify(context, client, { event: "pool_empty", pool, misses }),
            );
          }
          untold.delete(pool.presetId);
        }
      } catch (error) {
        for (const [presetId, misses] of untold) add(presetId, misses);
        throw error;
      }
    },
  };
}
