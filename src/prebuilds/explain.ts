import type { PresetPlan } from "./plan.ts";
import type { PresetSnapshot } from "./snapshot.ts";

/** Why a pool has fewer prebuilds ready than it should. */
export type Shortfall = {
  readonly reason:
    | "building"
    | "not_ready"
    | "below_target"
    | "recent_failures"
    | "hard_limited"
    | "validation_failed"
    | "paused"
    | "expired";
  /** How many prebuilds this explains. */
  readonly count: number;
  readonly until?: Date;
};

/** All reasons for which a pool is not full; empty when as many are ready as should be. */
export function explainShortfall(preset: PresetSnapshot, plan: PresetPlan): Shortfall[] {
  const { state } = plan;
  if (state.eligible >= state.desired) return [];
  const shortfalls: Shortfall[] = [];
  const add = (reason: Shortfall["reason"], count: number, until?: Date) => {
    if (count > 0) shortfalls.push({ reason, count, ...(until ? { until } : {}) });
  };
  const fresh = state.actual - state.expired;
  add("building", state.starting);
  add("not_ready", fresh - state.eligible);
  const missing = state.desired - fresh - state.starting;
  const backoff = plan.actions.find((action) => action.kind === "backoff");
  if (preset.paused) add("paused", missing);
  else if (preset.status !== "healthy") add(preset.status, missing);
  else if (backoff) add("recent_failures", missing, backoff.until);
  else add("below_target", missing);
  add("expired", Math.min(state.expired, Math.max(missing, 0)));
  return shortfalls;
}
