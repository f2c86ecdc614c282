import { type Calendar, DAY, HOUR, MINUTE } from "./calendar.ts";
import { build, isUnderWay, type Model, note, type Rules, type Workspace } from "./model.ts";

const MIDNIGHT = { zone: "UTC", hour: 0, minute: 0 };

/** The rules of the lifecycle once more, as the specification says them. */
export type Oracle = {
  /** The first start by itself after an instant; null when there is none. */
  nextStart(workspace: Workspace, after: number): number | null;
  /** The first time from an instant on at which its template makes it stop. */
  requiredStop(workspace: Workspace, from: number): number | null;
  /** Where its use puts off the deadline to; null when that stays. */
  bumped(workspace: Workspace): number | null;
  /** Ends its build, which waits. */
  end(workspace: Workspace, succeeds: boolean): void;
  /** The instants at which, or after which, something is to be done with it. */
  boundaries(workspace: Workspace): number[];
  /** Does to all workspaces what has to be done by now; how many for each reason. */
  tick(): Map<string, number>;
};

export const earliest = (...instants: (number | null)[]): number | null => {
  const known = instants.filter((instant) => instant !== null);
  return known.length === 0 ? null : Math.min(...known);
};

/** How long a workspace runs; null when for ever. */
function ttlOf({ template: { rules }, ttl }: Workspace): number | null {
  const chosen = rules.userAutostop ? ttl : rules.defaultTtl;
  if (!chosen) return null;
  return rules.maxTtl > 0 ? Math.min(chosen, rules.maxTtl) : chosen;
}

