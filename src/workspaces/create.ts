import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import { nextStartAt, parseAutostart } from "../lifecycle/autostart.ts";
import { hasUnready, type MissReason } from "../prebuilds/claim-store.ts";
import { isPaused } from "../prebuilds/pause-store.ts";
import { oldestFresh } from "../prebuilds/state.ts";
import { PRIORITY, WORK } from "../provisioner/queue.ts";
import { readDeclaredParameters } from "../templates/parameter-store.ts";
import { parameterProblems, resolveParameters } from "../templates/parameters.ts";
import {
  type CreateTarget,
  insertWorkspace,
  type NewWorkspace,
  readCreateTarget,
  type TargetPreset,
} from "./create-store.ts";
import { matchPreset, mergeParameters, type Parameter } from "./preset-match.ts";

export type CreateWorkspaceInput = {
  readonly organizationId: string;
  readonly ownerId: string;
  readonly initiatorId: string;
  readonly name: string;
  readonly templateId?: string | undefined;
  readonly templateVersionId?: string | undefined;
  readonly presetId?: string | undefined;
  readonly parameters: readonly Parameter[];
  readonly autostartSchedule?: string | null | undefined;
  readonly ttlMs?: number | null | undefined;
  readonly automaticUpdates: "always" | "never";
  /** How long to wait for a prebuild when none is ready, in milliseconds. */
  readonly waitMs: number;
  /** Aborted, with the error to answer with, when nobody waits for the answer any more: nothing is created then. */
  readonly signal?: AbortSignal;
};

export type CreateOutcome = {
  readonly workspaceId: string;
  readonly claimed: boolean;
  readonly missReason: MissReason | null;
};

/** How often a caller who waits for a prebuild looks again. */
const LOOK_AGAIN_MS = 100;
const NS_PER_MS = 1_000_000;

/**
 * Gives somebody a workspace: a ready prebuild of the preset, claimed, or else a new one, built.
 * @throws ProblemError when the template, version or preset is not there, a value is wrong, or the name is taken; nothing
 * has changed then
 */
export async function createWorkspace(context: Context, input: CreateWorkspaceInput): Promise<CreateOutcome> {
  const startedAt = performance.now();
  const deadline = startedAt + input.waitMs;
  for (;;) {
    const patient = performance.now() < deadline;
    // Read again after every wait: meanwhile another version may have become active.
    const target = await findTarget(context, input);
    const outcome = await tryOnce(context, input, target, choosePreset(target, input), patient);
    if (outcome) {
      context.wake.pools();
      context.wake.jobs();
      context.onCreate?.((performance.now() - startedAt) / 1_000, outcome.missReason);
      return outcome;
    }
    await delay(Math.min(LOOK_AGAIN_MS, Math.max(deadline - performance.now(), 0)));
    input.signal?.throwIfAborted();
  }
}

async function findTarget(context: Context, input: CreateWorkspaceInput): Promise<CreateTarget> {
  const target = await readCreateTarget(context.pool, {
    organizationId: input.organizationId,
    templateId: input.templateId,
    versionId: input.templateVersionId,
  });
  if (!target)
    throw new ProblemError("not_found", "there is no such template or template version in this organization");
  if (target.deprecated !== "") {
    throw new ProblemError("invalid", `the template ${target.templateName} is deprecated: ${target.deprecated}`);
  }
  return target;
}

/** Claims, else builds anew; undefined when it is worth waiting for a prebuild instead. */
async function tryOnce(
  context: Context,
  input: CreateWorkspaceInput,
  target: CreateTarget,
  preset: TargetPreset | undefined,
  patient: boolean,
): Promise<CreateOutcome | undefined> {
  const parameters = await resolve(context, target, mergeParameters(preset?.parameters ?? [], input.parameters));
  const workspace = describe(input, target, preset, parameters, context.clock.now());
  try {
    const claimed = await tryClaim(context, target, preset, workspace, input.signal);
    if (claimed.workspaceId !== undefined) return { workspaceId: claimed.workspaceId, claimed: true, missReason: null };
    if (patient && isPassing(claimed.missReason)) return undefined;
    input.signal?.throwIfAborted();
    const workspaceId = await buildAnew(context, workspace);
    return { workspaceId, claimed: false, missReason: claimed.missReason };
  } catch (error) {
    if (!isUniqueViolation(error, "workspaces_owner_id_name_unique")) throw error;
    throw new ProblemError("conflict", `the owner already has a workspace named ${input.name}; choose another name`, {
      validations: [{ field: "name", detail: "is already taken" }],
      cause: error,
    });
  }
}

