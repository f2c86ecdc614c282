import { targetAt } from "./schedule.ts";
import { isActive, type PresetSnapshot, type RunningPrebuild } from "./snapshot.ts";

/** A pool in numbers; the same for the plan, the status and the metrics. */
export type PoolState = {
  readonly desired: number;
  /** All running prebuilds, expired ones included. */
  readonly actual: number;
  readonly expired: number;
  /** Running, ready and not expired: can be claimed now. */
  readonly eligible: number;
  /** Running, not expired and more than desired. */
  readonly extraneous: number;
  readonly starting: number;
  readonly stopping: number;
  readonly deleting: number;
};

/**
 * The creation time of the oldest prebuild that is not expired: older ones have outlived the pool's ttl or were made
 * before the last invalidation. Null when prebuilds of any age are good.
 */
export function oldestFresh(preset: Pick<PresetSnapshot, "ttlSeconds" | "lastInvalidatedAt">, now: Date): Date | null {
  const ttl = preset.ttlSeconds ?? 0;
  const limits = [
    ...(preset.lastInvalidatedAt === null ? [] : [preset.lastInvalidatedAt.getTime()]),
    ...(ttl > 0 ? [now.getTime() - ttl * 1_000] : []),
  ];
  return limits.length > 0 ? new Date(Math.max(...limits)) : null;
}

/** A pool's running prebuilds, told apart by whether they have outlived its ttl or its last invalidation. */
export function splitByAge(
  preset: PresetSnapshot,
  now: Date,
): { fresh: RunningPrebuild[]; expired: RunningPrebuild[] } {
  const limit = oldestFresh(preset, now);
  const isExpired = ({ createdAt }: RunningPrebuild) => limit !== null && createdAt < limit;
  const { fresh = [], expired = [] } = Object.groupBy(preset.running, (one) => (isExpired(one) ? "expired" : "fresh"));
  return { fresh, expired };
}

/** Counts one pool at `now`. */
export function stateOf(preset: PresetSnapshot, now: Date): PoolState {
  const active = isActive(preset);
  const { fresh, expired } = splitByAge(preset, now);
  const desired = active ? targetAt(preset.desiredInstances, preset.scheduling, now) : 0;
  return {
    desired,
    actual: preset.running.length,
    expired: expired.length,
    eligible: active ? fresh.filter((prebuild) => prebuild.ready).length : 0,
    extraneous: active ? Math.max(fresh.length - desired, 0) : 0,
    starting: preset.inProgress.start,
    stopping: preset.inProgress.stop,
    deleting: preset.inProgress.delete,
  };
}
