import { isActive, type PresetSnapshot, type RunningPrebuild } from "./snapshot.ts";
import { isExpired, type PoolState, stateOf } from "./state.ts";

/** What a pass does to a pool, with the reason that logs, metrics and the status repeat. */
export type Action =
  | { readonly kind: "create"; readonly count: number; readonly reason: "below_target" }
  | {
      readonly kind: "delete";
      readonly ids: readonly string[];
      readonly reason: "expired" | "extraneous" | "inactive";
    }
  | { readonly kind: "cancel_pending"; readonly reason: "inactive" }
  | { readonly kind: "backoff"; readonly until: Date; readonly reason: "recent_failures" };

export type PresetPlan = {
  readonly id: string;
  /** Nothing can need doing, so that the pass need not look closer; implies that there are no actions. */
  readonly skip: boolean;
  readonly state: PoolState;
  /** In the order in which they are to be executed. */
  readonly actions: readonly Action[];
};

export type PlanSettings = {
  /** How long one recent failure delays the next creations, in milliseconds. */
  readonly backoffIntervalMs: number;
};

/** Decides what one pool needs now. The same snapshot and time give the same plan. */
export function planPreset(preset: PresetSnapshot, settings: PlanSettings, now: Date): PresetPlan {
  const state = stateOf(preset, now);
  const skip = isSkippable(preset);
  const actions = skip || preset.paused ? [] : isActive(preset) ? keep(preset, state, settings, now) : drain(preset);
  return { id: preset.id, skip, state, actions };
}

/** A pool that is no longer kept, has no members and nothing under way is not worth a closer look. */
function isSkippable(preset: PresetSnapshot): boolean {
  return !isActive(preset) && preset.running.length === 0 && preset.pending === 0 && preset.backoff === null;
}

/** A pool that is no longer kept: what has not begun is canceled, and all that runs goes, expired or not. */
function drain(preset: PresetSnapshot): Action[] {
  const actions: Action[] = [];
  if (preset.pending > 0) actions.push({ kind: "cancel_pending", reason: "inactive" });
  if (preset.running.length > 0) {
    actions.push({ kind: "delete", ids: idsOf(oldestFirst(preset.running)), reason: "inactive" });
  }
  return actions;
}

/**
 * A pool that is kept: first expired prebuilds go, then the oldest of those above the target, then what is missing is
 * created. Recent failures hold back the creating only, because a deletion cannot fail for the reason a start did.
 */
function keep(preset: PresetSnapshot, state: PoolState, settings: PlanSettings, now: Date): Action[] {
  const actions: Action[] = [];
  const expired = preset.running.filter((prebuild) => isExpired(preset, prebuild, now));
  if (expired.length > 0) actions.push({ kind: "delete", ids: idsOf(expired), reason: "expired" });

  if (state.extraneous > 0) {
    const fresh = oldestFirst(preset.running.filter((prebuild) => !isExpired(preset, prebuild, now)));
    actions.push({ kind: "delete", ids: idsOf(fresh.slice(0, state.extraneous)), reason: "extraneous" });
  }

  const missing = state.desired - (state.actual - state.expired) - state.starting;
  if (missing > 0) {
    const until = backoffUntil(preset, settings);
    actions.push(
      until !== undefined && now.getTime() <= until.getTime()
        ? { kind: "backoff", until, reason: "recent_failures" }
        : { kind: "create", count: missing, reason: "below_target" },
    );
  }
  return actions;
}

/** The last instant at which recent failures hold back creations: each failure adds one interval to the wait. */
function backoffUntil(preset: PresetSnapshot, settings: PlanSettings): Date | undefined {
  const backoff = preset.backoff;
  if (backoff === null || backoff.numFailed <= 0) return undefined;
  return new Date(backoff.lastBuildAt.getTime() + backoff.numFailed * settings.backoffIntervalMs);
}

function oldestFirst(prebuilds: readonly RunningPrebuild[]): RunningPrebuild[] {
  return prebuilds.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
}

const idsOf = (prebuilds: readonly RunningPrebuild[]): string[] => prebuilds.map((prebuild) => prebuild.id);
