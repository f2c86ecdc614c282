import type { PresetPlan } from "./plan.ts";
import { isActive, type PresetSnapshot } from "./snapshot.ts";

type Planned = { readonly pool: PresetSnapshot; readonly plan: PresetPlan };

/**
 * Makes a function that is told of each pass and answers how long, in seconds, the pools that have become full in it had
 * been short. A pool that is paused, or no longer kept, does not count: nobody is filling it.
 */
export function createRefillWatch(): (pools: readonly Planned[], now: Date) => number[] {
  let shortSince = new Map<string, Date>();
  return (pools, now) => {
    const stillShort = new Map<string, Date>();
    const took: number[] = [];
    for (const { pool, plan } of pools) {
      if (pool.paused || !isActive(pool)) continue;
      const since = shortSince.get(pool.id);
      if (plan.state.eligible < plan.state.desired) stillShort.set(pool.id, since ?? now);
      else if (since) took.push((now.getTime() - since.getTime()) / 1_000);
    }
    shortSince = stillShort;
    return took;
  };
}
