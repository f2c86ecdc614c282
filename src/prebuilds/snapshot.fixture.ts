import type { Action, PlanSettings } from "./plan.ts";
import type { FailedPrebuild, PresetSnapshot, RunningPrebuild } from "./snapshot.ts";
import type { PoolState } from "./state.ts";

/** The time of the tests: a Monday, noon. */
export const T = new Date("2025-06-02T12:00:00Z");

/** So many seconds after that. */
export const at = (seconds: number): Date => new Date(T.getTime() + seconds * 1_000);

export const SETTINGS: PlanSettings = { backoffIntervalMs: 5_000, maxInFlight: 0, failedRetentionMs: 60_000 };

/** A running prebuild that is ready. */
export const prebuild = (id: string, createdAt = T): RunningPrebuild => ({ id, createdAt, ready: true });

/** A running prebuild that is not ready yet. */
export const unready = (id: string, createdAt = T): RunningPrebuild => ({ id, createdAt, ready: false });

/** A prebuild whose start failed, or whose deletion failed so many times. */
export const failed = (id: string, failedAt: Date, failedDeletes = 0): FailedPrebuild => {
  return { id, failedAt, failedDeletes };
};

/** A kept pool of one prebuild that has nothing, except for what is given. */
export const preset = (given: Partial<PresetSnapshot>): PresetSnapshot => ({
  id: "p1",
  active: true,
  templateDeleted: false,
  deprecated: false,
  desiredInstances: 1,
  ttlSeconds: null,
  lastInvalidatedAt: null,
  status: "healthy",
  hardLimited: false,
  paused: false,
  scheduling: null,
  running: [],
  failed: [],
  inProgress: { start: 0, stop: 0, delete: 0 },
  pending: 0,
  backoff: null,
  ...given,
});

export const inProgress = (given: Partial<PresetSnapshot["inProgress"]>) => ({
  start: 0,
  stop: 0,
  delete: 0,
  ...given,
});

/** A pool's numbers: 0 where nothing is given. */
export const state = (given: Partial<PoolState>): PoolState => ({
  desired: 0,
  actual: 0,
  expired: 0,
  eligible: 0,
  extraneous: 0,
  starting: 0,
  stopping: 0,
  deleting: 0,
  ...given,
});

export const create = (count: number): Action => ({ kind: "create", count, reason: "below_target" });

export const remove = (reason: Extract<Action, { kind: "delete" }>["reason"], ...ids: string[]): Action => {
  return { kind: "delete", ids, reason };
};

export const cancel: Action = { kind: "cancel_pending", reason: "inactive" };

export const backoff = (until: Date): Action => ({ kind: "backoff", until, reason: "recent_failures" });
