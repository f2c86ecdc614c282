import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Actor } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { isUniqueViolation, ProblemError } from "../errors.ts";
import { nextStart } from "../lifecycle/autostart.ts";
import { claimCostly } from "../prebuilds/claim.ts";
import { type IdempotentRequest, lookAtPool, type MissReason } from "../prebuilds/claim-store.ts";
import type { Claimed } from "../prebuilds/claimed.ts";
import { isPaused } from "../prebuilds/pause-store.ts";
import { oldestFresh } from "../prebuilds/state.ts";
import { PRIORITY, WORK } from "../provisioner/queue.ts";
import { readDeclaredParameters } from "../templates/parameter-store.ts";
import { type DescribedParameter, parameterProblems, resolveParameters } from "../templates/parameters.ts";
import { inSpan, traceParent } from "../tracing.ts";
import { workspaceAsClaimed } from "./as-claimed.ts";
import {
  type CreateTarget,
  insertWorkspace,
  type NewWorkspace,
  readCreateTarget,
  type TargetPreset,
} from "./create-store.ts";
import { autostartOf, ttlOf } from "./first-schedule.ts";
import { fitsPrebuilds, matchPreset, mergeParameters, type Parameter } from "./preset-match.ts";
import { createdLine, spanAttributes } from "./request-fields.ts";
import { findRequest } from "./request-store.ts";
import type { WorkspaceWithBuild } from "./view.ts";

export type CreateWorkspaceInput = {
  readonly organizationId: string;
  readonly ownerId: string;
  readonly initiatorId: string;
  /** Who asks, for the audit log. */
  readonly actor: Actor;
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
  /** Asked twice with the same key, the second time answers as the first. */
  readonly request?: IdempotentRequest | undefined;
  /** Aborted, with the error to answer with, when nobody waits for the answer any more: nothing is created then. */
  readonly signal?: AbortSignal;
};

export type CreateOutcome = {
  readonly workspaceId: string;
  readonly claimed: boolean;
  readonly missReason: MissReason | null;
  /** An earlier request with the same key got this; nothing was done now. */
  readonly repeated: boolean;
  /** A workspace that was claimed, as it was then; any other is to be read. */
  readonly asClaimed?: WorkspaceWithBuild;
  /** The build that was queued; none when nothing was done. */
  readonly queued?: { readonly buildId: string; readonly jobId: string };
};

/** How often a caller who waits for a prebuild looks again. */
const LOOK_AGAIN_MS = 100;

/**
 * Gives somebody a workspace: a ready prebuild of the preset, claimed, or else a new one, built.
 * @throws ProblemError when the template, version or preset is not there, a value is wrong, or the name is taken; nothing
 * has changed then
 */
export async function createWorkspace(
  context: Context,
  input: CreateWorkspaceInput,
  mayUse: (template: CreateTarget) => void = () => {},
): Promise<CreateOutcome> {
  const before = await findAnswered(context, input);
  if (before) return before;
  return createNow(context, input, mayUse).catch(async (error: unknown) => {
    // An equal request that came at the same moment may have taken the name, or what is asked for has gone since.
    const meanwhile = await findAnswered(context, input);
    if (!meanwhile) throw error;
    return meanwhile;
  });
}

async function createNow(
  context: Context,
  input: CreateWorkspaceInput,
  mayUse: (template: CreateTarget) => void,
): Promise<CreateOutcome> {
  const startedAt = performance.now();
  const deadline = startedAt + input.waitMs;
  for (;;) {
    const patient = performance.now() < deadline;
    // Read again after every wait: meanwhile another version may have become active.
    const target = await findTarget(context, input, mayUse);
    const preset = choosePreset(target, input);
    const outcome = await tryOnce(context, input, target, preset, patient);
    if (outcome) {
      context.wake.pools();
      context.wake.jobs();
      const seconds = (performance.now() - startedAt) / 1_000;
      context.onCreate?.(seconds, outcome.missReason, preset?.id ?? null);
      context.log.info(...createdLine({ ...input, target, preset, outcome, seconds }));
      return outcome;
    }
    await delay(Math.min(LOOK_AGAIN_MS, Math.max(deadline - performance.now(), 0)));
    input.signal?.throwIfAborted();
  }
}

async function findTarget(
  context: Context,
  input: CreateWorkspaceInput,
  mayUse: (template: CreateTarget) => void,
): Promise<CreateTarget> {
  const target = await readCreateTarget(context.pool, {
    organizationId: input.organizationId,
    templateId: input.templateId,
    versionId: input.templateVersionId,
    presetId: input.presetId,
  });
  if (!target) throw noTemplate();
  mayUse(target); // before anything is said about it
  if (target.versionArchived) {
    const message = `this version of the template ${target.templateName} is archived; choose another one`;
    throw new ProblemError("conflict", message);
  }
  if (target.deprecated !== "") {
    throw new ProblemError("invalid", `the template ${target.templateName} is deprecated: ${target.deprecated}`);
  }
  return target;
}

/**
 * What an earlier request with the same key got.
 * @throws ProblemError when that one asked for something else
 */
