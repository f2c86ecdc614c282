import type { Action, PresetPlan } from "./plan.ts";
import type { PrebuildStatus, PresetSnapshot, Scheduling } from "./snapshot.ts";

/** Settings of the simulated deployment. */
const LOOKBACK_MS = 3_600_000;
export const RETENTION_MS = 1_800_000;
const FAILURE_LIMIT = 3;

type Build = {
  transition: "start" | "stop" | "delete";
  status: "pending" | "running" | "canceling" | "succeeded" | "failed" | "canceled";
};

/** A workspace that was made as a prebuild, with its latest build. */
export type Workspace = Build & {
  readonly id: string;
  readonly presetId: string;
  readonly createdAt: number;
  owner: "prebuilds" | "person";
  deleted: boolean;
  ready: boolean;
  /** How its first build ended; undefined until then. */
  outcome: "succeeded" | "failed" | "canceled" | undefined;
  endedAt: number;
  failedDeletes: number;
};

/** Open from one full hour to the end of another one, in UTC. */
type Window = { readonly from: number; readonly to: number; readonly instances: number };

export type Preset = {
  readonly id: string;
  desired: number;
  ttlSeconds: number | null;
  invalidatedAt: number | null;
  window: Window | null;
  /** The window is stored in a way that cannot be read. */
  windowBroken: boolean;
  status: Exclude<PrebuildStatus, "hard_limited">;
  resetAt: number;
};

/** The last of its presets is that of the active version. */
export type Template = { readonly presets: Preset[]; deleted: boolean; deprecated: boolean; paused: boolean };

export type World = {
  now: number;
  maxInFlight: number;
  readonly templates: Template[];
  readonly workspaces: Workspace[];
};

export const unfinished = ({ status }: Build): boolean => ["pending", "running", "canceling"].includes(status);

/** Whether it counts as running: its latest build is a start that has succeeded. */
export const isRunning = ({ transition, status }: Build): boolean => transition === "start" && status === "succeeded";

export const membersOf = (world: World, presetId: string): Workspace[] =>
  world.workspaces.filter((one) => one.presetId === presetId && one.owner === "prebuilds" && !one.deleted);

export const isKept = (template: Template, preset: Preset): boolean =>
  template.presets.at(-1) === preset && !template.deleted && !template.deprecated;

/** The size that a pool should have, told in another way than the schedule's. */
export function targetOf({ now }: World, { desired, window, windowBroken }: Preset): number {
  const hour = Math.floor(now / 3_600_000) % 24;
  return window && !windowBroken && window.from <= hour && hour <= window.to ? window.instances : desired;
}

/** The same for expiry. */
export const isStale = ({ now }: World, { invalidatedAt, ttlSeconds }: Preset, { createdAt }: Workspace): boolean =>
  createdAt < (invalidatedAt ?? 0) || (ttlSeconds !== null && ttlSeconds > 0 && now - createdAt > ttlSeconds * 1_000);

/** Ends the latest build of a workspace. */
export function endBuild(world: World, one: Workspace, status: "succeeded" | "failed" | "canceled"): void {
  one.status = status;
  one.endedAt = world.now;
  one.outcome ??= status;
  if (one.transition === "delete" && status === "succeeded") one.deleted = true;
  if (one.transition === "delete" && status === "failed") one.failedDeletes += 1;
}

/** What a pass would read of the world: every pool that is to be kept, and every other one that has members. */
export function snapshotsOf(world: World): PresetSnapshot[] {
  return world.templates.flatMap((template) =>
    template.presets
      .filter(
        (preset) => (template.presets.at(-1) === preset && !template.deleted) || membersOf(world, preset.id).length > 0,
      )
      .map((preset) => snapshotOf(world, template, preset)),
  );
}

