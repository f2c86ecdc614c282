import { shareInFlight } from "./in-flight.ts";
import { type FailedPrebuild, isActive, type PresetSnapshot, type RunningPrebuild, withheldBy } from "./snapshot.ts";
import { type PoolState, splitByAge, stateOf } from "./state.ts";

/** What a pass does to a pool, with the reason that logs, metrics and the status repeat. */
export type Action =
  | { readonly kind: "create"; readonly count: number; readonly reason: "below_target" }
  | {
      readonly kind: "delete";
      readonly ids: readonly string[];
      readonly reason: "expired" | "extraneous" | "inactive" | "failed" | "delete_failed";
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
  /** How long one recent failure delays the next creations, and one failed deletion the next, in milliseconds. */
  readonly backoffIntervalMs: number;
  /** The most prebuilds of all pools that are being started at once; 0 means any number. */
  readonly maxInFlight: number;
  /** How long a failed prebuild is kept for people to look at, in milliseconds. */
  readonly failedRetentionMs: number;
};

/** A deletion that keeps failing is tried again at least this often. */
const LONGEST_DELETE_WAIT_MS = 3_600_000;

/** Decides what all pools need now. The same snapshots and time give the same plans, in the same order. */
export function planPresets(
  presets: readonly PresetSnapshot[],
  settings: PlanSettings,
  now: Date,
): readonly PresetPlan[] {
  const plans = presets.map((preset) => planPreset(preset, settings, now));
  return shareInFlight(presets, plans, settings.maxInFlight);
}

/** Decides what one pool needs now, without regard to the others. */
export function planPreset(preset: PresetSnapshot, settings: PlanSettings, now: Date): PresetPlan {
  const state = stateOf(preset, now);
  const skip = isSkippable(preset);
  if (skip || preset.paused) return { id: preset.id, skip, state, actions: [] };
  const actions = isActive(preset)
    ? [...removeSurplus(preset, state, now), ...cleanUp(preset, settings, now), ...fill(preset, state, settings, now)]
    : [...drain(preset), ...cleanUp(preset, settings, now)];
  return { id: preset.id, skip, state, actions };
}

/** The part of a plan that a pass executes: a pool that creates nothing anyway has nothing to wait for either. */
export function executable(preset: PresetSnapshot, plan: PresetPlan): PresetPlan {
  if (withheldBy(preset) === undefined) return plan;
  return { ...plan, actions: plan.actions.filter(({ kind }) => kind !== "create" && kind !== "backoff") };
}

/** A pool that is no longer kept and has nothing left that could be deleted or canceled is not worth a closer look. */
function isSkippable(preset: PresetSnapshot): boolean {
  return (
    !isActive(preset) &&
    preset.running.length === 0 &&
    preset.pending === 0 &&
    preset.failed.length === 0 &&
    preset.backoff === null
  );
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

/** A pool that is kept: first expired prebuilds go, then the oldest of those above the target. */
function removeSurplus(preset: PresetSnapshot, state: PoolState, now: Date): Action[] {
  const actions: Action[] = [];
  const { fresh, expired } = splitByAge(preset, now);
  if (expired.length > 0) actions.push({ kind: "delete", ids: idsOf(expired), reason: "expired" });
  if (state.extraneous > 0) {
    const oldest = oldestFirst(fresh).slice(0, state.extraneous);
    actions.push({ kind: "delete", ids: idsOf(oldest), reason: "extraneous" });
  }
  return actions;
}

/** What failed to start goes when people have had time to look at it; what failed to go is asked to go again. */
function cleanUp(preset: PresetSnapshot, settings: PlanSettings, now: Date): Action[] {
  const actions: Action[] = [];
  const due = preset.failed.filter((prebuild) => now.getTime() >= cleanUpAt(prebuild, settings));
  const failed = due.filter(({ failedDeletes }) => failedDeletes === 0);
  const undeleted = due.filter(({ failedDeletes }) => failedDeletes > 0);
  if (failed.length > 0) actions.push({ kind: "delete", ids: idsOf(failed), reason: "failed" });
  if (undeleted.length > 0) actions.push({ kind: "delete", ids: idsOf(undeleted), reason: "delete_failed" });
  return actions;
}

function cleanUpAt({ failedAt, failedDeletes }: FailedPrebuild, settings: PlanSettings): number {
  const wait = Math.min(failedDeletes * settings.backoffIntervalMs, LONGEST_DELETE_WAIT_MS);
  return failedAt.getTime() + (failedDeletes === 0 ? settings.failedRetentionMs : wait);
}

/**
 * What is missing is created. Recent failures hold back the creating only, because a deletion cannot fail for the
 * reason a start did.
 */
function fill(preset: PresetSnapshot, state: PoolState, settings: PlanSettings, now: Date): Action[] {
  const missing = state.desired - (state.actual - state.expired) - state.starting;
  if (missing <= 0) return [];
  const until = backoffUntil(preset, settings);
  return until !== undefined && now.getTime() <= until.getTime()
    ? [{ kind: "backoff", until, reason: "recent_failures" }]
    : [{ kind: "create", count: missing, reason: "below_target" }];
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

const idsOf = (prebuilds: readonly { readonly id: string }[]): string[] => prebuilds.map(({ id }) => id);
