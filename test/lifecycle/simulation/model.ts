import type { JobStatus, Transition } from "../../../src/vocabulary.ts";

/** What a template of the model says. Times are milliseconds, and 0 turns a rule off; days are 1 for Monday to 7. */
export type Rules = {
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly bump: number;
  readonly failureTtl: number;
  readonly tilDormant: number;
  readonly autodelete: number;
  readonly userAutostart: boolean;
  readonly userAutostop: boolean;
  readonly startDays: readonly number[];
  readonly stopDays: readonly number[];
  readonly stopWeeks: number;
  readonly activeVersionOnly: boolean;
};

export type Template = {
  readonly id: string;
  readonly name: string;
  /** The preset of its pool; null when it has none. */
  readonly presetId: string | null;
  readonly failureShare: number;
  activeVersion: string;
  rules: Rules;
};

/** A time of each day, where the clocks are those of a zone. */
export type TimeOfDay = { readonly zone: string; readonly hour: number; readonly minute: number };

export type Owner = {
  readonly id: string;
  readonly name: string;
  readonly zone: string;
  status: "active" | "dormant" | "suspended";
  /** Null stands for midnight in UTC. */
  quietHours: TimeOfDay | null;
};

/** When a workspace starts by itself. */
export type Schedule = TimeOfDay & { readonly weekdays: readonly number[] };

export type Build = {
  readonly number: number;
  readonly transition: Transition;
  readonly reason: string;
  readonly version: string;
  readonly createdAt: number;
  status: JobStatus;
  endedAt: number | null;
};

/** A workspace that somebody owns, as it must be; instants are milliseconds since 1970. */
export type Workspace = {
  /** The how manieth it is. */
  readonly n: number;
  readonly id: string;
  readonly template: Template;
  readonly owner: Owner;
  schedule: Schedule | null;
  ttl: number | null;
  lastUsedAt: number;
  dormantAt: number | null;
  deletingAt: number | null;
  deadline: number | null;
  maxDeadline: number | null;
  /** Its next start by itself is the first one after this; null when that is still to be found out. */
  startsAfter: number | null;
  latest: Build;
  /** It was claimed in SQL, and its claim build is still to come. */
  unfinished: boolean;
  deleted: boolean;
  /** All that has happened to it, for whoever has to find out why it is not as it must be. */
  readonly history: string[];
};

/** All that the model knows. */
export type Model = {
  now: number;
  readonly templates: readonly Template[];
  readonly owners: readonly Owner[];
  /** Those that are not deleted, by their ids. */
  readonly workspaces: Map<string, Workspace>;
  /** How many workspaces people have had so far, and how many of them were prebuilds before. */
  readonly made: { total: number; claimed: number };
  /** How often each thing has happened. */
  readonly counts: Map<string, number>;
};

/** Writes down that something has happened. */
export function note(model: Model, workspace: Workspace | null, what: string, details = ""): void {
  model.counts.set(what, (model.counts.get(what) ?? 0) + 1);
  workspace?.history.push(`${new Date(model.now).toISOString()} ${what} ${details}`);
}

export const isUnderWay = ({ latest }: Workspace): boolean => latest.status === "pending";

/** Gives a workspace another build, which waits. */
export function build(model: Model, workspace: Workspace, transition: Transition, reason = "initiator"): void {
  const { template, latest } = workspace;
  const newest = transition === "start" && template.rules.activeVersionOnly;
  workspace.latest = {
    number: latest.number + 1,
    transition,
    reason,
    version: newest ? template.activeVersion : latest.version,
    createdAt: model.now,
    status: "pending",
    endedAt: null,
  };
  note(model, workspace, `${transition} (${reason})`, `build ${workspace.latest.number}`);
}

/** The expression by which a time of day and days of the week are written. */
export function cronOf({ zone, hour, minute }: TimeOfDay, weekdays: readonly number[] = []): string {
  const days = weekdays.length === 0 ? "*" : weekdays.map((day) => day % 7).join(",");
  return `CRON_TZ=${zone} ${minute} ${hour} * * ${days}`;
}
