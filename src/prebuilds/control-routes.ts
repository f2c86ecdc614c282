import { z } from "zod";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { ProblemError } from "../errors.ts";
import type { App } from "../http/app.ts";
import { audit, auditDone } from "../http/audit.ts";
import { notFound, subjectOf, targetIdOf } from "../http/authorize.ts";
import { idParams } from "../http/paging.ts";
import { templateInPath } from "../http/references.ts";
import { organizationResource } from "../organizations/resource.ts";
import { findTemplate } from "../templates/store.ts";
import { invalidationEntry } from "./control-audit.ts";
import { type FoundPreset, invalidatePrebuilds, readSchedule, readSettings } from "./control-store.ts";
import { previewSchedule, schedulePreviewSchema } from "./schedule-preview.ts";
import { type PoolView, poolSchema, readPools } from "./status.ts";
import { presetInPath, presetWithPool, STEERING, type SteeringVerb, steer, steerAll } from "./steer.ts";

const TAGS = ["prebuilds"];
const MAX_DAYS = 31;
const DAYS = `must be a whole number from 1 to ${MAX_DAYS}`;

const settingsSchema = z.strictObject({ reconciliation_paused: z.boolean({ error: "must be true or false" }) });
const invalidatedSchema = z.object({
  invalidated: z.array(
    z.object({ template_name: z.string(), template_version_name: z.string(), preset_name: z.string() }),
  ),
});
const SUMMARIES: Readonly<Record<SteeringVerb, string>> = {
  pause: "Pauses a pool, over new versions too: nothing is created or deleted, and claims go on",
  resume: "Ends the pause of a pool",
  reset: "Forgets the failures of a pool, so that prebuilds are created again at once",
};
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
      if (await steerAll(context, request, request.body)) return request.body;
      return reply.status(304).send(null);
    },
  );
}

function registerSteering(app: App, context: Context): void {
  for (const verb of STEERING) {
    app.post(
      `/prebuilds/presets/:id/${verb}`,
      {
        config: { access: { action: "update", of: presetInPath(context) } },
        schema: {
          operationId: `${verb}Pool`,
          summary: SUMMARIES[verb],
          tags: TAGS,
          params: idParams,
          response: { 200: poolSchema },
        },
      },
      async (request) => poolView(context, await steer(context, request, verb)),
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

async function poolView(context: Context, { id, name }: FoundPreset): Promise<PoolView> {
  const view = (await readPools(context)).find((pool) => pool.preset_id === id);
  if (view) return view;
  throw new ProblemError("conflict", `preset ${name} has lost its pool meanwhile; look at the pools again`);
}
