import type { TemplateLifecycle } from "./facts.ts";

/** When a workspace that has been dormant since `dormantAt` is deleted; null when it is not dormant or is kept. */
export function deletingAt(
  dormantAt: Date | null,
  template: Pick<TemplateLifecycle, "timeTilDormantAutodeleteMs">,
): Date | null {
  const { timeTilDormantAutodeleteMs } = template;
  if (dormantAt === null || timeTilDormantAutodeleteMs <= 0) return null;
  return new Date(dormantAt.getTime() + timeTilDormantAutodeleteMs);
}
