import { DAY, HOUR } from "./calendar.ts";
import type { Model, Rules, Template, Workspace } from "./model.ts";
import { earliest, type Oracle } from "./rules.ts";

/** A workspace that runs is told of its stop at least this long before. */
const NOTICE = 2 * HOUR;

/** Changes what a template says, and what follows from that for its workspaces. */
export function changeRules(model: Model, oracle: Oracle, template: Template, change: Partial<Rules>): void {
  const before = template.rules;
  const after = { ...before, ...change };
  template.rules = after;
  const differs = (...names: (keyof Rules)[]) => names.some((name) => String(before[name]) !== String(after[name]));
  const stops = differs("stopDays") || (after.stopDays.length > 0 && differs("stopWeeks"));
  for (const workspace of model.workspaces.values()) {
    if (workspace.template !== template) continue;
    if (differs("defaultTtl", "maxTtl", "userAutostop")) followTtl(workspace, before, after);
    if (differs("startDays", "userAutostart")) workspace.startsAfter = model.now;
    if (differs("autodelete") && workspace.dormantAt !== null) {
      workspace.deletingAt = deletingAt(model.now, workspace.dormantAt + after.autodelete, workspace.deletingAt);
      if (after.autodelete === 0) workspace.deletingAt = null;
    }
    if (differs("maxTtl") || stops) followStops(model, oracle, workspace);
    workspace.history.push(`${new Date(model.now).toISOString()} template: ${JSON.stringify(change)}`);
  }
}

/** Who would be deleted at once has another day, unless it was to go before that anyway. */
function deletingAt(now: number, exact: number, before: number | null): number {
  return exact > now ? exact : Math.max(exact, Math.min(before ?? now + DAY, now + DAY));
}

function followTtl(workspace: Workspace, before: Rules, after: Rules): void {
  const had = workspace.ttl;
  const follows = !after.userAutostop || had === (before.defaultTtl || null);
  const ttl = follows ? after.defaultTtl || null : had;
  workspace.ttl = earliest(ttl, after.maxTtl || null);
}

function followStops(model: Model, oracle: Oracle, workspace: Workspace): void {
  const { latest, template } = workspace;
  if (latest.transition !== "start" || latest.status !== "succeeded") return;
  const soonest = model.now + NOTICE;
  const { maxTtl } = template.rules;
  const known = workspace.maxDeadline;
  // Notice is given of what is new; what was known already comes when it was to come.
  const stop = oracle.requiredStop(workspace, model.now);
  const required = stop === known ? stop : oracle.requiredStop(workspace, soonest);
  const end = maxTtl > 0 ? (latest.endedAt ?? 0) + maxTtl : null;
  const longest = end === null || end >= soonest ? end : Math.max(end, Math.min(known ?? soonest, soonest));
  const maxDeadline = earliest(required, longest);
  if (maxDeadline === workspace.maxDeadline) return;
  workspace.maxDeadline = maxDeadline;
  workspace.deadline = earliest(workspace.deadline, maxDeadline);
}
