import type { FastifyRequest } from "fastify";
import { type Difference, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, type Queryable, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, pathPart, subjectOf, targetIdOf } from "../http/authorize.ts";
import type { Resource } from "../rbac/decide.ts";
import { templateResource } from "../templates/resource.ts";
import { poolEntry, settingsEntry } from "./control-audit.ts";
import { type FoundPreset, findPreset, pausePool, resetPool, resumePool, storeSettings } from "./control-store.ts";
import { poolName } from "./name.ts";
import type { PrebuildsSettings } from "./settings.ts";

/** The ways of steering one pool. */
export const STEERING = ["pause", "resume", "reset"] as const;
export type SteeringVerb = (typeof STEERING)[number];

/** Who steers a pool, and when. */
type By = { readonly userId: string; readonly now: Date };

/** Each way of steering a pool says what it has changed, which may be nothing. */
async function pause(db: Queryable, preset: FoundPreset, { userId, now }: By): Promise<Difference> {
  return (await pausePool(db, preset, userId, now)) ? difference({ paused: false }, { paused: true }) : {};
}

async function resume(db: Queryable, preset: FoundPreset): Promise<Difference> {
  return (await resumePool(db, preset)) ? difference({ paused: true }, { paused: false }) : {};
}

async function reset(db: Queryable, preset: FoundPreset, { now }: By): Promise<Difference> {
  const before = await resetPool(db, preset, now);
  return before ? difference(before, { status: "healthy", status_detail: "", failures_reset_at: now }) : {};
}

const WAYS: Readonly<
  Record<SteeringVerb, { done: string; act: (db: Queryable, preset: FoundPreset, by: By) => Promise<Difference> }>
> = {
  pause: { done: "paused", act: pause },
  resume: { done: "resumed", act: resume },
  reset: { done: "reset", act: reset },
};

/**
 * Steers the pool that the request was authorized for, writes who did it, and wakes the pass over the pools.
 * @throws ProblemError when there is no such pool (any more)
 */
export async function steer(context: Context, request: FastifyRequest, verb: SteeringVerb): Promise<FoundPreset> {
  const { userId, username } = subjectOf(request);
  const { done, act } = WAYS[verb];
  const preset = await presetWithPool(context, targetIdOf(request));
  const now = context.clock.now();
  await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    const diff = await act(client, preset, { userId, now });
    if (Object.keys(diff).length === 0) auditDone(request);
    else await audit(request, client, poolEntry(preset, diff), now);
  });
  context.wake.pools();
  const { templateName, name: presetName } = preset;
  request.log.info(
    { template: templateName, preset: presetName, user: username },
    `pool ${poolName({ templateName, presetName })}: ${done} by ${username}`,
  );
  return preset;
}

/** Stores what is set for all pools, likewise; false when it was set already. */
export async function steerAll(
  context: Context,
  request: FastifyRequest,
  settings: PrebuildsSettings,
): Promise<boolean> {
  const { userId, username } = subjectOf(request);
  const now = context.clock.now();
  const stored = await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    const before = await storeSettings(client, settings, userId, now);
    if (before === undefined) return false;
    await audit(request, client, settingsEntry(before, settings), now);
    return true;
  });
  if (!stored) {
    auditDone(request);
    return false;
  }
  context.wake.pools();
  const { reconciliation_paused: paused } = settings;
  request.log.info({ user: username }, `all pools: ${paused ? "paused" : "resumed"} by ${username}`);
  return true;
}

/** What may be done with a pool is what may be done with its template; the resource's id is the preset's. */
export function presetInPath({ pool }: Context) {
  return async (request: FastifyRequest): Promise<Resource | undefined> => {
    const preset = await findPreset(pool, pathPart(request, "id"));
    return preset && templateResource({ id: preset.id, organizationId: preset.organizationId });
  };
}

/** @throws ProblemError when the preset has no pool, or when the pool is that of another version's preset now. */
export async function presetWithPool({ pool }: Context, id: string): Promise<FoundPreset> {
  const preset = await findPreset(pool, id);
  if (!preset) throw notFound();
  const { name, templateName, versionName, activeId, desiredInstances } = preset;
  if (!preset.active) {
    const instead = activeId === null ? "which has no preset of that name" : `whose preset ${name} is ${activeId}`;
    throw new ProblemError(
      "conflict",
      `preset ${name} is of version ${versionName} of template ${templateName}, and pools are kept of the active version only, ${instead}`,
    );
  }
  if (desiredInstances === null) {
    throw new ProblemError(
      "conflict",
      `preset ${name} of template ${templateName} has no pool; give it prebuilds in the apply file, with instances: 0 or more`,
    );
  }
  return preset;
}
