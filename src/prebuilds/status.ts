import { z } from "zod";
import type { Context } from "../context.ts";
import { explainShortfall } from "./explain.ts";
import { type FailedBuild, readFailedBuilds } from "./failures-store.ts";
import { type PoolPlan, planPools } from "./reconcile.ts";
import { scheduledSize, schedulingProblem, sizeChanges } from "./schedule.ts";
import { isActive } from "./snapshot.ts";
import { planJson } from "./snapshot-json.ts";
import type { Pause, Pool } from "./store.ts";

type Reader = Pick<Context, "pool" | "clock" | "poolSettings">;

/** A pool's next change of size is looked for this far ahead. */
const SCHEDULE_AHEAD_MS = 8 * 86_400_000;
/** Failures shown where no limit says how many matter. */
const SHOWN_FAILURES = 3;

const instant = z.iso.datetime();
const pause = z.object({
  at: instant,
  by: z.string().nullable(),
  /** `pool` for this pool alone, `all` for all pools. */
  scope: z.enum(["pool", "all"]),
});
const state = {
  desired: z.number(),
  actual: z.number(),
  expired: z.number(),
  eligible: z.number(),
  extraneous: z.number(),
  starting: z.number(),
  stopping: z.number(),
  deleting: z.number(),
};
const actions = z.array(
  z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("create"), count: z.number(), reason: z.literal("below_target") }),
    z.object({
      kind: z.literal("delete"),
      ids: z.array(z.guid()).readonly(),
      reason: z.enum(["expired", "extraneous", "inactive", "failed", "delete_failed"]),
    }),
    z.object({ kind: z.literal("cancel_pending"), reason: z.literal("inactive") }),
    z.object({ kind: z.literal("backoff"), until: instant, reason: z.literal("recent_failures") }),
  ]),
);

/** What a pool's numbers do not tell: why it is as it is. */
const why = {
  /** The pool is kept: its version is active, and its template is neither deleted nor deprecated. */
  active: z.boolean(),
  status: z.enum(["healthy", "hard_limited", "validation_failed"]),
  status_since: instant.nullable(),
  status_detail: z.string(),
  paused: pause.nullable(),
  /** Prebuilds whose start failed, and prebuilds whose deletion failed, that are still there. */
  failed: z.number(),
  delete_failed: z.number(),
  scheduling: z
    .object({
      timezone: z.string(),
      base: z.number(),
      /** The window that is open now; null while none is. */
      cron: z.string().nullable(),
      until: instant.nullable(),
      next_desired: z.number().nullable(),
      /** Why the schedule is not used; null when it is. */
      problem: z.string().nullable(),
    })
    .nullable(),
  reasons: z.array(z.object({ reason: z.string(), count: z.number(), until: instant.optional() })),
  /** The newest failed builds, while they count: within the lookback, or while they have stopped the pool. */
  failures: z.array(
    z.object({
      workspace_id: z.guid(),
      workspace_name: z.string(),
      build_id: z.guid(),
      error: z.string(),
      failed_at: instant,
      /** Where the build's log is. */
      logs: z.string(),
    }),
  ),
};
const whySchema = z.object(why);

/** A pool as the API shows it: what it should hold, what it holds, why, and what a pass would do with it now. */
export const poolSchema = z.object({
  preset_id: z.guid(),
  preset_name: z.string(),
  template_id: z.guid(),
  template_name: z.string(),
  organization_id: z.guid(),
  organization_name: z.string(),
  template_version_id: z.guid(),
  ...state,
  ...why,
  actions,
});

export type PoolView = z.infer<typeof poolSchema>;
/** What explains a pool. */
export type PoolWhy = z.infer<typeof whySchema>;

/** What a pass would do now, as the API shows it: each pool's actions, and why it is as it is. */
export const planSchema = z.object({
  presets: z.array(
    z.object({
      id: z.guid(),
      skip: z.boolean(),
      state: z.object(state),
      actions,
      preset_name: z.string(),
      template_name: z.string(),
      organization_name: z.string(),
      ...why,
    }),
  ),
});

