import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { type Difference, difference } from "../audit/entry.ts";
import type { Context } from "../context.ts";
import { BEGIN, type Queryable, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, pathPart, subjectOf, targetIdOf } from "../http/authorize.ts";
import { idParams } from "../http/paging.ts";
import { templateInPath } from "../http/references.ts";
import { organizationResource } from "../organizations/resource.ts";
import type { Resource } from "../rbac/decide.ts";
import { templateResource } from "../templates/resource.ts";
import { findTemplate } from "../templates/store.ts";
import { invalidationEntry, poolEntry, settingsEntry } from "./control-audit.ts";
import {
  type FoundPreset,
  findPreset,
  invalidatePrebuilds,
  pausePool,
  readSchedule,
  readSettings,
  resetPool,
  resumePool,
  storeSettings,
} from "./control-store.ts";
import { poolName } from "./name.ts";
import { previewSchedule, schedulePreviewSchema } from "./schedule-preview.ts";
import { type PoolView, poolSchema, readPools } from "./status.ts";

const TAGS = ["prebuilds"];
const MAX_DAYS = 31;
const DAYS = `must be a whole number from 1 to ${MAX_DAYS}`;

const settingsSchema = z.strictObject({ reconciliation_paused: z.boolean({ error: "must be true or false" }) });
const invalidatedSchema = z.object({
  invalidated: z.array(
    z.object({ template_name: z.string(), template_version_name: z.string(), preset_name: z.string() }),
  ),
});
const daysQuery = z.object({
  days: z.coerce
    .number({ error: DAYS })
    .int({ error: DAYS })
    .min(1, { error: DAYS })
    .max(MAX_DAYS, { error: DAYS })
    .default(7)
    .describe("how many days to look ahead"),
});

/** Adds the routes by which people steer the pools; every change wakes the pass over them. */
export function registerControlRoutes(app: App, context: Context): void {
  registerSettings(app, context);
  registerSteering(app, context);
  registerSchedule(app, context);
  registerInvalidation(app, context);
}

function registerSettings(app: App, context: Context): void {
  app.get(
    "/prebuilds/settings",
    {
      config: { access: { list: ({ organizationId }) => organizationResource(organizationId) } },
      schema: {
        operationId: "getPrebuildsSettings",
        summary: "What is set for all pools",
        tags: TAGS,
        response: { 200: settingsSchema },
      },
    },
    () => readSettings(context.pool),
  );

  app.put(
    "/prebuilds/settings",
    {
      config: { access: { action: "update", of: () => ({ type: "deployment_config" }) } },
      schema: {
        operationId: "updatePrebuildsSettings",
        summary: "Sets for all pools whether they are paused: nothing is created or deleted then, and claims go on",
        tags: TAGS,
        body: settingsSchema,
        response: { 200: settingsSchema, 304: z.null().describe("This is what was set already") },
      },
    },
    async (request, reply) => {
      const { userId, username } = subjectOf(request);
      const now = context.clock.now();
      const stored = await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
        const before = await storeSettings(client, request.body, userId, now);
        if (before === undefined) return false;
        await audit(request, client, settingsEntry(before, request.body), now);
        return true;
      });
      if (!stored) {
        auditDone(request);
        return reply.status(304).send(null);
      }
      context.wake.pools();
      const { reconciliation_paused: paused } = request.body;
      request.log.info({ user: username }, `all pools: ${paused ? "paused" : "resumed"} by ${username}`);
      return request.body;
    },
  );
}

function registerSteering(app: App, context: Context): void {
  const steering = [
    {
      verb: "pause",
      summary: "Pauses a pool, over new versions too: nothing is created or deleted, and claims go on",
      done: "paused",
      act: pause,
    },
    {
      verb: "resume",
      summary: "Ends the pause of a pool",
      done: "resumed",
      act: resume,
    },
    {
      verb: "reset",
      summary: "Forgets the failures of a pool, so that prebuilds are created again at once",
      done: "reset",
      act: reset,
    },
  ] as const;

  for (const { verb, summary, done, act } of steering) {
    app.post(
      `/prebuilds/presets/:id/${verb}`,
      {
        config: { access: { action: "update", of: presetInPath(context) } },
        schema: { operationId: `${verb}Pool`, summary, tags: TAGS, params: idParams, response: { 200: poolSchema } },
      },
      async (request) => {
        const { userId, username } = subjectOf(request);
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
        return poolView(context, preset);
      },
    );
  }
}

function registerSchedule(app: App, context: Context): void {
  app.get(
    "/prebuilds/presets/:id/schedule",
    {
      config: { access: { action: "read", of: presetInPath(context) } },
      schema: {
        operationId: "previewSchedule",
        summary: "The sizes that a pool will have, and the changes of the clocks meanwhile",
        tags: TAGS,
        params: idParams,
        querystring: daysQuery,
        response: { 200: schedulePreviewSchema },
      },
    },
    async (request) => {
      const { id: presetId } = await presetWithPool(context, targetIdOf(request));
      const stored = await readSchedule(context.pool, presetId);
      if (!stored) throw notFound();
      return previewSchedule({ presetId, ...stored }, context.clock.now(), request.query.days);
    },
  );
}

function registerInvalidation(app: App, context: Context): void {
  app.post(
    "/templates/:id/prebuilds/invalidate",
    {
      config: { access: { action: "update", of: (request) => templateInPath(context, request) } },
      schema: {
        operationId: "invalidatePrebuilds",
        summary: "Makes all prebuilds of a template's active version expire now, so that they are replaced",
        tags: TAGS,
        params: idParams,
        response: { 200: invalidatedSchema },
      },
    },
    async (request) => {
      const template = await findTemplate(context.pool, targetIdOf(request));
      if (!template) throw notFound();
      const now = context.clock.now();
      const invalidated = await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
        const changed = await invalidatePrebuilds(client, template.id, now);
        if (changed.length === 0) auditDone(request);
        else await audit(request, client, invalidationEntry(template, changed, now), now);
        return changed;
      });
      context.wake.pools();
      const { username } = subjectOf(request);
      const names = invalidated.map(({ template_name, preset_name }) => `${template_name}/${preset_name}`).join(", ");
      request.log.info({ user: username }, `prebuilds of ${names || "no preset"} invalidated by ${username}`);
      return { invalidated };
    },
  );
}

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

/** What may be done with a pool is what may be done with its template; the resource's id is the preset's. */
function presetInPath({ pool }: Context) {
  return async (request: FastifyRequest): Promise<Resource | undefined> => {
    const preset = await findPreset(pool, pathPart(request, "id"));
    return preset && templateResource({ id: preset.id, organizationId: preset.organizationId });
  };
}

/** @throws ProblemError when the preset has no pool, or when the pool is that of another version's preset now. */
async function presetWithPool({ pool }: Context, id: string): Promise<FoundPreset> {
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

async function poolView(context: Context, { id, name }: FoundPreset): Promise<PoolView> {
  const view = (await readPools(context)).find((pool) => pool.preset_id === id);
  if (view) return view;
  throw new ProblemError("conflict", `preset ${name} has lost its pool meanwhile; look at the pools again`);
}
