import { explainShortfall, type Shortfall } from "./explain.ts";
import type { PresetPlan } from "./plan.ts";
import { isActive, type PrebuildStatus, type PresetSnapshot } from "./snapshot.ts";

/** What a pool's prebuilds that cannot be claimed are doing, beside those that run and are not ready. */
export const POOL_STATES = [
  "starting",
  "stopping",
  "deleting",
  "expired",
  "outdated",
  "failed",
  "delete_failed",
] as const;

/** A pool in the numbers that metrics show. */
export type PoolSample = {
  readonly presetId: string;
  readonly templateId: string;
  readonly templateName: string;
  readonly presetName: string;
  readonly organizationName: string;
  /** Its version is active and its template is not deleted: the reference's gauges show it. */
  readonly shown: boolean;
  /** It is shown and not deprecated, so it is to be full. */
  readonly kept: boolean;
  readonly desired: number;
  readonly running: number;
  readonly eligible: number;
  readonly states: Readonly<Record<(typeof POOL_STATES)[number], number>>;
  readonly missing: readonly { readonly reason: Shortfall["reason"]; readonly count: number }[];
  readonly status: PrebuildStatus;
  /** This pool alone is paused. */
  readonly paused: boolean;
};

type Named = Pick<PoolSample, "templateId" | "templateName" | "presetName" | "organizationName">;

/** Counts a pool for the metrics: the same numbers as the plan, `status` and the API show. */
export function samplePool(pool: PresetSnapshot & Named & { readonly pause: unknown }, plan: PresetPlan): PoolSample {
  const { desired, actual, expired, eligible, starting, stopping, deleting } = plan.state;
  const kept = isActive(pool);
  const { lastInvalidatedAt } = pool;
  const invalidated = pool.running.filter(
    ({ createdAt }) => lastInvalidatedAt !== null && createdAt < lastInvalidatedAt,
  );
  return {
    presetId: pool.id,
    templateId: pool.templateId,
    templateName: pool.templateName,
    presetName: pool.presetName,
    organizationName: pool.organizationName,
    shown: pool.active && !pool.templateDeleted,
    kept,
    desired,
    running: actual,
    eligible,
    states: {
      starting,
      stopping,
      deleting,
      expired,
      outdated: kept ? invalidated.length : actual,
      failed: pool.failed.filter(({ failedDeletes }) => failedDeletes === 0).length,
      delete_failed: pool.failed.filter(({ failedDeletes }) => failedDeletes > 0).length,
    },
    missing: explainShortfall(pool, plan).map(({ reason, count }) => ({ reason, count })),
    status: pool.status,
    paused: pool.pause !== null,
  };
}