/** Every pool's state, and why it is not full, ready to be sent as JSON. */
export async function readPools(context: Reader): Promise<PoolView[]> {
  return (await readAll(context)).map(({ pool, plan, explained }) => ({
    preset_id: pool.id,
    preset_name: pool.presetName,
    template_id: pool.templateId,
    template_name: pool.templateName,
    organization_id: pool.organizationId,
    organization_name: pool.organizationName,
    template_version_id: pool.templateVersionId,
    ...plan.state,
    ...explained,
    actions: planJson(plan).actions,
  }));
}

/** What a pass would do now, and why, ready to be sent as JSON; changes nothing. */
export async function readPlan(context: Reader): Promise<z.infer<typeof planSchema>> {
  return {
    presets: (await readAll(context)).map(({ pool, plan, explained }) => ({
      ...planJson(plan),
      preset_name: pool.presetName,
      template_name: pool.templateName,
      organization_name: pool.organizationName,
      ...explained,
    })),
  };
}

/** All pools with their plans and with what explains them. */
async function readAll(context: Reader): Promise<(PoolPlan & { readonly explained: z.infer<typeof whySchema> })[]> {
  const { now, pause: allPaused, pools } = await planPools(context);
  const troubled = pools.filter(({ pool }) => pool.active && (pool.hardLimited || pool.backoff !== null));
  const limit = context.poolSettings.failureHardLimit || SHOWN_FAILURES;
  const ids = troubled.map(({ pool }) => pool.id);
  const failures = await readFailedBuilds(context.pool, ids, limit);
  return pools.map((planned) => {
    const around = { allPaused, failures: failures.get(planned.pool.id) ?? [], now };
    return { ...planned, explained: whyJson(planned, around) };
  });
}

type Around = { readonly allPaused: Pause | null; readonly failures: readonly FailedBuild[]; readonly now: Date };

function whyJson({ pool, plan }: PoolPlan, { allPaused, failures, now }: Around): z.infer<typeof whySchema> {
  return {
    active: isActive(pool),
    status: pool.status,
    status_since: pool.statusSince?.toISOString() ?? null,
    status_detail: pool.statusDetail,
    paused: pauseJson(pool, allPaused),
    failed: pool.failed.filter(({ failedDeletes }) => failedDeletes === 0).length,
    delete_failed: pool.failed.filter(({ failedDeletes }) => failedDeletes > 0).length,
    scheduling: schedulingJson(pool, now),
    reasons: reasonsJson({ pool, plan }),
    failures: failures.map((failure) => ({
      workspace_id: failure.workspaceId,
      workspace_name: failure.workspaceName,
      build_id: failure.buildId,
      error: failure.error,
      failed_at: failure.failedAt.toISOString(),
      logs: `/api/v2/workspacebuilds/${failure.buildId}/logs`,
    })),
  };
}

function reasonsJson({ pool, plan }: PoolPlan): PoolView["reasons"] {
  return explainShortfall(pool, plan).map(({ reason, count, until }) => ({
    reason,
    count,
    ...(until ? { until: until.toISOString() } : {}),
  }));
}

function pauseJson(pool: Pool, allPaused: Pause | null): PoolView["paused"] {
  const found = allPaused ?? pool.pause;
  return found && { at: found.at.toISOString(), by: found.by, scope: allPaused ? "all" : "pool" };
}

function schedulingJson({ scheduling, desiredInstances }: Pool, now: Date): PoolView["scheduling"] {
  if (scheduling === null) return null;
  const ahead = new Date(now.getTime() + SCHEDULE_AHEAD_MS);
  const { value: next } = sizeChanges(desiredInstances, scheduling, now, ahead).next();
  return {
    timezone: scheduling.timezone,
    base: desiredInstances,
    cron: scheduledSize(desiredInstances, scheduling, now).cron,
    until: next?.at.toISOString() ?? null,
    next_desired: next?.instances ?? null,
    problem: schedulingProblem(scheduling) ?? null,
  };
}
