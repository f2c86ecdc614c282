import type { TemplateLifecycle, WorkspaceLifecycle } from "./facts.ts";

/** When a workspace that has been dormant since `dormantAt` is deleted; null when it is not dormant or is kept. */
export function deletingAt(
  dormantAt: Date | null,
  template: Pick<TemplateLifecycle, "timeTilDormantAutodeleteMs">,
): Date | null {
  const { timeTilDormantAutodeleteMs } = template;
  if (dormantAt === null || timeTilDormantAutodeleteMs <= 0) return null;
  return new Date(dormantAt.getTime() + timeTilDormantAutodeleteMs);
}

/** Whether a workspace that becomes dormant has to be stopped: it has, unless its latest build has just done that. */
export function mayRun({
  transition,
  jobStatus,
}: Pick<WorkspaceLifecycle["build"], "transition" | "jobStatus">): boolean {
  return transition !== "stop" || jobStatus !== "succeeded";
}