export function createOracle(model: Model, calendar: Calendar): Oracle {
  function nextStart({ schedule, template: { rules } }: Workspace, after: number): number | null {
    if (!schedule || !rules.userAutostart) return null;
    const { zone, hour, minute, weekdays } = schedule;
    const next = calendar
      .daily(zone, hour, minute)
      .find(({ at, weekday }) => at > after && weekdays.includes(weekday) && rules.startDays.includes(weekday));
    return next?.at ?? null;
  }

  function requiredStop({ template, owner }: Workspace, from: number): number | null {
    const { stopDays, stopWeeks }: Rules = template.rules;
    const { zone, hour, minute } = owner.quietHours ?? MIDNIGHT;
    const next = calendar
      .daily(zone, hour, minute)
      .find(({ at, weekday, week }) => at >= from && stopDays.includes(weekday) && week % stopWeeks === 0);
    return next?.at ?? null;
  }

  /** Who is to be started before a deadline, or in its minute, runs for the whole ttl from then on. */
  function sparing(workspace: Workspace, from: number, deadline: number): number {
    const ttl = ttlOf(workspace);
    const start = nextStart(workspace, from);
    const within = ttl !== null && start !== null && start < deadline + MINUTE;
    return within ? Math.max(deadline, start + ttl) : deadline;
  }

  function setDeadlines(workspace: Workspace): void {
    const { maxTtl } = workspace.template.rules;
    const ttl = ttlOf(workspace);
    const longest = maxTtl > 0 ? model.now + maxTtl : null;
    workspace.maxDeadline = earliest(requiredStop(workspace, model.now + HOUR), longest);
    const own = ttl === null ? null : sparing(workspace, model.now, model.now + ttl);
    workspace.deadline = earliest(own, workspace.maxDeadline);
  }

  function end(workspace: Workspace, succeeds: boolean): void {
    const { latest } = workspace;
    latest.status = succeeds ? "succeeded" : "failed";
    latest.endedAt = model.now;
    note(model, workspace, `${latest.transition} ${latest.status}`);
    if (!succeeds) return;
    if (latest.transition === "delete") {
      workspace.deleted = true;
      model.workspaces.delete(workspace.id);
      return;
    }
    workspace.startsAfter = model.now;
    if (latest.transition === "start") setDeadlines(workspace);
    else Object.assign(workspace, { deadline: null, maxDeadline: null });
  }

  function bumped(workspace: Workspace): number | null {
    const { bump } = workspace.template.rules;
    const { latest, deadline, maxDeadline } = workspace;
    if (latest.transition !== "start" || latest.status !== "succeeded" || deadline === null || bump === 0) return null;
    const until = earliest(sparing(workspace, model.now, model.now + bump), maxDeadline) ?? 0;
    return until - deadline >= bump / 20 ? until : null;
  }

  /** What is due for a workspace in this minute: the first rule that applies. */
  function due(workspace: Workspace, minute: number): "autostop" | "autostart" | "dormancy" | "autodelete" | null {
    const { latest, owner, template, dormantAt, deletingAt } = workspace;
    const { rules } = template;
    if (isUnderWay(workspace) || workspace.unfinished) return null;
    const sound = latest.status !== "failed" && dormantAt === null;
    const over = workspace.deadline !== null && minute >= workspace.deadline;
    const goesOn = latest.transition === "start" || latest.status === "canceled";
    if (sound && goesOn && (owner.status === "suspended" || over)) return "autostop";
    if (sound && latest.transition === "stop" && owner.status === "active") {
      const stored = nextStart(workspace, workspace.startsAfter ?? minute);
      const first = nextStart(workspace, latest.createdAt);
      if (stored !== null && stored <= minute && first !== null && first <= minute) return "autostart";
    }
    const failedFor = latest.status === "failed" ? minute - (latest.endedAt ?? minute) : 0;
    if (latest.transition !== "delete" && rules.failureTtl > 0 && failedFor > rules.failureTtl) return "autostop";
    if (dormantAt === null) {
      return rules.tilDormant > 0 && minute - workspace.lastUsedAt > rules.tilDormant ? "dormancy" : null;
    }
    if (rules.autodelete === 0 || deletingAt === null || minute <= deletingAt) return null;
    const again = latest.transition === "delete" && latest.status === "failed";
    return again && failedFor < DAY ? null : "autodelete";
  }

  function boundaries({ latest, template: { rules }, ...workspace }: Workspace): number[] {
    return [
      ...[workspace.deadline, workspace.deletingAt].filter((instant) => instant !== null),
      ...(workspace.dormantAt === null && rules.tilDormant > 0 ? [workspace.lastUsedAt + rules.tilDormant] : []),
      ...(latest.status === "failed" && rules.failureTtl > 0 ? [(latest.endedAt ?? 0) + rules.failureTtl] : []),
    ];
  }

  function tick(): Map<string, number> {
    const minute = Math.floor(model.now / MINUTE) * MINUTE;
    const done = new Map<string, number>();
    for (const workspace of model.workspaces.values()) {
      if (!workspace.unfinished) workspace.startsAfter ??= model.now;
      const reason = due(workspace, minute);
      if (reason === null) continue;
      done.set(reason, (done.get(reason) ?? 0) + 1);
      act(workspace, reason);
    }
    return done;
  }

  function act(workspace: Workspace, reason: NonNullable<ReturnType<typeof due>>): void {
    note(model, workspace, workspace.latest.status === "failed" ? `${reason} after a failure` : reason);
    if (reason === "dormancy") {
      rest(model, workspace);
      if (!hasStopped(workspace)) build(model, workspace, "stop", reason);
    } else {
      build(
        model,
        workspace,
        ({ autostop: "stop", autostart: "start", autodelete: "delete" } as const)[reason],
        reason,
      );
    }
  }

  return { nextStart, requiredStop, bumped, end, boundaries, tick };
}

/** Whether its latest build has stopped it. */
export const hasStopped = ({ latest }: Workspace): boolean =>
  latest.transition === "stop" && latest.status === "succeeded";

/** Makes a workspace dormant. */
export function rest(model: Model, workspace: Workspace): void {
  const { autodelete } = workspace.template.rules;
  workspace.dormantAt = model.now;
  workspace.deletingAt = autodelete > 0 ? model.now + autodelete : null;
}