function snapshotOf(world: World, template: Template, preset: Preset): PresetSnapshot {
  const members = membersOf(world, preset.id);
  const active = template.presets.at(-1) === preset;
  const underWay = (transition: Build["transition"]) =>
    members.filter((one) => one.transition === transition && unfinished(one)).length;
  const { hardLimited, backoff } = active && !template.deleted ? failuresOf(world, preset) : NO_FAILURES;
  return {
    id: preset.id,
    active,
    templateDeleted: template.deleted,
    deprecated: template.deprecated,
    desiredInstances: preset.desired,
    ttlSeconds: preset.ttlSeconds,
    lastInvalidatedAt: preset.invalidatedAt === null ? null : new Date(preset.invalidatedAt),
    status: preset.status === "healthy" && hardLimited ? "hard_limited" : preset.status,
    hardLimited,
    paused: template.paused,
    scheduling: schedulingOf(preset),
    running: members
      .filter(isRunning)
      .map(({ id, createdAt, ready }) => ({ id, createdAt: new Date(createdAt), ready })),
    failed: members
      .filter(({ status, transition }) => status === "failed" && transition !== "stop")
      .map(({ id, endedAt, failedDeletes }) => ({ id, failedAt: new Date(endedAt), failedDeletes })),
    inProgress: { start: underWay("start"), stop: underWay("stop"), delete: underWay("delete") },
    pending: members.filter(isFirstPending).length,
    backoff,
  };
}

const isFirstPending = ({ transition, status, outcome }: Workspace): boolean =>
  transition === "start" && status === "pending" && outcome === undefined;

const NO_FAILURES = { hardLimited: false, backoff: null };

function failuresOf(world: World, preset: Preset): Pick<PresetSnapshot, "hardLimited" | "backoff"> {
  const history = world.workspaces.filter(({ presetId }) => presetId === preset.id);
  const failures = history
    .filter(({ outcome, createdAt }) => outcome === "failed" && createdAt > preset.resetAt)
    .map(({ createdAt }) => createdAt)
    .toSorted((a, b) => b - a);
  const beganAt = failures[FAILURE_LIMIT - 1];
  const recent = failures.filter((createdAt) => createdAt > world.now - LOOKBACK_MS);
  const [last] = recent;
  const newer = history.filter(({ createdAt }) => last !== undefined && createdAt > last).length;
  return {
    hardLimited:
      beganAt !== undefined &&
      !history.some(({ outcome, createdAt }) => outcome === "succeeded" && createdAt >= beganAt),
    backoff:
      last !== undefined && newer < targetOf(world, preset)
        ? { numFailed: recent.length, lastBuildAt: new Date(last) }
        : null,
  };
}

function schedulingOf({ window, windowBroken }: Preset): Scheduling | null {
  if (window === null) return null;
  const cron = `* ${window.from}-${window.to} * * *`;
  return { timezone: windowBroken ? "Mars/Olympus" : "UTC", schedule: [{ cron, instances: window.instances }] };
}

/** Does what a pass does, without looking again at what it was planned from. */
export function execute(world: World, plans: readonly PresetPlan[]): void {
  for (const { id, actions } of plans) for (const action of actions) executeAction(world, id, action);
}

function executeAction(world: World, presetId: string, action: Action): void {
  if (action.kind === "create") {
    for (let made = 0; made < action.count; made += 1) {
      world.workspaces.push({
        id: `w${world.workspaces.length}`,
        presetId,
        createdAt: world.now,
        owner: "prebuilds",
        deleted: false,
        ready: false,
        transition: "start",
        status: "pending",
        outcome: undefined,
        endedAt: 0,
        failedDeletes: 0,
      });
    }
  }
  if (action.kind === "delete") {
    for (const one of world.workspaces.filter(({ id }) => action.ids.includes(id))) {
      Object.assign(one, { transition: "delete", status: "pending" });
    }
  }
  if (action.kind === "cancel_pending") {
    for (const one of membersOf(world, presetId).filter(isFirstPending)) {
      Object.assign(one, { status: "canceled", outcome: "canceled", deleted: true });
    }
  }
}
