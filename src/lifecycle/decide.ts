import { UNDER_WAY } from "../vocabulary.ts";
import { nextStart } from "./autostart.ts";
import { mayRun } from "./dormancy.ts";
import type { WorkspaceLifecycle } from "./facts.ts";

/** Why the lifecycle builds a workspace. */
export type LifecycleReason = "autostop" | "autostart" | "dormancy" | "autodelete";

/** What is to be done with a workspace. */
export type LifecycleAction =
  | { readonly kind: "stop"; readonly reason: "autostop" }
  | { readonly kind: "start"; readonly reason: "autostart" }
  /** It becomes dormant; if it `stops`, a build for the reason "dormancy" stops it too. */
  | { readonly kind: "dormancy"; readonly stops: boolean }
  | { readonly kind: "delete"; readonly reason: "autodelete" };

/**
 * The minute at which is decided, and the time up to which clocks have run steadily, which is not later. What takes
 * something away from its owner goes by the steady time, because a clock that jumps ahead makes everything due.
 */
export type DecisionTime = { readonly tick: Date; readonly steadyTick: Date };

const MINUTE_MS = 60_000;
/** How long after a failed deletion it is tried again. */
const DELETE_AGAIN_MS = 24 * 60 * 60_000;

/**
 * Decides what the lifecycle does with a workspace that somebody owns; null when nothing. The first that applies, in
 * this order: autostop, autostart, stop after a failure, dormancy, deletion. Nothing applies while a build is under
 * way, or when the workspace has been deleted.
 */
export function decide(w: WorkspaceLifecycle, { tick, steadyTick }: DecisionTime): LifecycleAction | null {
  const { transition, jobStatus } = w.build;
  if (UNDER_WAY.includes(jobStatus) || (transition === "delete" && jobStatus === "succeeded")) return null;
  if (mustStop(w, steadyTick)) return { kind: "stop", reason: "autostop" };
  if (mustStart(w, tick)) return { kind: "start", reason: "autostart" };
  if (hasFailedLongAgo(w, steadyTick)) return { kind: "stop", reason: "autostop" };
  if (isForgotten(w, steadyTick)) return { kind: "dormancy", stops: mayRun(w.build) };
  if (mustGo(w, steadyTick)) return { kind: "delete", reason: "autodelete" };
  return null;
}

/**
 * Its deadline has come, or its owner has been suspended. It is taken to run when it was started, and also when a build
 * was canceled: nobody gets around a deadline by canceling the stop.
 */
function mustStop({ build, dormantAt, ownerStatus }: WorkspaceLifecycle, now: Date): boolean {
  if (build.jobStatus === "failed" || dormantAt !== null) return false;
  if (build.transition !== "start" && build.jobStatus !== "canceled") return false;
  return ownerStatus === "suspended" || (build.deadline !== null && now >= build.deadline);
}

/**
 * Its stored start has come, and so has the first one after its latest build: somebody may have left a stored time
 * stale, for a start that has long been. A build from the future says nothing, for the clock has been put back.
 */
function mustStart(w: WorkspaceLifecycle, now: Date): boolean {
  const { build, dormantAt, nextStartAt, ownerStatus } = w;
  if (build.transition !== "stop" || build.jobStatus === "failed" || dormantAt !== null) return false;
  if (ownerStatus !== "active" || w.autostartSchedule === null || !w.template.allowUserAutostart) return false;
  if (nextStartAt === null || now < nextStartAt) return false;
  // A build of this very minute is none from the future: `now` is where the minute begins.
  if (build.createdAt.getTime() >= now.getTime() + MINUTE_MS) return true;
  const next = nextStart(w, build.createdAt);
  return next !== null && now >= next;
}

/** Its latest build, which was to start or stop it, failed longer ago than the template lets it lie. */
function hasFailedLongAgo({ build, template }: WorkspaceLifecycle, now: Date): boolean {
  if (template.failureTtlMs <= 0 || build.jobStatus !== "failed" || build.transition === "delete") return false;
  return build.completedAt !== null && since(build.completedAt, now) > template.failureTtlMs;
}

/** It has not been used for longer than the template allows. */
function isForgotten({ dormantAt, lastUsedAt, template }: WorkspaceLifecycle, now: Date): boolean {
  return dormantAt === null && template.timeTilDormantMs > 0 && since(lastUsedAt, now) > template.timeTilDormantMs;
}

/** It has been dormant until after its time, and no deletion has failed within a day. */
function mustGo({ build, deletingAt, dormantAt, template }: WorkspaceLifecycle, now: Date): boolean {
  if (dormantAt === null || deletingAt === null || template.timeTilDormantAutodeleteMs <= 0) return false;
  if (now <= deletingAt) return false;
  if (build.transition !== "delete" || build.jobStatus !== "failed") return true;
  return build.completedAt !== null && since(build.completedAt, now) >= DELETE_AGAIN_MS;
}

const since = (instant: Date, now: Date): number => now.getTime() - instant.getTime();
