import type { TemplateLifecycle, WorkspaceLifecycle } from "./facts.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The time of the tests: a Monday, eight o'clock. */
export const T = new Date("2024-01-01T08:00:00Z");

/** So many milliseconds after that, or before it. */
export const at = (ms: number): Date => new Date(T.getTime() + ms);

/** A template that allows everything and demands nothing, except for what is given. */
export const template = (given: Partial<TemplateLifecycle> = {}): TemplateLifecycle => ({
  defaultTtlMs: 0,
  maxTtlMs: 0,
  activityBumpMs: HOUR,
  failureTtlMs: 0,
  timeTilDormantMs: 0,
  timeTilDormantAutodeleteMs: 0,
  allowUserAutostart: true,
  allowUserAutostop: true,
  autostartDays: 127,
  autostopRequirement: { days: 0, weeks: 1 },
  requireActiveVersion: false,
  ...given,
});

type Given = Partial<Omit<WorkspaceLifecycle, "template" | "build">> & {
  readonly template?: Partial<TemplateLifecycle>;
  readonly build?: Partial<WorkspaceLifecycle["build"]>;
};

/** A workspace that was started at `T` and runs for ever, except for what is given. */
export const workspace = (given: Given = {}): WorkspaceLifecycle => ({
  ownerStatus: "active",
  quietHoursSchedule: "",
  autostartSchedule: null,
  nextStartAt: null,
  ttlMs: null,
  lastUsedAt: T,
  dormantAt: null,
  deletingAt: null,
  ...given,
  template: template(given.template),
  build: {
    transition: "start",
    jobStatus: "succeeded",
    createdAt: T,
    completedAt: T,
    deadline: null,
    maxDeadline: null,
    ...given.build,
  },
});
