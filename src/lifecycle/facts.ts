import type { JobStatus, Transition } from "../vocabulary.ts";

/** What a template says about the lifecycle of its workspaces. Durations are milliseconds. */
export type TemplateLifecycle = {
  /** How long a workspace runs before it is stopped; 0 means for ever. */
  readonly defaultTtlMs: number;
  /** How long it may run at most, whatever its owner chooses; 0 means as long as it likes. */
  readonly maxTtlMs: number;
  /** How long it has left at least when it is used; 0 means that use does not prolong it. */
  readonly activityBumpMs: number;
  /** How long after a failed build it is stopped; 0 means never. */
  readonly failureTtlMs: number;
  /** After how long without use it becomes dormant; 0 means never. */
  readonly timeTilDormantMs: number;
  /** How long it is dormant before it is deleted; 0 means for ever. */
  readonly timeTilDormantAutodeleteMs: number;
  readonly allowUserAutostart: boolean;
  /** Whether owners choose how long theirs run. */
  readonly allowUserAutostop: boolean;
  /** The days on which it may start by itself, as bits (see days.ts). */
  readonly autostartDays: number;
  /** On these days it must stop in its owner's quiet hours. */
  readonly autostopRequirement: AutostopRequirement;
  readonly requireActiveVersion: boolean;
};

/** The days (bits, 0 means none) on which a workspace must stop, and in every how many weeks. */
export type AutostopRequirement = { readonly days: number; readonly weeks: number };

/** All that decides what a rule does with a workspace that is not a prebuild. */
export type WorkspaceLifecycle = {
  readonly template: TemplateLifecycle;
  readonly ownerStatus: "active" | "dormant" | "suspended";
  /** The owner's, as stored; empty means the default. */
  readonly quietHoursSchedule: string;
  readonly autostartSchedule: string | null;
  readonly nextStartAt: Date | null;
  /** Null means no autostop of its own. */
  readonly ttlMs: number | null;
  readonly lastUsedAt: Date;
  readonly dormantAt: Date | null;
  readonly deletingAt: Date | null;
  /** Its latest build. */
  readonly build: {
    readonly transition: Transition;
    readonly jobStatus: JobStatus;
    readonly createdAt: Date;
    readonly completedAt: Date | null;
    readonly deadline: Date | null;
    readonly maxDeadline: Date | null;
  };
};
