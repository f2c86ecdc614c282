import { createCount } from "./in-flight.ts";
import type { PresetPlan } from "./plan.ts";
import { type PresetSnapshot, withheldBy } from "./snapshot.ts";

/** Why a pool has fewer prebuilds ready than it should. */
export type Shortfall = {
  readonly reason:
    | "building"
    | "not_ready"
    | "paused"
    | "validation_failed"
    | "hard_limited"
    | "recent_failures"
    | "capped"
    | "expired"
    | "below_target";
  /** How many prebuilds this explains. */
  readonly count: number;
  readonly until?: Date;
};

/**
 * All reasons for which a pool is not full, so that each missing prebuild is explained once; empty when as many are
 * ready as should be.
 */
export function explainShortfall(preset: PresetSnapshot, plan: PresetPlan): Shortfall[] {
  const { desired, actual, expired, eligible, starting } = plan.state;
  const shortfalls: Shortfall[] = [];
  let unexplained = desired - eligible;
  const explain = (reason: Shortfall["reason"], most: number, until?: Date) => {
    const count = Math.min(most, unexplained);
    if (count <= 0) return;
    unexplained -= count;
    shortfalls.push({ reason, count, ...(until ? { until } : {}) });
  };

  explain("not_ready", actual - expired - eligible);
  explain("building", starting);
  if (preset.paused) explain("paused", unexplained);
  const withheld = withheldBy(preset);
  if (withheld) explain(withheld, unexplained);
  const backoff = plan.actions.find((action) => action.kind === "backoff");
  if (backoff) explain("recent_failures", unexplained, backoff.until);
  explain("capped", unexplained - createCount(plan));
  explain("expired", expired);
  explain("below_target", unexplained);
  return shortfalls;
}