async function findAnswered(context: Context, input: CreateWorkspaceInput): Promise<CreateOutcome | undefined> {
  const { request, initiatorId } = input;
  const answered = request && (await findRequest(context.pool, initiatorId, request.key));
  if (!answered) return undefined;
  if (!answered.requestHash.equals(request.hash)) {
    throw new ProblemError("conflict", "this Idempotency-Key was used for another request; use a new one for this", {
      validations: [{ field: "Idempotency-Key", detail: "was used for another request" }],
    });
  }
  const { workspaceId, missReason } = answered;
  return { workspaceId, claimed: missReason === null, missReason, repeated: true };
}

const noTemplate = () =>
  new ProblemError("not_found", "there is no such template or template version in this organization");

const goneMeanwhile = () =>
  new ProblemError("not_found", "the template or the owner is not in this organization any more");

/** Claims, else builds anew; undefined when it is worth waiting for a prebuild instead. */
async function tryOnce(
  context: Context,
  input: CreateWorkspaceInput,
  target: CreateTarget,
  preset: TargetPreset | undefined,
  patient: boolean,
): Promise<CreateOutcome | undefined> {
  const declared = target.declaresParameters ? await readDeclaredParameters(context.pool, target.versionId) : [];
  const parameters = resolve(target, declared, mergeParameters(preset?.parameters ?? [], input.parameters));
  const workspace = describe(input, target, preset, parameters, context.clock.now());
  try {
    const fits = !preset || fitsPrebuilds(declared, preset.parameters, input.parameters);
    const asked = { workspace, fits, signal: input.signal };
    const claimed = await inSpan("claim", spanAttributes(target, preset, input), async (span) => {
      const found = await tryClaim(context, target, preset, asked);
      if (typeof found === "string") span.setAttribute("prebuildd.miss_reason", found);
      else span.setAttributes({ "prebuildd.workspace.id": found.workspaceId, "prebuildd.build.id": found.buildId });
      return found;
    });
    if (typeof claimed !== "string") {
      const { workspaceId } = claimed;
      const asClaimed = workspaceAsClaimed(target, workspace, claimed);
      return { workspaceId, claimed: true, missReason: null, repeated: false, asClaimed, queued: claimed };
    }
    const missReason = claimed;
    if (patient && isPassing(missReason)) return undefined;
    if (preset && isPassing(missReason)) context.onMiss?.(preset.id);
    input.signal?.throwIfAborted();
    const built = await inSpan("create", spanAttributes(target, preset, input), async (span) => {
      const made = await buildAnew(context, workspace, missReason);
      span.setAttributes({ "prebuildd.workspace.id": made.workspaceId, "prebuildd.build.id": made.buildId });
      return made;
    });
    return { workspaceId: built.workspaceId, claimed: false, missReason, repeated: false, queued: built };
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
  {
    workspace,
    fits,
    signal,
  }: { readonly workspace: NewWorkspace; readonly fits: boolean; readonly signal: AbortSignal | undefined },
): Promise<Claimed | MissReason> {
  if (!preset) return "no_preset";
  if (!target.versionActive) return "inactive_version";
  if (preset.desiredInstances === null) return "no_pool";
  if (!fits) return "parameters";
  const claim = {
    ...workspace,
    presetId: preset.id,
    oldestFresh: oldestFresh(preset, workspace.now),
    traceParent: traceParent(),
  };
  const claimed = await context.claimPrebuild(claim, signal);
  if (claimed) return claimed;
  const { unready, cheapest } = await lookAtPool(context.pool, preset.id);
  if (cheapest !== null) {
    signal?.throwIfAborted();
    const affordable = await claimCostly(context, claim, target.organizationName);
    if (affordable) return affordable;
  }
  if (unready) return "not_ready";
  return (await isPaused(context.pool, preset.id)) ? "paused" : "pool_empty";
}

function buildAnew(
  context: Context,
  workspace: NewWorkspace,
  missReason: MissReason,
): Promise<{ readonly workspaceId: string; readonly buildId: string; readonly jobId: string }> {
  const ids = { buildId: randomUUID(), jobId: randomUUID() };
  return withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    const workspaceId = await insertWorkspace(client, workspace, ids, missReason, traceParent());
    if (workspaceId === undefined) throw goneMeanwhile();
    await context.queue.add(client, WORK.build, [ids.jobId], PRIORITY.person);
    return { workspaceId, ...ids };
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
  const autostartSchedule = autostartOf(input, target);
  return {
    organizationId: input.organizationId,
    ownerId: input.ownerId,
    initiatorId: input.initiatorId,
    actor: input.actor,
    request: input.request ?? null,
    name: input.name,
    templateId: target.templateId,
    versionId: target.versionId,
    presetId: preset?.id ?? null,
    provisioner: target.provisioner,
    autostartSchedule,
    nextStartAt: nextStart({ autostartSchedule, template: target }, now),
    ttl: ttlOf(input, target),
    automaticUpdates: input.automaticUpdates,
    parameters,
    now,
  };
}

/** The parameters of the build: what is given, and the defaults that the version declares for the rest. */
function resolve(
  target: CreateTarget,
  declared: readonly DescribedParameter[],
  given: readonly Parameter[],
): readonly Parameter[] {
  if (!target.declaresParameters) return given;
  const problems = parameterProblems(declared, given);
  if (problems.length === 0) return resolveParameters(declared, given);
  throw new ProblemError("invalid", `the template ${target.templateName} does not take these parameters`, {
    validations: problems.map(({ name, problem }) => ({
      field: "rich_parameter_values",
      detail: `${name} ${problem}`,
    })),
  });
}
