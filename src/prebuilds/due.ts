import type { PresetPlan } from "./plan.ts";
import { sizeChanges } from "./schedule.ts";
import { isActive, type PresetSnapshot } from "./snapshot.ts";

type Planned = { readonly pool: PresetSnapshot; readonly plan: PresetPlan };

/**
 * The next instant, until `until`, at which a pool will need something merely because time has passed: a backoff is
 * over, or a schedule changes the pool's size. Undefined when there is none.
 */
export function nextDueAt(pools: readonly Planned[], now: Date, until: Date): Date | undefined {
  let next = until.getTime() + 1;
  for (const { pool, plan } of pools) {
    if (pool.paused) continue;
    for (const action of plan.actions) {
      // A backoff includes its last instant.
      if (action.kind === "backoff") next = Math.min(next, action.until.getTime() + 1);
    }
    if (pool.scheduling === null || !isActive(pool)) continue;
    const { value: change } = sizeChanges(pool.desiredInstances, pool.scheduling, now, until).next();
    if (change) next = Math.min(next, change.at.getTime());
  }
  return next > until.getTime() ? undefined : new Date(next);
}
