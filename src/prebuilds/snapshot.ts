/** A prebuild whose latest build is a succeeded start. */
export type RunningPrebuild = {
  readonly id: string;
  readonly createdAt: Date;
  /** All its agents are ready. */
  readonly ready: boolean;
};

/** A prebuild whose latest build failed: its start, or its deletion. */
export type FailedPrebuild = {
  readonly id: string;
  /** When that build ended. */
  readonly failedAt: Date;
  /** How many deletions of it have failed in a row; 0 when it was the start that failed. */
  readonly failedDeletes: number;
};

export type PrebuildStatus = "healthy" | "hard_limited" | "validation_failed";

/** The sizes that a pool takes at certain times: windows as cron expressions in one time zone. */
export type Scheduling = {
  readonly timezone: string;
  readonly schedule: readonly { readonly cron: string; readonly instances: number }[];
};

/** One pool as it was read from the database: what is wanted, what is there, and what is under way. */
export type PresetSnapshot = {
  readonly id: string;
  /** The preset belongs to the template's active version. */
  readonly active: boolean;
  readonly templateDeleted: boolean;
  readonly deprecated: boolean;
  readonly desiredInstances: number;
  /** Seconds an unclaimed prebuild lives from its creation; null or at most 0 means for ever. */
  readonly ttlSeconds: number | null;
  /** Prebuilds created before this instant are no longer wanted. */
  readonly lastInvalidatedAt: Date | null;
  readonly status: PrebuildStatus;
  /** As many builds in a row have failed as are let fail; holds back the execution of creations, not their planning. */
  readonly hardLimited: boolean;
  /** Somebody has paused this pool or all pools: nothing is done to it. */
  readonly paused: boolean;
  readonly scheduling: Scheduling | null;
  readonly running: readonly RunningPrebuild[];
  /** What failed and is still there. */
  readonly failed: readonly FailedPrebuild[];
  /** Unfinished latest builds of the pool's prebuilds, by transition; those being canceled count too. */
  readonly inProgress: { readonly start: number; readonly stop: number; readonly delete: number };
  /** First builds that wait in the queue; they are canceled when the pool is no longer kept. */
  readonly pending: number;
  /** Recent failures, null when there are none within the lookback. */
  readonly backoff: { readonly numFailed: number; readonly lastBuildAt: Date } | null;
};

/** Whether the pool is to be kept at all; prebuilds of any other pool are to go. */
export function isActive(preset: PresetSnapshot): boolean {
  return preset.active && !preset.templateDeleted && !preset.deprecated;
}

/**
 * Why creations in the pool are not executed although they are planned; undefined when they are. Everything else is
 * done all the same (specification 8.1).
 */
export function withheldBy(preset: PresetSnapshot): "hard_limited" | "validation_failed" | undefined {
  if (preset.status === "validation_failed") return "validation_failed";
  return preset.hardLimited ? "hard_limited" : undefined;
}
