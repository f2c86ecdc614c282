import { durationText } from "../duration.ts";
import { ProblemError } from "../errors.ts";
import type { TemplateLifecycle, WorkspaceLifecycle } from "../lifecycle/facts.ts";
import { UNDER_WAY } from "../vocabulary.ts";

/** What of a workspace is kept from being set on a prebuild, in words. */
export type LifecycleSetting = "autostart" | "autostop" | "the extension of deadlines" | "dormancy";

/** A deadline that is set by hand leaves at least and at most this long. */
const LEFT_MS = { min: 30 * 60_000, max: 30 * 86_400_000 };

/** Says that a prebuild does not take a setting, and what to do about it. */
export function prebuildProblem(name: string, setting: LifecycleSetting): ProblemError {
  return new ProblemError(
    "conflict",
    `${name} is a prebuild, which stands outside of ${setting} until somebody claims it; claim it first`,
  );
}

/** Refuses one field of a request, saying what is wrong with it. */
export function fieldProblem(message: string, field: string, detail: string): ProblemError {
  return new ProblemError("invalid", message, { validations: [{ field, detail }] });
}

/**
 * Why a workspace cannot run for this long under its template, in words that follow the field's name; undefined when it
 * can. Null and 0 both mean for ever.
 */
export function ttlProblem(
  ttlMs: number | null,
  { allowUserAutostop, maxTtlMs }: Pick<TemplateLifecycle, "allowUserAutostop" | "maxTtlMs">,
): string | undefined {
  if (!allowUserAutostop) return "cannot be chosen: the template says how long its workspaces run";
  if (maxTtlMs === 0) return undefined;
  const most = durationText(maxTtlMs);
  if (!ttlMs) return `must be given: the template lets its workspaces run for ${most} at most`;
  return ttlMs > maxTtlMs
    ? `must be ${most} at most, which is as long as the template lets its workspaces run`
    : undefined;
}

/** Why the deadline of a workspace's latest build cannot be made this one now; undefined when it can. */
export function extendProblem(
  { build }: Pick<WorkspaceLifecycle, "build">,
  deadline: Date,
  now: Date,
): ProblemError | undefined {
  const { transition, jobStatus, maxDeadline } = build;
  const conflict = (message: string) => new ProblemError("conflict", message);
  if (UNDER_WAY.includes(jobStatus)) {
    return conflict("another build of this workspace is under way; wait for it or cancel it");
  }
  if (transition !== "start" || jobStatus !== "succeeded") {
    return conflict("the workspace is not running, so it has no deadline to extend; start it first");
  }
  if (build.deadline === null) {
    return conflict("the workspace has no deadline: nothing stops it; set its ttl, which counts from its next start");
  }
  const problem = deadlineProblem(deadline, maxDeadline, now);
  return problem === undefined ? undefined : fieldProblem("the deadline cannot be this one", "deadline", problem);
}

function deadlineProblem(deadline: Date, maxDeadline: Date | null, now: Date): string | undefined {
  const leftMs = deadline.getTime() - now.getTime();
  if (leftMs < LEFT_MS.min || leftMs > LEFT_MS.max) {
    return `must be ${durationText(LEFT_MS.min)} to ${durationText(LEFT_MS.max)} from now`;
  }
  if (maxDeadline === null || deadline <= maxDeadline) return undefined;
  return `must not be after ${maxDeadline.toISOString()}, when the workspace has to stop at the latest`;
}
