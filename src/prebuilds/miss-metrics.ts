import { Counter, type Registry } from "prom-client";
import { labelsOf, POOL } from "./metrics.ts";
import type { PoolSample } from "./pool-sample.ts";

export type MissMetrics = {
  /** Counts a request that the pool had nothing ready for. */
  observeMiss(presetId: string): void;
  /** Tells how the pools are called. */
  publish(pools: readonly PoolSample[]): void;
};

/** Declares what this replica counts of the pools one by one. */
export function createMissMetrics(registry: Registry): MissMetrics {
  const misses = new Counter({
    name: "prebuildd_pool_misses_total",
    help: "Requests to this replica for a workspace of the pool that found none ready.",
    labelNames: POOL,
    registers: [registry],
  });
  let names = new Map<string, PoolSample>();
  /** Misses of pools whose names are not known yet: a pool is as a rule younger than the last refresh then. */
  let unnamed = new Map<string, number>();
  return {
    observeMiss(presetId) {
      const pool = names.get(presetId);
      if (pool) misses.inc(labelsOf(pool));
      else unnamed.set(presetId, (unnamed.get(presetId) ?? 0) + 1);
    },
    publish(pools) {
      names = new Map(pools.map((pool) => [pool.presetId, pool]));
      for (const pool of pools) {
        // Whoever looks at an increase does not see a series that begins at 1, so each begins at 0.
        if (pool.shown) misses.inc(labelsOf(pool), unnamed.get(pool.presetId) ?? 0);
      }
      unnamed = new Map();
    },
  };
}