/** Whether the pool may have something to claim in a moment. */
const isPassing = (reason: MissReason): boolean => reason === "pool_empty" || reason === "not_ready";

async function tryClaim(
  context: Context,
  target: CreateTarget,
  preset: TargetPreset | undefined,
  workspace: NewWorkspace,
  signal: AbortSignal | undefined,
): Promise<{ workspaceId: string } | { workspaceId?: undefined; missReason: MissReason }> {
  if (!preset) return { missReason: "no_preset" };
  if (!target.versionActive) return { missReason: "inactive_version" };
  if (preset.desiredInstances === null) return { missReason: "no_pool" };
  const claim = { ...workspace, presetId: preset.id, oldestFresh: oldestFresh(preset, workspace.now) };
  const claimed = await context.claimPrebuild(claim, signal);
  if (claimed) return { workspaceId: claimed.workspaceId };
  if (await hasUnready(context.pool, preset.id)) return { missReason: "not_ready" };
  return { missReason: (await isPaused(context.pool, preset.id)) ? "paused" : "pool_empty" };
}

function buildAnew(context: Context, workspace: NewWorkspace): Promise<string> {
  const ids = { buildId: randomUUID(), jobId: randomUUID() };
  return withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    const workspaceId = await insertWorkspace(client, workspace, ids);
    await context.queue.add(client, WORK.build, [ids.jobId], PRIORITY.person);
    return workspaceId;
  });
}

function choosePreset(target: CreateTarget, input: CreateWorkspaceInput): TargetPreset | undefined {
  if (input.presetId === undefined) return matchPreset(target.presets, input.parameters);
  const preset = target.presets.find(({ id }) => id === input.presetId);
  if (preset) return preset;
  throw new ProblemError("invalid", `template ${target.templateName} has no such preset in this version`, {
    validations: [{ field: "template_version_preset_id", detail: "is not a preset of the template version" }],
  });
}

function describe(
  input: CreateWorkspaceInput,
  target: CreateTarget,
  preset: TargetPreset | undefined,
  parameters: readonly Parameter[],
  now: Date,
): NewWorkspace {
  const autostart = autostartOf(input, target);
  return {
    organizationId: input.organizationId,
    ownerId: input.ownerId,
    initiatorId: input.initiatorId,
    name: input.name,
    templateId: target.templateId,
    versionId: target.versionId,
    presetId: preset?.id ?? null,
    provisioner: target.provisioner,
    autostartSchedule: autostart === null ? null : (input.autostartSchedule ?? null),
    nextStartAt: autostart === null ? null : nextStartAt(autostart, now),
    ttl: ttlOf(input, target),
    automaticUpdates: input.automaticUpdates,
    parameters,
    now,
  };
}

/** The parameters of the build: what is given, and the defaults that the version declares for the rest. */
async function resolve(
  context: Context,
  target: CreateTarget,
  given: readonly Parameter[],
): Promise<readonly Parameter[]> {
  if (!target.declaresParameters) return given;
  const declared = await readDeclaredParameters(context.pool, target.versionId);
  const problems = parameterProblems(declared, given);
  if (problems.length === 0) return resolveParameters(declared, given);
  throw new ProblemError("invalid", `the template ${target.templateName} does not take these parameters`, {
    validations: problems.map(({ name, problem }) => ({
      field: "rich_parameter_values",
      detail: `${name} ${problem}`,
    })),
  });
}

function autostartOf(input: CreateWorkspaceInput, target: CreateTarget) {
  if (!input.autostartSchedule || !target.allowUserAutostart) return null;
  const schedule = parseAutostart(input.autostartSchedule);
  if (typeof schedule !== "string") return schedule;
  throw new ProblemError("invalid", `the autostart schedule ${schedule}`, {
    validations: [{ field: "autostart_schedule", detail: schedule }],
  });
}

/** Nanoseconds until autostop: what the request asks for where the template leaves the choice, else the template's. */
function ttlOf(input: CreateWorkspaceInput, target: CreateTarget): number | null {
  const chosen = target.allowUserAutostop && input.ttlMs !== undefined ? input.ttlMs : target.defaultTtl / NS_PER_MS;
  return chosen === null || chosen === 0 ? null : chosen * NS_PER_MS;
}
