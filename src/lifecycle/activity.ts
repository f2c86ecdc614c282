import { earlier, pastNextStart } from "./deadlines.ts";
import type { TemplateLifecycle, WorkspaceLifecycle } from "./facts.ts";

type Facts = Parameters<typeof pastNextStart>[0] &
  Pick<WorkspaceLifecycle, "dormantAt"> & {
    readonly template: Pick<TemplateLifecycle, "activityBumpMs">;
    readonly build: Pick<WorkspaceLifecycle["build"], "transition" | "jobStatus" | "deadline" | "maxDeadline">;
  };

/** A deadline that would gain less than this share of the bump is left alone, so that constant use seldom writes. */
const LEAST_GAIN = 0.05;

/**
 * The deadline of a workspace that is being used at `now`: the template's bump from now, or the end of the run that
 * begins with its next autostart if that comes before; never earlier than the deadline it has, nor after the latest one
 * possible. Null when it stays as it is: it does not run or has no deadline, or would gain next to nothing.
 */
export function bumpedDeadline(w: Facts, now: Date): Date | null {
  const { transition, jobStatus, deadline, maxDeadline } = w.build;
  const bump = w.template.activityBumpMs;
  if (transition !== "start" || jobStatus !== "succeeded" || deadline === null) return null;
  if (w.dormantAt !== null || bump <= 0) return null;
  const bumped = earlier(pastNextStart(w, now, now.getTime() + bump), maxDeadline);
  if (bumped === null) return null;
  return bumped.getTime() - deadline.getTime() >= bump * LEAST_GAIN ? bumped : null;
}
