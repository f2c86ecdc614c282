import { can, type Resource, type Subject } from "../rbac/decide.ts";
import type { Action } from "../rbac/policy.ts";
import { templateResource } from "../templates/resource.ts";

/**
 * Whether the subject may do this to a job. Imports, which alone have an owner, are also for those who manage the
 * templates of their organization: whoever may push a source may see what becomes of it.
 */
export function mayOnJob(subject: Subject, action: Action, job: Resource): boolean {
  if (can(subject, action, job)) return true;
  const { ownerId, organizationId } = job;
  if (ownerId === undefined || organizationId === undefined) return false;
  const template = templateResource({ organizationId });
  return can(subject, "update", template) || can(subject, "create", template);
}
